import Logging
import Synchronization

extension PostgresPool {
    struct Waiter {
        let id: Int
        let continuation: CheckedContinuation<Connection, any Error>
    }

    struct State {
        var idle: [Connection] = []
        /// Connections that are idle, in use or being opened.
        var count = 0
        var opening = 0
        /// In the order they came. Nobody waits while a connection is idle.
        var waiters: [Waiter] = []
        var lastWaiter = 0
        /// Why the last attempt to connect failed; nil once one succeeded.
        var lastFailure: PostgresError?
        var isClosed = false
        /// Who waits for the last connection to be closed.
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    // MARK: Taking

    /// An idle connection, or the first that comes free.
    func take(until deadline: ContinuousClock.Instant) async throws -> Connection {
        let (connection, id): (Connection?, Int) = try state.withLock { state throws(PostgresError) in
            guard !state.isClosed else { throw .closed }
            state.lastWaiter += 1
            return (state.idle.popLast(), state.lastWaiter)
        }
        if let connection { return connection }

        let timer = Task {
            do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return }
            fail(waiter: id, with: nil)
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enqueue(Waiter(id: id, continuation: continuation), until: deadline)
            }
        } onCancel: {
            fail(waiter: id, with: CancellationError())
        }
    }

    private func enqueue(_ waiter: Waiter, until deadline: ContinuousClock.Instant) {
        let immediate: Result<Connection, any Error>? = state.withLock { state in
            if state.isClosed { return .failure(PostgresError.closed) }
            if let connection = state.idle.popLast() { return .success(connection) }
            // The timer may have fired and the task may have been cancelled before anybody waited.
            if deadline <= .now { return .failure(state.lastFailure ?? PostgresError.poolExhausted) }
            if Task.isCancelled { return .failure(CancellationError()) }
            state.waiters.append(waiter)
            return nil
        }
        if let immediate { waiter.continuation.resume(with: immediate) } else { openWhatIsWanted() }
    }

    /// `nil` stands for the end of its time.
    private func fail(waiter id: Int, with error: (any Error)?) {
        let (waiter, failure): (Waiter?, any Error) = state.withLock { state in
            let index = state.waiters.firstIndex { $0.id == id }
            let isDown = state.count == state.opening
            return (
                index.map { state.waiters.remove(at: $0) },
                error ?? (isDown ? state.lastFailure : nil) ?? PostgresError.poolExhausted
            )
        }
        waiter?.continuation.resume(throwing: failure)
    }

    // MARK: Giving back

    func giveBack(_ connection: Connection) {
        let (waiter, isClosed): (Waiter?, Bool) = state.withLock { state in
            if state.isClosed { return (nil, true) }
            if state.waiters.isEmpty {
                state.idle.append(connection)
                return (nil, false)
            }
            return (state.waiters.removeFirst(), false)
        }
        if let waiter { waiter.continuation.resume(returning: connection) }
        if isClosed { Task { await discard(connection) } }
    }

    /// Closes a connection and, if somebody waits, opens another.
    func discard(_ connection: Connection) async {
        await connection.close()
        forget()
        openWhatIsWanted()
    }

    private func forget() {
        let closers = state.withLock { state in
            state.count -= 1
            guard state.isClosed, state.count == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resume() }
    }

    // MARK: Opening

    private func openWhatIsWanted() {
        let wanted = state.withLock { state in
            guard !state.isClosed else { return 0 }
            let wanted = max(0, min(state.waiters.count - state.opening, configuration.poolSize - state.count))
            state.count += wanted
            state.opening += wanted
            return wanted
        }
        for _ in 0..<wanted { Task { await open() } }
    }

    /// Tries until there is a connection or nobody wants it any more.
    private func open() async {
        var failures = 0
        while true {
            do throws(PostgresError) {
                let connection = try Connection(configuration)
                try await connection.open()
                let hadFailed = state.withLock { state in
                    state.opening -= 1
                    defer { state.lastFailure = nil }
                    return state.lastFailure != nil
                }
                if hadFailed { logger.info("postgres is back") }
                return giveBack(connection)
            } catch {
                failures += 1
                guard goesOn(after: error) else { return forget() }
            }
            await pause(after: failures)
            guard isWanted() else { return forget() }
        }
    }

    /// Whether anybody waits for the connection that is being opened; if not, it isn't.
    private func isWanted() -> Bool {
        state.withLock { state in
            guard state.isClosed || state.waiters.isEmpty else { return true }
            state.opening -= 1
            return false
        }
    }

    /// Whether somebody still wants the connection. A refusal that time doesn't heal is told to all who wait.
    private func goesOn(after error: PostgresError) -> Bool {
        let (failed, isNews): ([Waiter], Bool) = state.withLock { state in
            let isNews = state.lastFailure != error
            state.lastFailure = error
            guard !error.isTransient, state.count == state.opening else { return ([], isNews) }
            defer { state.waiters = [] }
            return (state.waiters, isNews)
        }
        // Once for each cause, not for each attempt: an outage may be long.
        if isNews { logger.warning("can't connect to postgres", metadata: ["reason": "\(error)"]) }
        for waiter in failed { waiter.continuation.resume(throwing: error) }
        return isWanted()
    }

    /// 50 ms, twice as long each time up to a second, and anything from half to all of it.
    private func pause(after failures: Int) async {
        let longest = min(1000, 25 << min(failures, 6))
        // Because a cancelled pause is merely a short one.
        try? await Task.sleep(for: .milliseconds(Int.random(in: longest / 2...longest)))
    }
}
