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
        let (standings, payPal) = try await deps.store.read { transaction in
            (try transaction.reconciliationStandings(), try transaction.payPalStandings())
        }
        for standing in standings where standing.provider == .thriveCart && standing.waiting > 0 {
            do {
                try await lookAgain(at: standing, deps, context)
            } catch  where error is ThriveCartAPIError || error is ReconciliationProblem {
                // Books that can't be read keep nobody else's from being looked at; the daily run tells why.
                context.logger.warning(
                    "the books do not answer",
                    metadata: ["books": "\(standing.name)", "error": "\(error)"]
                )
            }
        }
        let mode = deps.payPalEnvironment.mode
        if payPal.contains(where: { $0.mode == mode && $0.waiting > 0 }),
            let comparison = PayPalComparison(deps, now: context.now)
        {
            tell(try await comparison.lookAgain(), of: "paypal", context)
        }
        return .done
    }

    private func lookAgain(
        at standing: ReconciliationStanding,
        _ deps: ReconciliationDependencies,
        _ context: JobContext
    ) async throws {
        guard let id = standing.site, let site = try await deps.store.read({ try $0.site(id) }) else { return }
        for mode in Mode.allCases where site.grants(in: mode) {
            let books = try await deps.ownBooks(of: site, in: mode)
            let comparison = BooksComparison(site, in: mode, books: books, store: deps.store, now: context.now)
            tell(try await comparison.lookAgain(), of: "\(site.id)", context)
        }
    }

    private func tell(_ counts: Reconciliation.Counts, of books: String, _ context: JobContext) {
        guard counts.rows > 0 else { return }
        context.logger.info(
            "looked again",
            metadata: ["books": "\(books)", "rows": "\(counts.rows)", "healed": "\(counts.healed)"]
        )
    }
}
