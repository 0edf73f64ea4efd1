import ArgumentParser
import Domain
import Foundation
import Postgres
import ReconciliationJobs
import Store
import ThriveCart

struct ResyncMember: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "resync",
        abstract: "Look up all that ThriveCart knows of a member, and heal what was missed.",
        discussion: """
            Asks for every address that the member has or had. Access that is to be taken away is confirmed by the \
            customer's record first, and waits while a webhook may still be on its way. Exit status 3 when something needs \
            a person.

            EXAMPLE
              gatehouse members resync ana@example.com
            """
    )

    static let needs: Set<Need> = [.database, .redis, .keys]

    @Argument(help: ArgumentHelp("The member's e-mail address.", valueName: "email"), transform: Reading.email)
    var email: EmailAddress

    @OptionGroup var site: SiteOption
    @OptionGroup var flight: FlightOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var site: String
        var email: String
        /// Addresses that were asked for.
        var addresses: [String]
        var rows: Int
        var agreed: Int
        var healed: Int
        var waiting: Int
        var needsPerson: Int

        var exitStatus: ExitStatus { needsPerson > 0 ? .no : .ok }

        func show(on page: inout Page) {
            guard rows > 0 else {
                page.line("ThriveCart has no transaction of \(addresses.joined(separator: ", "))", .warning)
                page.line("Other addresses of a member: gatehouse members show \(email) --site \(site)")
                return
            }
            page.line(
                "\(rows.counted("row")) of \(addresses.joined(separator: ", ")): \(agreed) agreed, \(healed) healed",
                .good
            )
            if waiting > 0 { page.line("\(waiting) wait: a webhook may still be on its way", .warning) }
            if needsPerson > 0 {
                page.line("\(needsPerson) need a person: gatehouse discrepancies list --site \(site)", .bad)
            }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let site = try await desk.store.read { try $0.site(self.site) }
        var comparing = BooksComparison.Options()
        comparing.inFlight = flight.seconds
        var reply = Reply(
            site: site.slug.text,
            email: email.original,
            addresses: [],
            rows: 0,
            agreed: 0,
            healed: 0,
            waiting: 0,
            needsPerson: 0
        )
        for mode in Mode.allCases where site.grants(in: mode) {
            let result = try await MemberResync(site, in: mode, try desk.reconciling()).run(email, comparing: comparing)
            reply.addresses = result.addresses.map(\.original)
            reply.rows += result.counts.rows
            reply.agreed += result.counts.agreed
            reply.healed += result.counts.healed
            reply.waiting += result.counts.waiting
            reply.needsPerson += result.counts.needsPerson
        }
        return reply
    }
}
