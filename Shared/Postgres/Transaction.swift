/// An open transaction; its calls block the connection's thread, so nothing else may be waited for inside.
///
/// It can't leave the body it was given to. `Store` extends it, one file a table.
package final class Transaction {
    private let wire: Wire
    private var isOver = false
    private var savepoints = 0

    init(_ wire: Wire) {
        self.wire = wire
    }

    /// Runs one statement and answers with its rows.
    @discardableResult
    package func rows(_ query: Query) throws(PostgresError) -> Rows {
        guard !isOver else { throw .closed }
        return Rows(result: try wire.execute(query, .statement))
    }

    /// Runs one statement and answers how many rows it inserted, updated or deleted.
    @discardableResult
    package func run(_ query: Query) throws(PostgresError) -> Int {
        try rows(query).affected
    }

    /// Undoes what `body` did if it throws, and no more than that; the transaction can go on.
    @discardableResult
    package func savepoint<Value>(_ body: () throws -> Value) throws -> Value {
        guard !isOver else { throw PostgresError.closed }
        savepoints += 1
        let name = "p\(savepoints)"
        try wire.script("SAVEPOINT \(name)", .control)
        do {
            let value = try body()
            try wire.script("RELEASE SAVEPOINT \(name)", .control)
            return value
        } catch {
            if wire.isOpen { try wire.script("ROLLBACK TO SAVEPOINT \(name); RELEASE SAVEPOINT \(name)", .control) }
            throw error
        }
    }

    /// Runs statements without values, as a migration has them.
    func script(_ sql: String) throws(PostgresError) {
        guard !isOver else { throw .closed }
        try wire.script(sql, .statement)
    }

    fileprivate func end() {
        isOver = true
    }
}

/// What a transaction sees of others, and what it may do.
package struct TransactionMode: Sendable {
    /// Source: PostgreSQL, "Transaction Isolation".
    package enum Isolation: String, Sendable {
        case readCommitted = "READ COMMITTED"
        case repeatableRead = "REPEATABLE READ"
        case serializable = "SERIALIZABLE"
    }

    package enum StatementTimeout: Sendable {
        case asConfigured
        case after(Duration)
        case never
    }

    package var isolation: Isolation
    package var isReadOnly: Bool
    package var statementTimeout: StatementTimeout

    package init(
        _ isolation: Isolation = .readCommitted,
        isReadOnly: Bool = false,
        statementTimeout: StatementTimeout = .asConfigured
    ) {
        self.isolation = isolation
        self.isReadOnly = isReadOnly
        self.statementTimeout = statementTimeout
    }

    fileprivate var begin: String {
        let begin = "BEGIN ISOLATION LEVEL \(isolation.rawValue) \(isReadOnly ? "READ ONLY" : "READ WRITE")"
        return switch statementTimeout {
        case .asConfigured: begin
        case .after(let duration): "\(begin); SET LOCAL statement_timeout = \(max(1, duration.milliseconds))"
        case .never: "\(begin); SET LOCAL statement_timeout = 0"
        }
    }
}

/// The connection was lost before the transaction began: it can be run on another one.
struct NotBegun: Error {}

extension Wire {
    /// BEGIN, the body, COMMIT; ROLLBACK if it throws or its task is cancelled.
    func transaction<Value>(_ mode: TransactionMode, _ body: (Transaction) throws -> Value) throws -> Value {
        if interrupt.isCancelled { throw PostgresError.cancelled }
        let configured = statementTimeout
        switch mode.statementTimeout {
        case .asConfigured: break
        case .after(let duration): statementTimeout = duration
        case .never: statementTimeout = nil
        }
        defer { statementTimeout = configured }

        do {
            try script(mode.begin, .control)
        } catch PostgresError.connectionLost {
            throw NotBegun()
        }
        let transaction = Transaction(self)
        defer { transaction.end() }
        let value: Value
        do {
            value = try body(transaction)
            if interrupt.isCancelled { throw PostgresError.cancelled }
        } catch {
            rollBack()
            throw error
        }
        do {
            guard try script("COMMIT", .commit).tag == "COMMIT" else { throw PostgresError.rolledBack }
        } catch PostgresError.outcomeUnknown where mode.isReadOnly {
            // Nothing could have changed: what was read is good.
        }
        return value
    }

    private func rollBack() {
        guard isOpen else { return }
        do {
            try script("ROLLBACK", .control)
        } catch {
            // The end of the session rolls back as well.
            close()
        }
    }
}
