import ArgumentParser
import AsyncHTTPClient
import Domain
import Foundation
import PayPal
import Postgres
import ReconciliationJobs
import Store
import Synchronization
import ThriveCart

/// `gatehouse reconcile`: the providers' books beside ours.
struct Reconcile: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare the providers' books with ours.",
        subcommands: [RunReconciliation.self, ReconciliationStatus.self]
    )
}

/// Whose books.
enum BooksProvider: String, ExpressibleByArgument, CaseIterable {
    case thriveCart = "thrivecart"
    case payPal = "paypal"
}

struct RunReconciliation: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Compare the providers' books with ours now, and heal what was missed.",
        discussion: """
            Reads the transactions of a site's ThriveCart account from the newest back to what was seen last, and \
            applies what never came by webhook. It takes as long as 60 requests a minute allow; stopped, it goes on where \
            it stood. With --since it heals everything from then on, orders too that are older than the API key.

            Of PayPal's books, which are those of all merchants, it applies the events that never came, and compares \
            captures, refunds, open orders, vault tokens and how merchants stand. Nothing is charged or refunded.

            Without --provider both, as far as they are set up. Exit status 3 when something needs a person.

            EXAMPLE
              gatehouse reconcile run --dry-run
              gatehouse reconcile run --site demo --since 30d
              gatehouse reconcile run --provider paypal --since 3d
            """
    )

    static let needs: Set<Need> = [.database, .redis, .keys]

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "Whose books, thrivecart or paypal (default: both).")
    var provider: BooksProvider?

    @Option(
        name: .long,
        help: ArgumentHelp("Back to this moment or age (default: to what was seen last).", valueName: "time"),
        transform: Reading.moment
    )
    var since: Date?

    @Flag(name: .long, help: "Say what would be healed, and keep nothing.")
    var dryRun = false

    @OptionGroup var flight: FlightOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        /// Whose ThriveCart account it was; absent where only PayPal's books were compared.
        var site: String?
        var dryRun: Bool
        var runs: [BooksRunEntry]
        /// What a dry run found, the first of it.
        var would: [Rehearsed]?

        var exitStatus: ExitStatus { runs.contains { $0.needsPerson > 0 } ? .no : .ok }

        func show(on page: inout Page) {
            if dryRun { page.line("Nothing was kept; this is what would be done.", .warning) }
            for run in runs { run.show(on: &page, site: site) }
            guard let would, !would.isEmpty else { return }
            var table = Table("would be", "what", "order", "item", "happened", "why")
            for entry in would {
                table.row(
                    Table.Cell(entry.state),
                    Table.Cell(entry.kind),
                    Table.Cell(entry.order),
                    Table.Cell(entry.item),
                    Table.Cell(entry.occurredAt.map { Moment.text($0) }),
                    Table.Cell(entry.reason)
                )
            }
            page.table(table, otherwise: "")
            let all = runs.reduce(0) { $0 + $1.healed + $1.waiting + $1.needsPerson }
            if all > would.count { page.line("And \(all - would.count) more.", .faint) }
        }
    }

    /// A discrepancy that is not kept.
    struct Rehearsed: Encodable, Sendable {
        var provider: String
        var kind: String
        var order: String?
        var item: String?
        var occurredAt: Date?
        var state: String
        var reason: String?

        init(_ discrepancy: Discrepancy) {
            provider = discrepancy.provider.rawValue
            kind = discrepancy.kind.rawValue
            order = discrepancy.order
            item = discrepancy.item?.description
            occurredAt = discrepancy.occurredAt
            state = discrepancy.state.rawValue
            reason = discrepancy.reason
        }
    }

    /// Collects what a dry run finds, as far as it is shown.
    private final class Rehearsal: Sendable {
        private let kept = Mutex<[Rehearsed]>([])
        private static let most = 50

        var found: [Rehearsed] { kept.withLock { $0 } }

        @Sendable func note(_ discrepancy: Discrepancy) {
            kept.withLock { if $0.count < Self.most { $0.append(Rehearsed(discrepancy)) } }
        }
    }

    func validate() throws {
        if let since, since > .now { throw ValidationError("--since must lie in the past.") }
    }

    func answer(at desk: Desk) async throws -> Reply {
        var reply = Reply(site: nil, dryRun: dryRun, runs: [])
        let rehearsed = Rehearsal()
        let payPal = desk.openPayPal
        if provider == .thriveCart || provider == nil, let site = try await sellingSite(desk, hasPayPal: payPal != nil)
        {
            reply.site = site.slug.text
            let wish: BooksRun.Wish = wish(rehearsed.note)
            reply.runs += try await desk.readBooks(of: site, wish, "comparing").map { BooksRunEntry($0) }
        }
        if provider == .payPal || provider == nil && payPal != nil {
            let wish: PayPalRun.Wish = wish(rehearsed.note)
            reply.runs.append(BooksRunEntry(try await desk.readPayPalBooks(wish)))
        }
        if dryRun { reply.would = rehearsed.found }
        return reply
    }

    private func wish<Options>(_ rehearsed: @escaping @Sendable (Discrepancy) -> Void) -> RunWish<Options> {
        var comparing = Options()
        comparing.isRehearsal = dryRun
        comparing.rehearsed = rehearsed
        comparing.inFlight = flight.seconds
        return RunWish(.asked, since: since, comparing: comparing)
    }

    /// Where both are meant, a site without a key, or none at all, is no reason not to ask PayPal.
    private func sellingSite(_ desk: Desk, hasPayPal: Bool) async throws -> Site? {
        try await desk.store.read { transaction in
            let isAsked = provider == .thriveCart || site.site != nil || !hasPayPal
            if !isAsked, try transaction.sites().isEmpty { return nil }
            let found = try transaction.site(self.site)
            return try isAsked || transaction.apiKey(of: found.id, at: .thriveCart) != nil ? found : nil
        }
    }
}

