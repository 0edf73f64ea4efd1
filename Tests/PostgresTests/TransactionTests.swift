import Postgres
import TestKit
import Testing

@Suite(.database()) struct `A transaction` {
    let database: TestDatabase
    var pool: PostgresPool { database.pool }

    init() async throws {
        database = try #require(TestDatabase.current)
        try await pool.query("CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL DEFAULT 0)")
    }

    struct Regret: Error {}

    private func ids() async throws -> [Int] {
        try await pool.query("SELECT id FROM t ORDER BY id").decode(Int.self)
    }

    @Test func `commits what its body did, and answers what it answers`() async throws {
        let answer = try await pool.transaction { transaction in
            try transaction.run("INSERT INTO t VALUES (\(1)), (\(2))")
            return try transaction.rows("SELECT count(*) FROM t").decode(Int.self)
        }
        #expect(answer == [2])
        #expect(try await ids() == [1, 2])
    }

    @Test func `that throws leaves nothing behind`() async throws {
        await #expect(throws: Regret.self) {
            try await pool.transaction { transaction in
                try transaction.run("INSERT INTO t VALUES (\(1))")
                throw Regret()
            }
        }
        #expect(try await ids().isEmpty)
    }

    @Test func `goes on after a savepoint that failed`() async throws {
        try await pool.transaction { transaction in
            try transaction.run("INSERT INTO t VALUES (\(1))")
            do {
                try transaction.savepoint {
                    try transaction.run("INSERT INTO t VALUES (\(2))")
                    try transaction.savepoint { try transaction.run("INSERT INTO t VALUES (\(3))") }
                    try transaction.run("INSERT INTO t VALUES (\(1))")
                }
            } catch let error as PostgresError where error.isUniqueViolation("t_pkey") {
                try transaction.run("INSERT INTO t VALUES (\(4))")
            }
        }
        #expect(try await ids() == [1, 4])
    }

    @Test func `whose body swallowed an error doesn't pretend to have committed`() async throws {
        await #expect(throws: PostgresError.rolledBack) {
            try await pool.transaction { transaction in
                try transaction.run("INSERT INTO t VALUES (\(1))")
                do { try transaction.run("SELECT 1 / 0") } catch {}  // Because that is the mistake we test.
            }
        }
        #expect(try await ids().isEmpty)
    }

    @Test func `that fails at its very end says so`() async throws {
        try await pool.query("CREATE TABLE s (t bigint REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
        let error = await #expect(throws: PostgresError.self) {
            try await pool.transaction { transaction in
                try transaction.run("INSERT INTO t VALUES (\(1))")
                try transaction.run("INSERT INTO s VALUES (\(7))")
            }
        }
        #expect(error?.isForeignKeyViolation("s_t_fkey") == true)
        #expect(try await ids().isEmpty)
    }

    @Test func `that only reads can't write`() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await pool.read { try $0.run("INSERT INTO t VALUES (\(1))") }
        }
        #expect(error?.sqlstate == "25006")
        #expect(try await pool.read { try $0.rows("SELECT 1").count } == 1)
    }

    @Test func `sees a standing picture where that is asked for`() async throws {
        let pool = pool
        let counts = try await pool.transaction(TransactionMode(.repeatableRead, isReadOnly: true)) { transaction in
            let before = try transaction.rows("SELECT count(*) FROM t").decode(Int.self)
            wait { try await pool.query("INSERT INTO t VALUES (1)") }
            return before + (try transaction.rows("SELECT count(*) FROM t").decode(Int.self))
        }
        #expect(counts == [0, 0])
    }

    @Test func `has its own time for a statement where that is asked for`() async throws {
        let mode = TransactionMode(statementTimeout: .after(.milliseconds(50)))
        await #expect(throws: PostgresError.timedOut) {
            try await pool.transaction(mode) { try $0.rows("SELECT pg_sleep(10)") }
        }
        #expect(try await pool.query("SHOW statement_timeout").decode(String.self) == ["30s"])
    }

    // MARK: Races

    @Test func `that lost a race is run again`() async throws {
        try await pool.query("INSERT INTO t VALUES (1, 0)")
        let runs = Notes<Void>()
        let pool = pool
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await pool.transaction(TransactionMode(.serializable), retrying: 50) { transaction in
                        runs.add(())
                        let n = try transaction.rows("SELECT n FROM t WHERE id = 1").decode(Int.self)
                        try transaction.rows("SELECT pg_sleep(0.02)")
                        try transaction.run("UPDATE t SET n = \(n[0] + 1) WHERE id = 1")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await pool.query("SELECT n FROM t").decode(Int.self) == [4])
        #expect(runs.all.count > 4)
    }

    @Test func `that lost a race isn't run again unasked`() async throws {
        try await pool.query("INSERT INTO t VALUES (1, 0)")
        let pool = pool
        let error = await #expect(throws: PostgresError.self) {
            try await pool.transaction(TransactionMode(.repeatableRead)) { transaction in
                try transaction.rows("SELECT n FROM t")
                wait { try await pool.query("UPDATE t SET n = 1") }
                try transaction.run("UPDATE t SET n = 2")
            }
        }
        #expect(error?.isSerializationFailure == true)
        #expect(error?.isTransient == true)
    }

    @Test func `that met another head-on is run again, and both succeed`() async throws {
        try await pool.query("INSERT INTO t VALUES (1), (2)")
        // Postgres looks for deadlocks after this time.
        let pool = pool
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (first, second) in [(1, 2), (2, 1)] {
                group.addTask {
                    try await pool.transaction(retrying: 10) { transaction in
                        try transaction.rows("SET LOCAL deadlock_timeout = '20ms'")
                        try transaction.run("UPDATE t SET n = n + 1 WHERE id = \(first)")
                        try transaction.rows("SELECT pg_sleep(0.1)")
                        try transaction.run("UPDATE t SET n = n + 1 WHERE id = \(second)")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await pool.query("SELECT n FROM t").decode(Int.self) == [2, 2])
    }

    @Test func `of many through a small pool each commits exactly once`() async throws {
        let pool = pool
        try await pool.query("INSERT INTO t VALUES (0, 0)")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<50 {
                        try await pool.transaction { transaction in
                            try transaction.run("UPDATE t SET n = n + 1 WHERE id = 0")
                            try transaction.run("INSERT INTO t VALUES (\(1 + task * 50 + round))")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let rows = try await pool.query("SELECT (SELECT n FROM t WHERE id = 0), count(*) FROM t").decode(
            (Int, Int).self
        )
        #expect(rows.first! == (400, 401))
        #expect(pool.counts.open <= 4)
    }
}
