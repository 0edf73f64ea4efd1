import Domain
package import Jobs
import Logging
import Postgres
import Store
import ThriveCart

/// Looks again at what was found and could still have been on its way then.
///
/// Safe to run twice: what is healed is found to agree.
package struct LookAgain: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "reconciliation.look-again"
    package static let queue = QueueName.reconciliation
    package static let policy = JobPolicy(attempts: 3, backoff: .exponential(from: .seconds(60)))

    // What is done.

    package func run(_ deps: ReconciliationDependencies, _ context: JobContext) async throws -> JobOutcome {
        let standings = try await deps.store.read { try $0.reconciliationStandings() }
        for standing in standings where standing.provider == .thriveCart && standing.waiting > 0 {
            guard let site = try await deps.store.read({ try $0.site(standing.site) }) else { continue }
            for mode in Mode.allCases where site.grants(in: mode) {
                guard let books = try await deps.books(of: site, in: mode) else { continue }
                let comparison = BooksComparison(site, in: mode, books: books, store: deps.store, now: context.now)
                let counts = try await comparison.lookAgain()
                if counts.rows > 0 {
                    context.logger.info(
                        "looked again",
                        metadata: ["site": "\(site.id)", "rows": "\(counts.rows)", "healed": "\(counts.healed)"]
                    )
                }
            }
        }
        return .done
    }
}
