import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

// Access given by hand. It stands beside what was bought, and nothing that a provider tells takes it away.

struct GrantAccess: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant",
        abstract: "Give somebody a plan by hand.",
        discussion: """
            Makes the member where nobody has this address. Granting again changes the end. No refund or cancellation \
            touches it.

            EXAMPLE
              gatehouse members grant ana@example.com basic --by "Lea, support"
              gatehouse members grant ana@example.com basic --by Lea --until 2030-01-01
            """
    )

    @OptionGroup var whom: GrantOptions

    @Option(
        name: .long,
        help: ArgumentHelp("When it ends (default: never).", valueName: "time"),
        transform: Reading.moment
    )
    var until: Date?

    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> GrantReply {
        let now = Date.now
        if let until, until <= now { throw CommandProblem.usage("--until is past", fix: "gatehouse members withdraw") }
        return try await desk.store.transaction { transaction in
            let (site, plan) = try whom.find(in: transaction)
            let member =
                try transaction.member(email: whom.email, of: site.id)
                ?? transaction.newMember(whom.email, of: site, at: now)
            try transaction.grant(plan, to: member, until: until, by: whom.by, at: now)
            return try transaction.reply(for: member, plan, changed: true, at: now)
        }
    }
}

struct WithdrawGrant: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw",
        abstract: "Take back a plan that was given by hand.",
        discussion: """
            What was bought stays. Exit status 3 when nothing was given.

            EXAMPLE
              gatehouse members withdraw ana@example.com basic --by "Lea, support"
            """
    )

    @OptionGroup var whom: GrantOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> GrantReply {
        let now = Date.now
        return try await desk.store.transaction { transaction in
            let (site, plan) = try whom.find(in: transaction)
            guard let member = try transaction.member(email: whom.email, of: site.id) else {
                return GrantReply(
                    email: whom.email.original,
                    changed: false,
                    plan: PlanAccess(plan.slug.text, [], at: now)
                )
            }
            let changed = try transaction.withdrawGrant(of: plan, from: member, by: whom.by, at: now)
            return try transaction.reply(for: member, plan, changed: changed, at: now)
        }
    }
}

/// Who is given what, and by whom.
struct GrantOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The member's e-mail address.", valueName: "email"), transform: Reading.email)
    var email: EmailAddress

    @Argument(help: ArgumentHelp("The plan's short name.", valueName: "plan"), transform: Reading.slug)
    var plan: Slug

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "Who says so; kept with the change.")
    var by: String

    func validate() throws {
        guard !by.trimmingBlanks().isEmpty else { throw ValidationError("--by must not be empty.") }
    }

    func find(in transaction: Transaction) throws -> (Site, Plan) {
        let site = try transaction.site(self.site)
        return (site, try transaction.plan(plan, of: site))
    }
}

struct GrantReply: Answer {
    var email: String
    /// False where there was nothing to take back.
    var changed: Bool
    var plan: PlanAccess

    var exitStatus: ExitStatus { changed ? .ok : .no }

    func show(on page: inout Page) {
        page.line(email)
        if !changed { page.line("Nothing was given by hand.", .warning) }
        plan.show(on: &page)
    }
}

extension Transaction {
    fileprivate func newMember(_ email: EmailAddress, of site: Site, at now: Date) throws -> Member {
        let member = Member(id: .new(at: now), site: site.id, email: email, origin: .byOperator, createdAt: now)
        guard try !insert(member) else { return member }
        guard let made = try self.member(email: email, of: site.id) else {
            throw CommandProblem.unavailable("somebody else is making this member", fix: "run it again")
        }
        return made
    }

    fileprivate func reply(for member: Member, _ plan: Plan, changed: Bool, at now: Date) throws -> GrantReply {
        let sources = try accessSources(of: [member.id]).filter { $0.plan == plan.id }
        return GrantReply(
            email: member.email.original,
            changed: changed,
            plan: PlanAccess(plan.slug.text, sources, at: now)
        )
    }
}
