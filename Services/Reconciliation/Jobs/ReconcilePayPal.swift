package import Jobs
import Logging
import PayPal
import Postgres
import Store

/// Compares PayPal's books with ours: events, money, what is open, and how merchants stand.
///
/// Safe to run twice: see `PayPalRun`. A second job finds the first at it and leaves it alone.
package struct ReconcilePayPal: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "reconciliation.paypal"
    package static let queue = QueueName.reconciliation
    package static let policy = JobPolicy(attempts: 5, backoff: .exponential(from: .seconds(60)), lease: .seconds(30))
    package var uniqueKey: String? { "paypal" }

    // What is done.

    package func run(_ deps: ReconciliationDependencies, _ context: JobContext) async throws -> JobOutcome {
        do {
            let run = try await PayPalRun(deps, now: context.now).run(.init(.daily))
            context.logger.info("PayPal's books compared", metadata: run.metadata)
            return .done
        } catch ReconciliationProblem.noPayPal {
            return .discarded("PayPal is not set up")
        } catch is ReconciliationProblem {
            return .snoozed(.seconds(30))
        } catch let outage as PayPalOutage where outage.reason == .credentials {
            context.logger.error("PayPal's books can't be read", metadata: ["error": "\(outage)"])
            return .snoozed(.seconds(3600))
        } catch let outage as PayPalOutage {
            // An outage spends no attempt: the run goes on with the part in which it stands.
            context.logger.warning("PayPal's books do not answer", metadata: ["error": "\(outage)"])
            return .snoozed(max(outage.retryAfter ?? .seconds(300), .seconds(30)))
        } catch let error as PostgresError where error.isTransient {
            context.logger.warning("the database is away", metadata: ["error": "\(error)"])
            return .snoozed(.seconds(30))
        }
    }
}
