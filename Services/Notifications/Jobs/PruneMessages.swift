import Domain
package import Foundation
package import Jobs
import Logging
import Postgres
package import Store

/// Takes away messages, deliveries, attempts and letters that were settled longer ago than they are kept.
///
/// Safe to run twice, and beside itself: what is gone is gone, and each takes what the other has not locked.
package struct PruneMessages: Job {
    // How it is run.

    package static let kind: JobKind = "notifications.prune"
    package static let queue: QueueName = "notifications"
    package static let policy = JobPolicy(
        attempts: 3,
        backoff: .exponential(from: .seconds(60)),
        timeout: .seconds(900)
    )
    package var uniqueKey: String? { Self.kind.text }
    package var priority: JobPriority { .low }

    /// Taken in one transaction, so that nobody waits long for its locks.
    static let batch = 500
    /// Of a run; the next one goes on.
    static let batches = 1000

    package init() {}

    // What is done.

    package func run(_ deps: NotificationDependencies, _ context: JobContext) async throws -> JobOutcome {
        let seconds = TimeInterval(deps.retention.components.seconds)
        let pruned = try await Self.prune(deps.store, settledBefore: context.now().addingTimeInterval(-seconds))
        if pruned != Pruned() {
            context.logger.info(
                "old messages are gone",
                metadata: ["messages": "\(pruned.messages)", "mails": "\(pruned.mails)"]
            )
        }
        return .done
    }

    package static func prune(_ store: Store, settledBefore cutoff: Date) async throws -> Pruned {
        var pruned = Pruned()
        for _ in 0..<batches {
            try Task.checkCancellation()
            let (messages, mails) = try await store.transaction { transaction in
                // Because a deletion that is lost with the machine is only made again.
                try transaction.run("SET LOCAL synchronous_commit = off")
                return (
                    try transaction.pruneMessages(settledBefore: cutoff, limit: batch),
                    try transaction.pruneMails(settledBefore: cutoff, limit: batch)
                )
            }
            pruned.messages += messages
            pruned.mails += mails
            if messages == 0, mails == 0 { break }
        }
        return pruned
    }
}
