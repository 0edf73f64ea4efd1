/// One numbered step of the schema: the text of a `.sql` file.
package struct Migration: Sendable {
    /// `0007_what_changes`: four digits, counted from 1, and words.
    package let name: String
    package let sql: String

    package init(name: String, sql: String) {
        self.name = name
        self.sql = sql
    }

    /// The digits at the front; nil if there are none.
    var number: Int? {
        let digits = name.prefix { $0.isASCII && $0.isNumber }
        return name.dropFirst(digits.count).first == "_" ? Int(digits) : nil
    }
}

/// The steps that make the schema, in their order; forward only.
///
/// Each is applied in a transaction of its own together with its record in `schema_migrations`, under an advisory lock:
/// any number of processes may apply at once, and each step happens once. A step that was edited or renamed after it was
/// applied is refused, and so is a database that a newer release has migrated.
package struct Migrations: Sendable {
    private let steps: [Migration]

    /// Throws if the steps aren't numbered 1, 2, 3, ….
    package init(_ steps: [Migration]) throws(PostgresError) {
        for (index, step) in steps.enumerated() where step.number != index + 1 {
            throw .migration(name: step.name, problem: "number \(index + 1) was expected here")
        }
        self.steps = steps
    }

    /// Applies what is pending and answers its names, the oldest first; the ones before a failure stay applied.
    @discardableResult
    package func apply(
        to pool: PostgresPool,
        progress: @Sendable (_ applied: String) -> Void = { _ in }
    ) async throws -> [String] {
        var applied: [String] = []
        while let name = try await applyNext(to: pool) {
            progress(name)
            applied.append(name)
        }
        return applied
    }

    /// The names of the steps that the database doesn't have yet. Throws if the two don't fit together.
    package func pending(in pool: PostgresPool) async throws -> [String] {
        try await pool.read { transaction in
            let table = try transaction.rows("SELECT to_regclass('schema_migrations') IS NOT NULL").decode(Bool.self)
            guard table == [true] else { return steps.map(\.name) }
            return try pendingSteps(transaction).map(\.name)
        }
    }
}

extension Migrations {
    /// "Gatehous" in ASCII: whoever holds this advisory lock may change the schema.
    private static let lock: Int64 = 0x4761_7465_686F_7573

    private func applyNext(to pool: PostgresPool) async throws -> String? {
        // Building an index may take longer than any statement of daily work.
        try await pool.transaction(TransactionMode(statementTimeout: .never)) { transaction in
            try transaction.rows("SELECT pg_advisory_xact_lock(\(Self.lock))")
            try transaction.script(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    number integer PRIMARY KEY,
                    name text NOT NULL,
                    sha256 bytea NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now()
                )
                """
            )
            guard let next = try pendingSteps(transaction).first else { return nil }
            try apply(next, transaction)
            return next.name
        }
    }

    private func apply(_ step: Migration, _ transaction: Transaction) throws(PostgresError) {
        let before = try transaction.rows("SELECT txid_current()").decode(Int64.self)
        try transaction.script(step.sql)
        guard try transaction.rows("SELECT txid_current()").decode(Int64.self) == before else {
            throw .migration(
                name: step.name,
                problem: "it ends its transaction itself; nobody knows what it left behind"
            )
        }
        try transaction.run(
            """
            INSERT INTO schema_migrations (number, name, sha256)
            VALUES (\(step.number), \(step.name), sha256(\(Array(step.sql.utf8))))
            """
        )
    }

    /// Compares what was applied with what we have; answers the rest.
    private func pendingSteps(_ transaction: Transaction) throws(PostgresError) -> ArraySlice<Migration> {
        let applied = try transaction.rows("SELECT number, name, sha256 FROM schema_migrations ORDER BY number")
            .decode((Int, String, [UInt8]).self)
        guard applied.count <= steps.count else {
            let unknown = applied[steps.count]
            throw .migration(name: unknown.1, problem: "the database has it, this release doesn't; run a newer release")
        }
        // The server hashes, so that this module needs no cryptography.
        let hashes = try transaction.rows(
            "SELECT sha256(text) FROM unnest(\(steps.map { Array($0.sql.utf8) })) WITH ORDINALITY AS s (text, n) ORDER BY n"
        )
        .decode([UInt8].self)
        for (index, (number, name, hash)) in applied.enumerated() {
            let step = steps[index]
            guard number == index + 1 else {
                throw .migration(name: step.name, problem: "the database lacks it, but has \(name)")
            }
            guard name == step.name else {
                throw .migration(
                    name: step.name,
                    problem: "the database has it as \(name); a migration is never renamed"
                )
            }
            guard hash == hashes[index] else {
                throw .migration(
                    name: name,
                    problem: "it was edited after it was applied; put it back and write a new migration instead"
                )
            }
        }
        return steps.dropFirst(applied.count)
    }
}
