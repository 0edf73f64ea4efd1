import Logging
import Synchronization

extension PostgresPool {
    struct State {
        var idle: [Connection] = []
        /// Connections that are idle, in use or being opened.
        var count = 0
        var opening = 0
        /// In the order they came. Nobody waits while a connection is idle.
        var waiters: [Errand] = []
        /// When the next look is due at who has waited too long; nil when none is. It is not called off if all are served.
        var nextLook: ContinuousClock.Instant?
        /// Why the last attempt to connect failed; nil once one succeeded.
        var lastFailure: PostgresError?
        var isClosed = false
        /// Who waits for the last connection to be closed.
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    // MARK: Taking

    /// Has `errand` done by an idle connection, or by the first that comes free.
    func submit(_ errand: Errand, beforeOthers isFirst: Bool = false) {
        let outcome: Submission = state.withLock { state in
            if state.isClosed { return .refused(PostgresError.closed) }
            // `withdraw` looks for it only once.
            if errand.ticket.isCancelled { return .refused(CancellationError()) }
            if let connection = state.idle.popLast() { return .served(by: connection) }
            if errand.deadline <= .now { return .refused(state.lastFailure ?? PostgresError.poolExhausted) }
            state.waiters.insert(errand, at: isFirst ? 0 : state.waiters.endIndex)
            return .waits
        }
        switch outcome {
        case .served(let connection): connection.serve(errand, of: self)
        case .refused(let error): errand.fail(with: error)()
        case .waits:
            openWhatIsWanted()
            look(at: errand.deadline)
        }
    }

    private enum Submission {
        case served(by: Connection)
        case refused(any Error)
        case waits
    }

    /// What a connection that had died while it lay idle didn't do is done by another, before what came later.
    func passOn(_ errand: Errand, from connection: Connection) -> Errand? {
        discard(connection)
        submit(errand, beforeOthers: true)
        return nil
    }

    func withdraw(_ ticket: Errand.Ticket) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.ticket === ticket }.map { state.waiters.remove(at: $0) }
        }
        waiter?.fail(with: CancellationError())()
    }

    /// Sees to it that whoever still waits at `deadline` is refused; one timer serves all who wait.
    private func look(at deadline: ContinuousClock.Instant) {
        let isNews = state.withLock { state in
            if let nextLook = state.nextLook, nextLook <= deadline { return false }
            state.nextLook = deadline
            return true
        }
        guard isNews else { return }
        Task { [weak self] in
            // Because nobody cancels it, and a look too early would do no harm.
            try? await Task.sleep(until: deadline, clock: .continuous)
            self?.refuseTheLate()
        }
    }

    private func refuseTheLate() {
        let now = ContinuousClock.now
        let (late, failure, next): ([Errand], PostgresError, ContinuousClock.Instant?) = state.withLock { state in
            let late = state.waiters.filter { $0.deadline <= now }
            state.waiters.removeAll { $0.deadline <= now }
            if let nextLook = state.nextLook, nextLook <= now { state.nextLook = nil }
            let isDown = state.count == state.opening
            return (
                late, (isDown ? state.lastFailure : nil) ?? .poolExhausted, state.waiters.map(\.deadline).min()
            )
        }
        for errand in late { errand.fail(with: failure)() }
        if let next { look(at: next) }
    }

    // MARK: Giving back

    /// What to do next with a connection that is fit for use: on its thread, or nil if it lies idle now.
    func giveBack(_ connection: Connection) -> Errand? {
        let (waiter, isClosed): (Errand?, Bool) = state.withLock { state in
            if state.isClosed { return (nil, true) }
            if state.waiters.isEmpty {
                state.idle.append(connection)
                return (nil, false)
            }
            return (state.waiters.removeFirst(), false)
        }
        if isClosed { discard(connection) }
        return waiter
    }

    /// Closes a connection, on its thread, and opens another if somebody waits.
    func discard(_ connection: Connection) {
        connection.closeHere()
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
                return connection.begin(in: self)
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
        let (failed, isNews): ([Errand], Bool) = state.withLock { state in
            let isNews = state.lastFailure != error
            state.lastFailure = error
            guard !error.isTransient, state.count == state.opening else { return ([], isNews) }
            defer { state.waiters = [] }
            return (state.waiters, isNews)
        }
        // Once for each cause, not for each attempt: an outage may be long.
        if isNews { logger.warning("can't connect to postgres", metadata: ["reason": "\(error)"]) }
        for waiter in failed { waiter.fail(with: error)() }
        return isWanted()
    }

    /// 50 ms, twice as long each time up to a second, and anything from half to all of it.
    private func pause(after failures: Int) async {
        let longest = min(1000, 25 << min(failures, 6))
        // Because a cancelled pause is merely a short one.
        try? await Task.sleep(for: .milliseconds(Int.random(in: longest / 2...longest)))
    }
}
