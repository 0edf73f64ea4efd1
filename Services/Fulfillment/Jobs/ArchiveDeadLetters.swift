package import Foundation
package import Jobs
import Logging
package import Store

/// Moves the dead letters of every queue to Postgres when they have lain in Redis for three days.
///
/// Safe to run twice: a letter is kept once and deleted from the queue after it is kept; what a crash leaves in both is
/// finished by the next run.
package struct ArchiveDeadLetters: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "fulfillment.archive-dead"
    package static let queue = QueueName.fulfillment
    package static let policy = JobPolicy(
        attempts: 3,
        backoff: .exponential(from: .seconds(30)),
        timeout: .seconds(600)
    )
    package var priority: JobPriority { .low }

    /// Long enough for somebody to look where they died.
    package static let patience: TimeInterval = 3 * 86_400

    // What is done.

    package func run(_ deps: FulfillmentDependencies, _ context: JobContext) async throws -> JobOutcome {
        guard let queues = deps.queues else { return .discarded("there are no queues to look at") }
        let archive = StoredDeadLetters(store: deps.store, now: context.now)
        let end = context.now().addingTimeInterval(-Self.patience)
        for queue in try await queues.queueNames() {
            let count = try await queues.archiveDead(of: queue, before: end, to: archive)
            if count > 0 {
                context.logger.info("dead letters archived", metadata: ["of": "\(queue)", "count": "\(count)"])
            }
        }
        return .done
    }
}

/// The archive of dead letters in Postgres.
package struct StoredDeadLetters: DeadLetterArchive {
    private let store: Store
    private let now: @Sendable () -> Date

    package init(store: Store, now: @escaping @Sendable () -> Date = { Date() }) {
        self.store = store
        self.now = now
    }

    package func keep(_ letters: [DeadLetter], of queue: QueueName) async throws {
        let kept = try letters.map { try KeptDeadLetter($0, of: queue) }
        let now = now()
        try await store.transaction { try $0.keep(kept, at: now) }
    }
}

extension KeptDeadLetter {
    package init(_ letter: DeadLetter, of queue: QueueName) throws(JobsError) {
        self.init(
            key: Key(queue: queue.text, job: letter.id.text, diedAt: letter.since),
            kind: letter.kind.text,
            reason: letter.reason,
            lastError: letter.lastError,
            attempt: letter.attempt,
            crashes: letter.crashes,
            enqueuedAt: letter.envelope.enqueuedAt,
            envelope: try letter.envelope.encoded(for: queue)
        )
    }

    /// As the queue has it; to be replayed.
    package func letter() throws(JobsError) -> (letter: DeadLetter, queue: QueueName) {
        guard let queue = QueueName(stored: key.queue) else { throw .malformed("queue name") }
        let letter = DeadLetter(
            id: JobID(key.job),
            since: key.diedAt,
            reason: reason,
            attempt: attempt,
            crashes: crashes,
            lastError: lastError,
            envelope: try JobEnvelope(decoding: envelope, of: queue)
        )
        return (letter, queue)
    }
}
