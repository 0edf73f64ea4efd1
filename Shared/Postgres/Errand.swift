import Synchronization

/// A use of a connection by a task, which waits for its answer.
struct Errand: Sendable {
    /// Tells the task; the last thing that is done for it.
    typealias Answer = @Sendable () -> Void

    let ticket: Ticket
    /// Until when it may wait for a connection.
    let deadline: ContinuousClock.Instant
    /// Uses the connection; nil if it had died before, so that nothing was done.
    let run: @Sendable (Wire) -> Answer?
    private let refuse: @Sendable (any Error) -> Void

    init<Value: Sendable>(
        _ ticket: Ticket,
        until deadline: ContinuousClock.Instant,
        for continuation: CheckedContinuation<Value, any Error>,
        _ work: @escaping @Sendable (Wire) throws -> Value
    ) {
        self.ticket = ticket
        self.deadline = deadline
        refuse = { continuation.resume(throwing: $0) }
        run = { wire in
            do {
                let value = try work(wire)
                return { continuation.resume(returning: value) }
            } catch is NotBegun {
                return nil
            } catch PostgresError.cancelled {
                return { continuation.resume(throwing: CancellationError()) }
            } catch {
                return { continuation.resume(throwing: error) }
            }
        }
    }

    func fail(with error: any Error) -> Answer {
        { [refuse] in refuse(error) }
    }

    /// What a task's cancellation has to find: where its errand is.
    final class Ticket: Sendable {
        private struct State {
            var isCancelled = false
            var running: (interrupt: Interrupt, use: Int)?
        }

        private let state = Mutex(State())

        var isCancelled: Bool { state.withLock(\.isCancelled) }

        /// False if the task was cancelled before.
        func begin(on interrupt: Interrupt) -> Bool {
            state.withLock { state in
                guard !state.isCancelled else { return false }
                state.running = (interrupt, interrupt.begin())
                return true
            }
        }

        /// From now on it can't begin; if it runs, the connection's thread hears of it.
        func cancel() {
            state.withLock { state in
                state.isCancelled = true
                if let (interrupt, use) = state.running { interrupt.cancel(use) }
            }
        }
    }
}
