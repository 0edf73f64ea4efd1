import Domain
package import Jobs
import Postgres
import Store

/// Every day: a job for each site whose books we may read.
///
/// Safe to run twice: a site's job waits once.
package struct StartReconciliations: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "reconciliation.start"
    package static let queue = QueueName.reconciliation
    package static let policy = JobPolicy(
        attempts: 10,
        backoff: .exponential(from: .seconds(30)),
        timeout: .seconds(60)
    )

    // What is done.

    package func run(_ deps: ReconciliationDependencies, _ context: JobContext) async throws -> JobOutcome {
        let standings = try await deps.store.read { try $0.reconciliationStandings() }
        for standing in standings where standing.provider == .thriveCart {
            if let site = standing.site { try await deps.jobs.enqueue(ReconcileSite(site: site)) }
        }
        if deps.payPal != nil { try await deps.jobs.enqueue(ReconcilePayPal()) }
        return .done
    }
}
