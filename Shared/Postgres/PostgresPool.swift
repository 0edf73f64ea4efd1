package import Logging
import Synchronization

/// A few connections that many tasks share, first come first served.
///
/// Connections are made when they are wanted, replaced when they break or grow old, and tried again with growing pauses
/// while the server is away; callers wait meanwhile, up to `waitTimeout`.
package final class PostgresPool: Sendable {
    package let configuration: PostgresConfiguration
    let logger: Logger
    let state = Mutex(State())

    package init(_ configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs `body` between BEGIN and COMMIT, on the connection's thread.
    ///
    /// What `body` throws rolls back and is thrown on. With `retrying`, a transaction that lost a race (serialization
    /// failure, deadlock) is run again as often; its body must then have no effect outside of the transaction.
    /// `outcomeUnknown` is never retried here.
    @discardableResult
    package func transaction<Value: Sendable>(
        _ mode: TransactionMode = TransactionMode(),
        retrying: Int = 0,
        _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws -> Value {
        var retries = 0
        while true {
            do {
                return try await withConnection { try $0.transaction(mode, body) }
            } catch let error as PostgresError where error.isSerializationFailure && retries < retrying {
                retries += 1
                // Those who met once would meet again.
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...(5 << min(retries, 6)))))
            }
        }
    }

    /// A transaction that can't change anything.
    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws -> Value {
        try await transaction(TransactionMode(isReadOnly: true), body)
    }

    /// One statement without a transaction around it; it commits by itself.
    ///
    /// Throws `outcomeUnknown` when the connection is lost before the answer.
    @discardableResult
    package func query(_ query: Query) async throws -> Rows {
        try await withConnection { Rows(result: try $0.execute(query, .alone)) }
    }

    /// Refuses new work, waits for what runs, and closes every connection.
    package func close() async {
        let (waiters, idle) = state.withLock { state in
            state.isClosed = true
            defer {
                state.count -= state.idle.count
                state.idle = []
                state.waiters = []
            }
            return (state.waiters, state.idle)
        }
        for waiter in waiters { waiter.fail(with: PostgresError.closed)() }
        for connection in idle { await connection.close() }
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                guard state.count > 0 else { return true }
                state.closers.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    /// How it stands with the connections, for metrics.
    package var counts: (open: Int, idle: Int, waiting: Int) {
        state.withLock { ($0.count - $0.opening, $0.idle.count, $0.waiters.count) }
    }
}

// MARK: Using a connection

extension PostgresPool {
    private func withConnection<Value: Sendable>(
        _ work: @escaping @Sendable (Wire) throws -> Value
    ) async throws -> Value {
        try Task.checkCancellation()
        let deadline = ContinuousClock.now + configuration.waitTimeout
        let ticket = Errand.Ticket()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                submit(Errand(ticket, until: deadline, for: continuation, work))
            }
        } onCancel: {
            ticket.cancel()
            withdraw(ticket)
        }
    }

    /// On the connection's thread: does an errand and answers with the next for this connection.
    func perform(_ errand: Errand, on connection: Connection) -> Errand? {
        guard let answer = connection.perform(errand) else { return passOn(errand, from: connection) }
        var next: Errand?
        if connection.isUsable, connection.expires > .now {
            next = giveBack(connection)
        } else {
            discard(connection)
        }
        answer()
        return next
    }
}
