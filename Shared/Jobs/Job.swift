import Foundation

/// Work that may wait, be repeated and outlive the process that asked for it.
///
/// A job may run twice: its doc comment says why that is harmless. Its payload is a contract with jobs already queued:
/// only add fields, with defaults; a real break is a new kind.
package protocol Job<Dependencies>: Codable, Sendable {
    associatedtype Dependencies: Sendable

    /// `<queue>.<verb>`. Never changes; the Swift name may.
    static var kind: JobKind { get }
    static var queue: QueueName { get }
    /// What the queue knows about the kind until an operator says otherwise.
    static var policy: JobPolicy { get }
    /// Counts up when an older worker must not read this payload: jobs of a newer version are parked for a newer worker.
    static var payloadVersion: Int { get }
    static var uniqueness: Uniqueness { get }

    /// While a job holds this key, no other with the same key is enqueued in its queue. 255 bytes at most.
    var uniqueKey: String? { get }
    /// Jobs of one group run one after another, in the order they were enqueued. 255 bytes at most.
    var group: String? { get }
    var priority: JobPriority { get }

    /// Does the work. Return what became of it; throw what went wrong, see `TransientError`.
    func run(_ dependencies: Dependencies, _ context: JobContext) async throws -> JobOutcome

    /// The bytes that wait in the queue: JSON, unless the job has something better (raw bytes of a webhook).
    func payload() throws -> [UInt8]
    init(payload: [UInt8], version: Int) throws
}

extension Job {
    package static var policy: JobPolicy { JobPolicy() }
    package static var payloadVersion: Int { 1 }
    package static var uniqueness: Uniqueness { .untilSettled }

    package var uniqueKey: String? { nil }
    package var group: String? { nil }
    package var priority: JobPriority { .normal }

    package func payload() throws -> [UInt8] {
        Array(try PayloadJSON.encoder.encode(self))
    }

    package init(payload: [UInt8], version: Int) throws {
        self = try PayloadJSON.decoder.decode(Self.self, from: Data(payload))
    }
}

/// Made once: they are not changed any more, and making them costs as much as using them.
private enum PayloadJSON {
    static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()
    static let decoder = JSONDecoder()
}

/// What became of a job that ran and did not fail.
package enum JobOutcome: Sendable, Hashable {
    case done
    /// It was no longer needed; why, for the log.
    case discarded(String)
    /// Not now: again after this long, and no attempt is spent.
    case snoozed(Duration)
}

package enum JobPriority: Int, Sendable, Hashable, Codable, CaseIterable {
    case high, normal, low
}

/// How long a unique key is held.
package enum Uniqueness: Sendable, Hashable {
    /// Until the job is done, discarded or dead.
    case untilSettled
    /// For this long after it was enqueued, even when the job is done; whole seconds.
    case within(Duration)
}

/// An error that may go away on its own, so that the job is tried again by its policy.
///
/// Every other error sends the job to the dead letters at once.
package protocol TransientError: Error {
    var isTransient: Bool { get }
    /// When the other side said how long to wait.
    var retryAfter: Duration? { get }
    /// Something that every job needs is away, and it was not the job's doing: it is put off and spends no attempt, so that
    /// an outage of hours sends nothing to the dead letters.
    var isOutage: Bool { get }
}

extension TransientError {
    package var retryAfter: Duration? { nil }
    package var isOutage: Bool { false }
}
