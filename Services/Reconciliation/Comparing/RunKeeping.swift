import Domain
import Foundation
import Metrics
import Postgres
import Store

/// Keeps how far a run has come, says that it goes on, and lets one process at a time have it.
struct RunKeeping: Sendable {
    let store: Store
    let now: @Sendable () -> Date
    /// How often it is said that a run goes on.
    var pulse = Duration.seconds(5)

    /// Keeps how far a run has come.
    typealias Save = @Sendable (Reconciliation) async throws -> Void

    /// Begins a run, or goes on with the one that was interrupted; does the work, looks again at what waits, and ends
    /// it.
    ///
    /// A rehearsal only does the work, and keeps nothing, not even that it was.
    /// - Parameter work: saves the run at each step from which it can go on.
    func run(
        _ fresh: Reconciliation,
        isRehearsal: Bool,
        _ work: @escaping @Sendable (Reconciliation, _ save: Save) async throws -> Reconciliation,
        lookAgain: @escaping @Sendable () async throws -> Reconciliation.Counts
    ) async throws -> Reconciliation {
        if isRehearsal { return try await work(fresh) { _ in } }
        let begun = try await begin(fresh)
        return try await beating(begun) {
            let done = try await work(begun) { try await save($0) }
            _ = try await lookAgain()
            return try await finish(done)
        }
    }

    /// The run that was interrupted, or this new one.
    private func begin(_ fresh: Reconciliation) async throws -> Reconciliation {
        try await store.transaction { transaction in
            let running = try transaction.lockRunning(
                of: fresh.site,
                at: fresh.provider,
                in: fresh.mode,
                isBackfill: fresh.kind == .backfill
            )
            if let running {
                guard running.isAbandoned(at: fresh.startedAt) else { throw ReconciliationProblem.underway }
                return try transaction.take(running, for: fresh)
            }
            guard try transaction.insert(fresh) else { throw ReconciliationProblem.underway }
            return fresh
        }
    }

    /// Does the work, saying again and again that the run goes on; stops when another process has it.
    private func beating(
        _ run: Reconciliation,
        _ work: @escaping @Sendable () async throws -> Reconciliation
    ) async throws -> Reconciliation {
        try await withThrowingTaskGroup(of: Reconciliation?.self) { group in
            group.addTask {
                while try await beat(run) { try await Task.sleep(for: pulse) }
                return nil
            }
            group.addTask { try await work() }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let ended { return ended }
            }
            throw ReconciliationProblem.takenOver
        }
    }

    /// False when there is nothing left to be said: the work is done, and kept.
    private func beat(_ run: Reconciliation) async throws -> Bool {
        let pulse = try await store.transaction { try $0.beat(run, at: now()) }
        if pulse == .taken { throw ReconciliationProblem.takenOver }
        return pulse == .running
    }

    /// Keeps that a run could not be made, for whoever wonders why nothing is compared.
    func fail(_ run: Reconciliation, _ problem: String) async throws {
        let moment = now()
        try await store.transaction { transaction in
            let running = try transaction.lockRunning(
                of: run.site,
                at: run.provider,
                in: run.mode,
                isBackfill: run.kind == .backfill
            )
            var failed = run
            if let running {
                guard running.holder == run.holder || running.isAbandoned(at: moment) else { return }
                failed = try transaction.take(running, for: run)
            } else {
                guard try transaction.insert(run) else { return }
            }
            failed.state = .failed
            failed.problem = problem
            failed.beatAt = moment
            failed.endedAt = moment
            _ = try transaction.save(failed)
        }
    }

    private func save(_ run: Reconciliation) async throws {
        var beaten = run
        beaten.beatAt = now()
        let isOurs = try await store.transaction { [beaten] in try $0.save(beaten) }
        guard isOurs else { throw ReconciliationProblem.takenOver }
    }

    /// Ends the run, and tells the site, or every active site of PayPal's books, what came of it.
    private func finish(_ begun: Reconciliation) async throws -> Reconciliation {
        var run = begun
        run.state = .succeeded
        run.endedAt = now()
        var facts = MessageFacts()
        facts.reconciliation = MessageFacts.Reconciliation(run)
        try await store.transaction { [run, facts] transaction in
            guard try transaction.save(run) else { throw ReconciliationProblem.takenOver }
            guard run.kind != .backfill else { return }
            let all = try run.site == nil ? transaction.sites().filter { $0.status == .active }.map(\.id) : []
            for site in run.site.map({ [$0] }) ?? all {
                try transaction.stage(.reconciliationCompleted, facts, of: site, at: now())
            }
        }
        let provider = ("provider", run.provider.rawValue)
        for (label, count) in [
            ("agreed", run.counts.agreed), ("healed", run.counts.healed), ("waiting", run.counts.waiting),
            ("person", run.counts.needsPerson),
        ] {
            Counter(label: "reconciliation_rows_total", dimensions: [("outcome", label), provider]).increment(by: count)
        }
        Counter(label: "reconciliation_runs_total", dimensions: [("kind", run.kind.rawValue), provider]).increment()
        return run
    }
}
