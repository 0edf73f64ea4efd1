package import Jobs
import Logging
import Store

/// Writes and tells what has run out: grace, slack, cancelled and paused periods.
///
/// Safe to run twice, and at once: each row is changed by whoever holds it, once.
package struct EndLapsedEntitlements: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "fulfillment.end-lapsed"
    package static let queue = QueueName.fulfillment
    package static let policy = JobPolicy(attempts: 3, backoff: .exponential(from: .seconds(5)), timeout: .seconds(300))
    package var priority: JobPriority { .high }

    /// Rows in one transaction: few enough to hold locks shortly.
    private static let page = 100

    // What is done.

    package func run(_ deps: FulfillmentDependencies, _ context: JobContext) async throws -> JobOutcome {
        var total = 0
        while true {
            let now = context.now()
            let ended = try await deps.store.transaction { try $0.endLapsed(at: now, limit: Self.page) }
            total += ended
            if ended < Self.page { break }
        }
        if total > 0 { context.logger.info("entitlements ran out", metadata: ["count": "\(total)"]) }
        return .done
    }
}
