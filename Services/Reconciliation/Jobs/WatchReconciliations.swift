import Domain
import Foundation
package import Jobs
import Logging
import Metrics
import Postgres
import Store

/// Says so when books were not compared for 26 hours, and goes on with runs whose process, or whose job, is gone.
///
/// Safe to run twice: a site's job waits once.
package struct WatchReconciliations: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "reconciliation.watch"
    package static let queue = QueueName.reconciliation
    package static let policy = JobPolicy(attempts: 3, backoff: .exponential(from: .seconds(30)), timeout: .seconds(60))
    package var priority: JobPriority { .high }

    // What is done.

    package func run(_ deps: ReconciliationDependencies, _ context: JobContext) async throws -> JobOutcome {
        let now = context.now()
        let payPal = deps.payPal == nil ? nil : deps.payPalEnvironment.mode
        let (standings, abandoned): ([ReconciliationStanding], [Reconciliation]) = try await deps.store.read {
            transaction in
            (
                try transaction.reconciliationStandings()
                    + transaction.payPalStandings().filter { $0.mode == payPal },
                try transaction.abandonedReconciliations(at: now).filter { run in
                    guard run.kind == .daily else { return false }
                    // What is not compared any more needs nobody to go on with it.
                    guard let site = run.site else { return run.mode == payPal }
                    return try transaction.site(site)?.grants(in: run.mode) ?? false
                }
            )
        }
        // No site: PayPal's books.
        var again = Set(abandoned.map(\.site))
        for standing in standings {
            let site = [("site", standing.name), ("provider", standing.provider.rawValue)]
            let age = now.timeIntervalSince(standing.succeededAt ?? standing.since)
            Gauge(label: "reconciliation_age_seconds", dimensions: site).record(age)
            Gauge(label: "reconciliation_overdue", dimensions: site).record(standing.isOverdue(at: now) ? 1 : 0)
            Gauge(label: "discrepancies_waiting", dimensions: site).record(standing.waiting)
            Gauge(label: "discrepancies_person", dimensions: site).record(standing.needsPerson)
            guard standing.isOverdue(at: now) else { continue }
            context.logger.error(
                "books were not compared for 26 hours",
                metadata: ["site": "\(standing.name)", "provider": "\(standing.provider.rawValue)"]
            )
            again.insert(standing.site)
        }
        for site in again {
            if let site {
                try await deps.jobs.enqueue(ReconcileSite(site: site))
            } else if payPal != nil {
                try await deps.jobs.enqueue(ReconcilePayPal())
            }
        }
        return .done
    }
}