/// How long to wait for webhooks before anything is taken away.
struct FlightOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "How long a webhook may still be on its way; younger losses wait (default: 10m).",
            valueName: "time"
        ),
        transform: Reading.span
    )
    var inFlight: Duration = .seconds(600)

    var seconds: TimeInterval { inFlight.inSeconds }
}

/// One run as an operator sees it.
struct BooksRunEntry: Encodable, Sendable {
    var id: String
    var provider: String
    var mode: String
    var kind: String
    var state: String
    var rows: Int
    var agreed: Int
    var healed: Int
    /// Found, and waiting to be looked at again.
    var waiting: Int
    var needsPerson: Int
    var page: Int
    var total: Int?
    var startedAt: Date
    var endedAt: Date?

    init(_ run: Reconciliation) {
        id = run.id.description
        provider = run.provider.rawValue
        mode = run.mode.rawValue
        kind = run.kind.rawValue
        state = run.state.rawValue
        rows = run.counts.rows
        agreed = run.counts.agreed
        healed = run.counts.healed
        waiting = run.counts.waiting
        needsPerson = run.counts.needsPerson
        page = run.page
        total = run.total
        startedAt = run.startedAt
        endedAt = run.endedAt
    }

    func show(on page: inout Page, site: String?) {
        page.fields([
            "Books": Table.Cell("\(provider), \(mode), \(rows.counted("row")) looked at"),
            "Agreed": Table.Cell("\(agreed)"),
            "Healed": Table.Cell("\(healed)", healed > 0 ? .good : .plain),
            "Waiting": Table.Cell("\(waiting)", waiting > 0 ? .warning : .plain),
            "Need a person": Table.Cell("\(needsPerson)", needsPerson > 0 ? .bad : .plain),
        ])
        let whose = provider == Provider.payPal.rawValue ? " --provider paypal" : site.map { " --site \($0)" } ?? ""
        if needsPerson > 0 { page.line("See: gatehouse discrepancies list\(whose) --state person") }
    }
}

