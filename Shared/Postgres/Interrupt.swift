import Foundation
import Synchronization

/// Wakes a connection's thread, which waits for the server, when the task it works for is cancelled.
///
/// A connection serves one use after another. A cancellation names the use it means, so a late one hits nobody else.
final class Interrupt: Sendable {
    private struct State {
        var use = 0
        var isCancelled = false
    }

    private let state = Mutex(State())
    /// The thread polls it next to the server's socket.
    let readEnd: Int32
    private let writeEnd: Int32

    init() throws(PostgresError) {
        var ends: [Int32] = [-1, -1]
        let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        guard socketpair(AF_UNIX, Int32(kind), 0, &ends) == 0 else {
            throw .connect(sqlstate: nil, reason: "no file descriptors are left")
        }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    var isCancelled: Bool { state.withLock(\.isCancelled) }

    /// Begins the next use and answers what to call it.
    func begin() -> Int {
        state.withLock { state in
            state.use += 1
            if state.isCancelled { drain() }
            state.isCancelled = false
            return state.use
        }
    }

    func cancel(_ use: Int) {
        state.withLock { state in
            guard state.use == use, !state.isCancelled else { return }
            state.isCancelled = true
            var byte: UInt8 = 1
            // Because it was empty before, one byte always fits.
            _ = write(writeEnd, &byte, 1)
        }
    }

    private func drain() {
        var byte: UInt8 = 0
        while read(readEnd, &byte, 1) == 1 {}
    }
}
