package import Postgres

/// The truth: everything we know, in Postgres.
///
/// All SQL is here, one file a table, as extensions of `Transaction`. Bodies are synchronous, and nothing outside of the
/// database is waited for in them: inside we stage, outside we enqueue.
package struct Store: Sendable {
    package let pool: PostgresPool

    package init(_ pool: PostgresPool) {
        self.pool = pool
    }

    /// How often a transaction that lost a race is run again before its caller hears of it.
    private static let retries = 5

    /// Commits what `body` did, or nothing. `body` may run more than once, when it lost a race.
    @discardableResult
    package func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws -> Value {
        try await pool.transaction(retrying: Self.retries, body)
    }

    /// One consistent look that changes nothing.
    package func read<Value: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Value) async throws -> Value
    {
        try await pool.read(body)
    }
}
