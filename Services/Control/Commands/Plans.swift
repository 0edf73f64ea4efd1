import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse plan`: what a site sells, and which items open it.
struct Plans: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "What a site sells, and which items open it.",
        subcommands: [CreatePlan.self, ListPlans.self, LinkPlan.self, UnlinkPlan.self]
    )
}

struct CreatePlan: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a plan.",
        discussion: """
            An item is an External ID: ThriveCart's kind and number, such as product-2, upsell-2, bump-7 or downsell-5. \
            Sales of it that came before give access too.

            EXAMPLE
              gatehouse plan create basic --name Basic --item product-7 --item upsell-2
            """
    )

    @Argument(help: ArgumentHelp("Its short name.", valueName: "plan"), transform: Reading.slug)
    var slug: Slug

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "Its name.")
    var name: String

    @Option(name: .customLong("item"), help: "An item that opens it; repeat for more.", transform: Reading.item)
    var items: [ItemKey] = []

    @Flag(name: .long, help: "Leave a plan of this name as it is, and say that all is well.")
    var ifMissing = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !name.trimmingBlanks().isEmpty else { throw ValidationError("--name must not be empty.") }
    }

    struct Reply: Answer {
        var created: Bool
        var plan: PlanEntry

        func show(on page: inout Page) {
            page.line(created ? "Made the plan \(plan.plan)." : "The plan \(plan.plan) exists already.", .good)
            page.table(PlanEntry.table([plan]), otherwise: "")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let now = Date.now
        let (site, plan, created) = try await desk.store.transaction { transaction in
            let site = try transaction.site(self.site)
            let plan = Plan(
                id: Plan.ID.new(at: now),
                site: site.id,
                slug: slug,
                name: name.trimmingBlanks(),
                items: Set(items),
                createdAt: now
            )
            if try transaction.insert(plan) { return (site, plan, true) }
            guard ifMissing else {
                throw CommandProblem.failure(
                    "the site \(site.slug) has a plan \(slug) already",
                    fix: "gatehouse plan link \(slug) --item …, another name, or --if-missing to leave it as it is"
                )
            }
            return (site, try transaction.plan(slug, of: site), false)
        }
        try await desk.rederive(site, holding: plan.items, because: "plan create", at: now)
        return Reply(created: created, plan: try await desk.store.read { try $0.entry(of: plan) })
    }
}

struct ListPlans: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List a site's plans.",
        discussion: """
            EXAMPLE
              gatehouse plan list --site demo
            """
    )

    @OptionGroup var site: SiteOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var site: String
        var plans: [PlanEntry]

        func show(on page: inout Page) {
            page.table(PlanEntry.table(plans), otherwise: "The site \(site) has no plans yet.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let site = try transaction.site(self.site)
            let members = try transaction.memberCounts(of: site.id)
            let plans = try transaction.plans(of: site.id).map { PlanEntry($0, members: members[$0.id] ?? 0) }
            return Reply(site: site.slug.text, plans: plans)
        }
    }
}

struct LinkPlan: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "link",
        abstract: "Let more items open a plan.",
        discussion: """
            Whoever bought them before has access from now on.

            EXAMPLE
              gatehouse plan link basic --item bump-7
            """
    )

    @OptionGroup var link: LinkOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> LinkReply {
        let now = Date.now
        let (site, plan, linked) = try await desk.store.transaction { transaction in
            let (site, plan) = try link.find(in: transaction)
            let linked = try transaction.link(Set(link.items), to: plan, at: now)
            return (site, try transaction.plan(plan.slug, of: site), linked)
        }
        try await desk.rederive(site, holding: Set(link.items), because: "plan link", at: now)
        return LinkReply(linked: linked, unlinked: [], plan: try await desk.store.read { try $0.entry(of: plan) })
    }
}

struct UnlinkPlan: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlink",
        abstract: "Let items open a plan no more.",
        discussion: """
            Access that came from them alone ends.

            EXAMPLE
              gatehouse plan unlink basic --item bump-7
            """
    )

    @OptionGroup var link: LinkOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> LinkReply {
        let now = Date.now
        let (site, plan, unlinked) = try await desk.store.transaction { transaction in
            let (site, plan) = try link.find(in: transaction)
            let unlinked = try transaction.unlink(Set(link.items), from: plan)
            return (site, try transaction.plan(plan.slug, of: site), unlinked)
        }
        try await desk.rederive(site, holding: Set(link.items), because: "plan unlink", at: now)
        return LinkReply(linked: [], unlinked: unlinked, plan: try await desk.store.read { try $0.entry(of: plan) })
    }
}

/// Which items and which plan are meant.
struct LinkOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The plan's short name.", valueName: "plan"), transform: Reading.slug)
    var plan: Slug

    @OptionGroup var site: SiteOption

    @Option(name: .customLong("item"), help: "An item; repeat for more.", transform: Reading.item)
    var items: [ItemKey] = []

    func validate() throws {
        guard !items.isEmpty else { throw ValidationError("--item is missing, such as --item product-7.") }
    }

    func find(in transaction: Transaction) throws -> (Site, Plan) {
        let site = try transaction.site(self.site)
        return (site, try transaction.plan(plan, of: site))
    }
}

struct LinkReply: Answer {
    /// Items that did not open the plan before.
    var linked: [String]
    /// Items that did.
    var unlinked: [String]
    var plan: PlanEntry

    init(linked: Set<ItemKey>, unlinked: Set<ItemKey>, plan: PlanEntry) {
        self.linked = linked.sorted().map(\.description)
        self.unlinked = unlinked.sorted().map(\.description)
        self.plan = plan
    }

    func show(on page: inout Page) {
        for item in linked { page.line("\(item) opens \(plan.plan)", .good) }
        for item in unlinked { page.line("\(item) opens \(plan.plan) no more", .warning) }
        if linked.isEmpty && unlinked.isEmpty { page.line("Nothing to change.") }
        page.table(PlanEntry.table([plan]), otherwise: "")
    }
}

/// A plan in lists and documents.
struct PlanEntry: Encodable, Sendable {
    var id: String
    var plan: String
    var name: String
    /// Its External IDs.
    var items: [String]
    /// Members with at least one source of it, with access or not.
    var members: Int
    var createdAt: Date

    init(_ plan: Plan, members: Int) {
        id = plan.id.description
        self.plan = plan.slug.text
        name = plan.name
        items = plan.items.sorted().map(\.description)
        self.members = members
        createdAt = plan.createdAt
    }

    static func table(_ plans: [PlanEntry]) -> Table {
        var table = Table("plan", "name", "opened by", .number("members"))
        for plan in plans {
            table.row(
                Table.Cell(plan.plan),
                Table.Cell(plan.name),
                plan.items.isEmpty
                    ? Table.Cell("nothing yet", .warning) : Table.Cell(plan.items.joined(separator: ", ")),
                Table.Cell("\(plan.members)")
            )
        }
        return table
    }
}

extension Transaction {
    fileprivate func entry(of plan: Plan) throws -> PlanEntry {
        PlanEntry(plan, members: try memberCounts(of: plan.site)[plan.id] ?? 0)
    }
}