extension Desk {
    /// What reads the books, as the reconciliation process has it.
    func reconciling() throws -> ReconciliationDependencies {
        let redis = try redis
        return ReconciliationDependencies(
            store: try store,
            sealer: try sealer,
            http: .shared,
            pace: RequestPace(redis: redis, perMinute: books.requestsPerMinute, logger: .mute),
            jobs: try queues,
            redis: redis,
            thriveCart: books.address,
            payPal: openPayPal,
            payPalPace: RequestPace(redis: redis, perMinute: books.payPalPerMinute, at: .payPal, logger: .mute)
        )
    }

    /// Runs through PayPal's books, showing how far it has come.
    func readPayPalBooks(_ wish: PayPalRun.Wish) async throws -> Reconciliation {
        let dependencies = try reconciling()
        let progress = ProgressLine("comparing")
        defer { progress.finish() }
        return try await whenFree {
            try await PayPalRun(dependencies).run(wish) { run in
                let part = PayPalRun.Part(rawValue: run.page)?.name ?? "done"
                progress.show(
                    run.page - 1,
                    of: PayPalRun.Part.allCases.count,
                    "\(part), \(run.counts.rows.counted("row"))"
                )
            }
        }
    }

    /// Runs through the books in each mode that gives access, showing how far it has come.
    ///
    /// A run that was killed goes on; for one that has just been, it waits until that is certain.
    func readBooks(of site: Site, _ wish: BooksRun.Wish, _ what: String) async throws -> [Reconciliation] {
        let dependencies = try reconciling()
        var runs: [Reconciliation] = []
        for mode in Mode.allCases where site.grants(in: mode) {
            let progress = TimedProgress(what)
            runs.append(
                try await whenFree {
                    try await BooksRun(site, in: mode, dependencies).run(wish) { run in
                        progress.show(run.counts.rows, of: run.total)
                    }
                }
            )
            progress.finish()
        }
        return runs
    }

    /// Waits a while for a run that seems to be under way: its process may just have died.
    private func whenFree(_ run: () async throws -> Reconciliation) async throws -> Reconciliation {
        let end = ContinuousClock.now + .seconds(30)
        while true {
            do {
                return try await run()
            } catch ReconciliationProblem.underway where ContinuousClock.now < end {
                try await Task.sleep(for: .seconds(1))
            }
        }
    }
}

struct ReconciliationStatus: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show when each site's books, and PayPal's, were compared last.",
        discussion: """
            Exit status 3 when books were not compared for 26 hours, or can't be read.

            EXAMPLE
              gatehouse reconcile status || echo "somebody should look"
            """
    )

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var sites: [Entry]

        struct Entry: Encodable {
            var site: String
            var provider: String
            var succeededAt: Date?
            /// Why the last run failed, if it did.
            var problem: String?
            var overdue: Bool
            var waiting: Int
            var needsPerson: Int
        }

        var exitStatus: ExitStatus { sites.contains { $0.overdue || $0.problem != nil } ? .no : .ok }

        func show(on page: inout Page) {
            var table = Table("site", "books", "compared", .number("waiting"), .number("need a person"), "")
            for site in sites {
                table.row(
                    Table.Cell(site.site),
                    Table.Cell(site.provider),
                    Table.Cell(site.succeededAt.map { Moment.text($0) }),
                    Table.Cell("\(site.waiting)"),
                    Table.Cell("\(site.needsPerson)", site.needsPerson > 0 ? .bad : .plain),
                    site.problem.map { Table.Cell($0, .bad) }
                        ?? (site.overdue ? Table.Cell("overdue", .bad) : Table.Cell("in time", .good))
                )
            }
            page.table(table, otherwise: "No site has an API key: gatehouse site update --thrivecart-api-key-file FILE")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let now = Date.now
        return try await desk.store.read { transaction in
            Reply(
                sites: try (transaction.reconciliationStandings() + transaction.payPalStandings()).map { standing in
                    Reply.Entry(
                        site: standing.name,
                        provider: standing.provider.rawValue,
                        succeededAt: standing.succeededAt,
                        problem: standing.problem,
                        overdue: standing.isOverdue(at: now),
                        waiting: standing.waiting,
                        needsPerson: standing.needsPerson
                    )
                }
            )
        }
    }
}
