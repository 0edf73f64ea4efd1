import Foundation
import Synchronization
import Testing

/// A place inside a transaction where its thread waits until the test lets it go on.
final class Gate: Sendable {
    private let reached = Atomic(false)
    private let opened = DispatchSemaphore(value: 0)

    func pass() {
        reached.store(true, ordering: .sequentiallyConsistent)
        opened.wait()
    }

    var isReached: Bool { reached.load(ordering: .sequentiallyConsistent) }

    func open() { opened.signal() }
}

/// What several tasks have to tell, in the order they told it.
final class Notes<Note: Sendable>: Sendable {
    private let notes = Mutex<[Note]>([])

    func add(_ note: Note) { notes.withLock { $0.append(note) } }

    var all: [Note] { notes.withLock { $0 } }
}

/// Blocks the calling thread until `work` is done: for the inside of a transaction, which has a thread of its own.
func wait(for work: @escaping @Sendable () async throws -> Void) {
    let done = DispatchSemaphore(value: 0)
    Task {
        do { try await work() } catch { Issue.record(error) }
        done.signal()
    }
    done.wait()
}
