package import Foundation
import Synchronization

/// How a worker stands with its queues. Not ready means that it waits for Redis, not that it should be restarted.
package final class WorkerHealth: Sendable {
    private struct State {
        var queues: [QueueName: Bool] = [:]
        var lastLease: Date?
        var isDraining = false
    }

    private let state = Mutex(State())

    package init() {}

    /// It has registered with every queue, and the last word from each was good.
    package var isReady: Bool {
        state.withLock { !$0.isDraining && !$0.queues.isEmpty && $0.queues.values.allSatisfy { $0 } }
    }

    /// The queues that wait for Redis.
    package var waiting: [QueueName] {
        state.withLock { $0.queues.filter { !$0.value }.map(\.key).sorted { $0.text < $1.text } }
    }

    /// When a lease call was last answered, with or without jobs.
    package var lastLease: Date? { state.withLock { $0.lastLease } }

    func expect(_ queue: QueueName) { state.withLock { $0.queues[queue] = false } }

    /// Answers whether that is news.
    func failed(_ queue: QueueName) -> Bool {
        state.withLock { state in
            defer { state.queues[queue] = false }
            return state.queues[queue] ?? false
        }
    }

    /// Answers whether that is news.
    func succeeded(_ queue: QueueName, at now: Date) -> Bool {
        state.withLock { state in
            defer {
                state.queues[queue] = true
                state.lastLease = now
            }
            return !(state.queues[queue] ?? false)
        }
    }

    func drain() { state.withLock { $0.isDraining = true } }
}
