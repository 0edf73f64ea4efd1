import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse members`: who bought, and what they have.
struct Members: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Who bought, and what they have.",
        subcommands: [ListMembers.self, ShowMember.self, ResyncMember.self, GrantAccess.self, WithdrawGrant.self]
    )
}

struct ListMembers: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List members, the newest first.",
        discussion: """
            EXAMPLE
              gatehouse members list --search ana --plan basic
            """
    )

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "Part of an address or a name.")
    var search: String?

    @Option(name: .long, help: "Only who has, or had, this plan.", transform: Reading.slug)
    var plan: Slug?

    @OptionGroup var page: PageOptions<Member>
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var members: [Entry]
        /// Where the next page goes on; absent on the last.
        var next: String?

        struct Entry: Encodable {
            var email: String
            var name: String?
            /// Plans that the member has access to now.
            var plans: [String]
            var since: Date
        }

        func show(on page: inout Page) {
            var table = Table("e-mail", "name", "has access to", "since")
            for member in members {
                table.row(
                    Table.Cell(member.email),
                    Table.Cell(member.name),
                    member.plans.isEmpty
                        ? Table.Cell("none", .faint) : Table.Cell(member.plans.joined(separator: ", "), .good),
                    Table.Cell(Moment.text(member.since))
                )
            }
            page.table(table, otherwise: "No members.")
            page.next(next)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let now = Date.now
        return try await desk.store.read { transaction in
            let site = try transaction.site(self.site)
            let plan = try self.plan.map { try transaction.plan($0, of: site).id }
            let found = try transaction.search(
                MemberSearch(site: site.id, text: search, plan: plan, after: page.after, limit: page.asked)
            )
            let (members, next) = page.cut(found, id: \.id)
            let sources = Dictionary(grouping: try transaction.accessSources(of: members.map(\.id)), by: \.member)
            return Reply(
                members: members.map { member in
                    Reply.Entry(
                        email: member.email.original,
                        name: member.fullName,
                        plans: PlanAccess.all(of: sources[member.id] ?? [], at: now).filter(\.access).map(\.plan),
                        since: member.createdAt
                    )
                },
                next: next
            )
        }
    }
}

struct ShowMember: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a member: what they have, from where, and what happened lately.",
        discussion: """
            Exit status 3 when nobody has this address.

            EXAMPLE
              gatehouse members show ana@example.com
            """
    )

    @Argument(help: ArgumentHelp("The member's e-mail address.", valueName: "email"), transform: Reading.email)
    var email: EmailAddress

    @OptionGroup var site: SiteOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var member: Person?
        var plans: [PlanAccess] = []
        /// The latest first, at most 20.
        var history: [Change] = []
        /// Where nobody has the address: what is known of it.
        var known: Acquaintances?
        /// For the sentence where nobody has it.
        private var asked: (email: String, site: String)?

        private enum CodingKeys: String, CodingKey { case member, plans, history, known }

        init(member: Person, plans: [PlanAccess], history: [Change]) {
            self.member = member
            self.plans = plans
            self.history = history
        }

        init(nobodyWith email: EmailAddress, at site: Site, _ known: Acquaintances) {
            self.known = known
            asked = (email.original, site.slug.text)
        }

        struct Person: Encodable {
            var id: String
            var email: String
            var name: String?
            var billingEmail: String?
            var origin: String
            var since: Date
        }

        var exitStatus: ExitStatus { member == nil ? .no : .ok }

        func show(on page: inout Page) {
            guard let member else {
                page.line("Nobody has this address.")
                if let asked { known?.show(asked.email, at: asked.site, on: &page) }
                return
            }
            page.fields([
                "E-mail": Table.Cell(member.email),
                "Name": member.name.map { Table.Cell($0) },
                "Billed at": member.billingEmail.map { Table.Cell($0) },
                "Since": Table.Cell("\(Moment.text(member.since)), by \(member.origin)"),
                "Id": Table.Cell(member.id, .faint),
            ])
            page.heading("Plans")
            if plans.isEmpty { page.line("None.") }
            for plan in plans { plan.show(on: &page) }
            page.heading("Lately")
            page.table(Change.table(history), otherwise: "Nothing.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let now = Date.now
        return try await desk.store.read { transaction in
            let site = try transaction.site(self.site)
            guard let member = try transaction.member(email: email, of: site.id) else {
                return Reply(nobodyWith: email, at: site, try transaction.acquaintances(of: email, at: site))
            }
            return Reply(
                member: Reply.Person(
                    id: member.id.description,
                    email: member.email.original,
                    name: member.fullName,
                    billingEmail: member.billingEmail?.original,
                    origin: member.origin.rawValue,
                    since: member.createdAt
                ),
                plans: PlanAccess.all(of: try transaction.accessSources(of: [member.id]), at: now),
                history: try transaction.accessHistory(of: member.id, limit: 20).map { Change($0) }
            )
        }
    }
}

extension Member {
    var fullName: String? {
        let name = [firstName, lastName].compactMap { $0 }.joined(separator: " ")
        return name.isEmpty ? nil : name
    }
}
