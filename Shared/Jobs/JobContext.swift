package import Foundation
package import Logging

/// What a job may know about its run.
package struct JobContext: Sendable {
    package let id: JobID
    package let kind: JobKind
    package let queue: QueueName
    /// 1 for the first run. Crashes and snoozes do not count.
    package let attempt: Int
    package let crashes: Int
    package let enqueuedAt: Date
    /// Dunning counts from here.
    package let firstFailedAt: Date?
    /// What the enqueuer gave to tie its logs to ours.
    package let trace: String?
    package let now: @Sendable () -> Date
    private let plainLogger: Logger
    private let extending: @Sendable (Duration) async throws -> Bool

    package init(
        id: JobID,
        kind: JobKind,
        queue: QueueName,
        attempt: Int = 1,
        crashes: Int = 0,
        enqueuedAt: Date,
        firstFailedAt: Date? = nil,
        trace: String? = nil,
        now: @escaping @Sendable () -> Date = { Date() },
        logger: Logger,
        extending: @escaping @Sendable (Duration) async throws -> Bool = { _ in true }
    ) {
        self.id = id
        self.kind = kind
        self.queue = queue
        self.attempt = attempt
        self.crashes = crashes
        self.enqueuedAt = enqueuedAt
        self.firstFailedAt = firstFailedAt
        self.trace = trace
        self.now = now
        self.plainLogger = logger
        self.extending = extending
    }

    /// Says which job speaks.
    package var logger: Logger {
        var logger = plainLogger
        logger[metadataKey: "job"] = "\(id)"
        logger[metadataKey: "kind"] = "\(kind)"
        logger[metadataKey: "attempt"] = "\(attempt)"
        if let trace { logger[metadataKey: "trace"] = "\(trace)" }
        return logger
    }

    /// Makes the lease last at least this long from now. False when it is lost: stop, the work is another worker's now.
    ///
    /// Heartbeats extend every lease on their own; this is for the moment before something that must not happen twice.
    package func extend(by duration: Duration) async throws -> Bool { try await extending(duration) }
}
