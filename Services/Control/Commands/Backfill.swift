import ArgumentParser
import Domain
import Foundation
import Postgres
import ReconciliationJobs
import Store
import ThriveCart

/// `gatehouse backfill`: take over who bought before.
struct Backfill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take over who bought before Gatehouse was connected.",
        subcommands: [BackfillThriveCart.self]
    )
}

struct BackfillThriveCart: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "thrivecart",
        abstract: "Make members of all customers that ThriveCart's books hold.",
        discussion: """
            Reads every transaction, and each customer's record, through the site's API key. 60 requests a minute are about \
            3 000 customers an hour. It may be stopped, or killed, at any time: run again it goes on where it stood, and \
            nothing is done twice. Nobody is told unless you say so: --tell sends messages to endpoints, --letters also \
            sends members their letters.

            EXAMPLE
              gatehouse backfill thrivecart --preview
              gatehouse backfill thrivecart --site demo
            """
    )

    static let needs: Set<Need> = [.database, .redis, .keys]

    @OptionGroup var site: SiteOption

    @Option(
        name: .long,
        help: ArgumentHelp("Not further back than this moment or age.", valueName: "time"),
        transform: Reading.moment
    )
    var since: Date?

    @Flag(name: .long, help: "Look at the newest page only, say what all would take, and keep nothing.")
    var preview = false

    @Flag(name: .long, help: "Send messages to endpoints.")
    var tell = false

    @Flag(name: .long, help: "Send messages to endpoints, and letters to members.")
    var letters = false

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var site: String
        var preview: Bool
        var runs: [BooksRunEntry]
        var seconds: Double
        /// The least time that the limit of requests allows, in a preview; absent where there is no limit.
        var leastMinutes: Int?
        var mostMinutes: Int?

        var exitStatus: ExitStatus { runs.contains { $0.needsPerson > 0 } ? .no : .ok }

        func show(on page: inout Page) {
            for run in runs {
                if preview {
                    page.line("\(run.mode): the books hold \((run.total ?? run.rows).counted("row")).")
                    page.line("Of the newest \(run.rows), \(run.healed) are new and \(run.agreed) are known.")
                } else {
                    run.show(on: &page, site: site)
                }
            }
            if preview {
                if let leastMinutes, let mostMinutes {
                    page.line("All of it takes between \(leastMinutes) and \(mostMinutes.counted("minute")).")
                }
                page.line("Nothing was kept. To begin: gatehouse backfill thrivecart --site \(site)")
            } else {
                page.line("Took \(Int(min(seconds, 1e9).rounded())) s.", .faint)
            }
        }
    }

    func validate() throws {
        if let since, since > .now { throw ValidationError("--since must lie in the past.") }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let site = try await desk.store.read { try $0.site(self.site) }
        var comparing = BooksComparison.Options()
        comparing.hearers = letters ? .everybody : tell ? .endpoints : .nobody
        comparing.keepsHealed = false
        comparing.isRehearsal = preview
        let began = ContinuousClock.now
        let since = preview ? Date.now : since
        let runs = try await desk.readBooks(
            of: site,
            BooksRun.Wish(.backfill, since: since, comparing: comparing),
            "taking over"
        )
        let seconds = (ContinuousClock.now - began).inSeconds
        let rows = runs.reduce(0) { $0 + ($1.total ?? 0) }
        // Between one request for a hundred rows and one more for each of them.
        let perMinute = desk.books.requestsPerMinute
        return Reply(
            site: site.slug.text,
            preview: preview,
            runs: runs.map { BooksRunEntry($0) },
            seconds: seconds,
            leastMinutes: preview && perMinute > 0 ? 1 + rows / (100 * perMinute) : nil,
            mostMinutes: preview && perMinute > 0 ? 1 + (rows + rows / 100) / perMinute : nil
        )
    }
}
