import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse access`: the one question everything here is about.
struct Access: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Whether somebody has access to a plan, from which source and until when.",
        discussion: """
            Exit status 0: has access. 3: has none. With --wait, asks again until there is access or the time is over.

            EXAMPLE
              gatehouse access ana@example.com basic
              gatehouse access ana@example.com basic --wait 10s && echo "let her in"
            """
    )

    @Argument(help: ArgumentHelp("The member's e-mail address.", valueName: "email"), transform: Reading.email)
    var email: EmailAddress

    @Argument(help: ArgumentHelp("The plan's short name.", valueName: "plan"), transform: Reading.slug)
    var plan: Slug

    @OptionGroup var site: SiteOption

    @Option(
        name: .long,
        help: ArgumentHelp("Wait for access so long, such as 10s.", valueName: "time"),
        transform: Reading.span
    )
    var wait: Duration = .zero

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var email: String
        var plan: String
        var access: Bool
        /// False where nobody has this address.
        var member: Bool
        var status: String
        /// When access is known to end; absent is open.
        var until: Date?
        var sources: [PlanAccess.Source]
        /// Where nobody has the address: what is known of it.
        var known: Acquaintances?
        /// For sentences.
        var site: String

        private enum CodingKeys: String, CodingKey { case email, plan, access, member, status, until, sources, known }

        var exitStatus: ExitStatus { access ? .ok : .no }

        func show(on page: inout Page) {
            let end = until.map { " until \(Moment.text($0))" } ?? ""
            page.line("\(email) has \(access ? "" : "no ")access to \(plan)\(end)", access ? .good : .bad)
            if !member { page.line("  nobody signs in with this address") }
            known?.show(email, at: site, on: &page)
            if member && sources.isEmpty {
                page.line("  nothing of it was bought or granted; all that was heard of the member:")
                page.line("  gatehouse events list --email \(email.shellWord) --site \(site)")
            }
            for source in sources { page.line("  \(source.sentence)") }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let end = ContinuousClock.now + wait
        while true {
            let reply = try await reply(at: desk)
            guard !reply.access, ContinuousClock.now < end else { return reply }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func reply(at desk: Desk) async throws -> Reply {
        let now = Date.now
        return try await desk.store.read { transaction in
            let site = try transaction.site(self.site)
            let plan = try transaction.plan(self.plan, of: site)
            let member = try transaction.member(email: email, of: site.id)
            let sources =
                try member.map { try transaction.accessSources(of: [$0.id]).filter { $0.plan == plan.id } } ?? []
            let access = PlanAccess(plan.slug.text, sources, at: now)
            return Reply(
                email: email.original,
                plan: plan.slug.text,
                access: access.access,
                member: member != nil,
                status: access.status,
                until: access.until,
                sources: access.sources,
                known: member == nil ? try transaction.acquaintances(of: email, at: site) : nil,
                site: site.slug.text
            )
        }
    }
}
