import Foundation
import Postgres
import TestKit
import Testing

@Suite(.database()) struct `A cancelled task` {
    let database: TestDatabase

    init() throws {
        database = try #require(TestDatabase.current)
    }

    private func pool(_ change: (inout PostgresConfiguration) -> Void = { _ in }) -> PostgresPool {
        var configuration = database.configuration
        configuration.applicationName = "cancelled"
        configuration.poolSize = 1
        change(&configuration)
        return PostgresPool(configuration, logger: .silent)
    }

    private func isServerBusy() async throws -> Bool {
        try await !database.pool.query(
            "SELECT FROM pg_stat_activity WHERE application_name = 'cancelled' AND state = 'active'"
        ).isEmpty
    }

    @Test func `stops its statement on the server, and its connection serves nobody else`() async throws {
        let pool = pool()
        let first = try await pool.query("SELECT pg_backend_pid()").decode(Int.self)
        let task = Task { try await pool.query("SELECT pg_sleep(60)") }
        try await eventually { try await isServerBusy() }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        try await eventually { try await !isServerBusy() }
        #expect(try await pool.query("SELECT pg_backend_pid()").decode(Int.self) != first)
        await pool.close()
    }

    @Test func `rolls its transaction back`() async throws {
        let pool = pool()
        try await pool.query("CREATE TABLE t (id bigint)")
        let task = Task {
            try await pool.transaction { transaction in
                try transaction.run("INSERT INTO t VALUES (1)")
                try transaction.rows("SELECT pg_sleep(60)")
            }
        }
        try await eventually { try await isServerBusy() }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(try await pool.query("SELECT FROM t").isEmpty)
        await pool.close()
    }

    @Test func `between two statements goes no further`() async throws {
        let pool = pool()
        let first = try await pool.query("SELECT pg_backend_pid()").decode(Int.self)
        try await pool.query("CREATE TABLE t (id bigint)")
        let gate = Gate()
        let task = Task {
            try await pool.transaction { transaction in
                try transaction.run("INSERT INTO t VALUES (1)")
                gate.pass()
                try transaction.run("INSERT INTO t VALUES (2)")
                Issue.record("a statement ran after the cancellation")
            }
        }
        try await eventually { gate.isReached }
        task.cancel()
        gate.open()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(try await pool.query("SELECT FROM t").isEmpty)
        // The server was never asked to cancel anything, so the connection is good.
        #expect(try await pool.query("SELECT pg_backend_pid()").decode(Int.self) == first)
        await pool.close()
    }

    @Test func `after the last statement commits nothing`() async throws {
        let pool = pool()
        try await pool.query("CREATE TABLE t (id bigint)")
        let gate = Gate()
        let task = Task {
            try await pool.transaction { transaction in
                try transaction.run("INSERT INTO t VALUES (1)")
                gate.pass()
            }
        }
        try await eventually { gate.isReached }
        task.cancel()
        gate.open()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await pool.query("SELECT FROM t").isEmpty)
        await pool.close()
    }

    @Test func `never begins`() async throws {
        let pool = pool()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await pool.transaction { _ in Issue.record("the body ran") }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        await pool.close()
    }

    @Test func `waits no longer for a connection`() async throws {
        let pool = pool { $0.waitTimeout = .seconds(60) }
        let gate = Gate()
        async let long: Void = pool.transaction { _ in gate.pass() }
        try await eventually { gate.isReached }
        let task = Task { try await pool.query("SELECT 1") }
        try await eventually { pool.counts.waiting == 1 }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(pool.counts.waiting == 0)
        gate.open()
        try await long
        await pool.close()
    }

    @Test func `at any moment harms nobody else`() async throws {
        let pool = pool { $0.poolSize = 2 }
        try await pool.query("CREATE TABLE t (id bigint PRIMARY KEY)")
        let committed = Notes<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                let victim = Task {
                    try await pool.transaction { transaction in
                        try transaction.run("INSERT INTO t VALUES (\(number))")
                        try transaction.rows("SELECT pg_sleep(0.001)")
                    }
                    committed.add(number)
                }
                group.addTask {
                    try await Task.sleep(for: .microseconds(Int.random(in: 0...4000)))
                    victim.cancel()
                    do { try await victim.value } catch is CancellationError {}  // Because that is what we asked for.
                }
                if number % 10 == 0 {
                    group.addTask {
                        let answer = try await pool.query("SELECT \(number)").decode(Int.self)
                        #expect(answer == [number])
                    }
                }
                if number % 4 == 3 { try await group.next() }
            }
            try await group.waitForAll()
        }
        let ids = try await pool.query("SELECT id FROM t").decode(Int.self)
        #expect(Set(ids) == Set(committed.all))
        await pool.close()
    }
}

@Suite(.database()) struct `A slow statement` {
    let database: TestDatabase

    init() throws {
        database = try #require(TestDatabase.current)
    }

    @Test func `is ended by the server, and the connection goes on`() async throws {
        var configuration = database.configuration
        configuration.statementTimeout = .milliseconds(50)
        configuration.poolSize = 1
        let pool = PostgresPool(configuration, logger: .silent)
        let first = try await pool.query("SELECT pg_backend_pid()").decode(Int.self)
        await #expect(throws: PostgresError.timedOut) { try await pool.query("SELECT pg_sleep(60)") }
        await #expect(throws: PostgresError.timedOut) {
            try await pool.transaction { try $0.rows("SELECT pg_sleep(60)") }
        }
        #expect(try await pool.query("SELECT pg_backend_pid()").decode(Int.self) == first)
        await pool.close()
    }

    @Test func `that somebody else cancels is refused by name`() async throws {
        let pool = database.pool
        let task = Task { try await pool.query("SELECT pg_sleep(60), 'cancel me'") }
        try await eventually {
            try await !pool.query(
                """
                SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                WHERE query LIKE '%cancel me%' AND state = 'active' AND pid <> pg_backend_pid()
                """
            ).isEmpty
        }
        await #expect(throws: PostgresError.server(.init(sqlstate: "57014"))) { _ = try await task.value }
    }

    @Test func `body that idles too long loses its session, and the pool replaces it`() async throws {
        var configuration = database.configuration
        configuration.idleInTransactionTimeout = .milliseconds(50)
        configuration.applicationName = "idler"
        let idle = PostgresPool(configuration, logger: .silent)
        let gate = Gate()
        let task = Task {
            try await idle.transaction { transaction in
                gate.pass()
                try transaction.rows("SELECT 1")
            }
        }
        try await eventually { gate.isReached }
        try await eventually {
            try await database.pool.query("SELECT FROM pg_stat_activity WHERE application_name = 'idler'").isEmpty
        }
        gate.open()
        let error = await #expect(throws: PostgresError.self) { _ = try await task.value }
        #expect(error?.isTransient == true)
        #expect(try await idle.query("SELECT 1").count == 1)
        await idle.close()
    }
}
