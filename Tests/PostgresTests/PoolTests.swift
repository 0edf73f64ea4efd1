import Foundation
import Postgres
import TestKit
import Testing

@Suite(.database()) struct `The pool` {
    let database: TestDatabase

    init() throws {
        database = try #require(TestDatabase.current)
    }

    private func pool(_ change: (inout PostgresConfiguration) -> Void) -> PostgresPool {
        var configuration = database.configuration
        change(&configuration)
        return PostgresPool(configuration, logger: .silent)
    }

    @Test func `has no more connections than it may, and makes them when they are wanted`() async throws {
        let pool = pool { $0.poolSize = 3 }
        #expect(pool.counts == (0, 0, 0))
        try await pool.query("SELECT 1")
        #expect(pool.counts.open == 1)
        let pids = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<30 {
                group.addTask { try await pool.query("SELECT pg_backend_pid(), pg_sleep(0.01)::text").first![0] }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(pids.count <= 3)
        #expect(pool.counts == (pids.count, pids.count, 0))
        await pool.close()
    }

    @Test func `serves first who came first`() async throws {
        let pool = pool { $0.poolSize = 1 }
        let order = Notes<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let gate = Gate()
            group.addTask { try await pool.transaction { _ in gate.pass() } }
            try await eventually { gate.isReached }
            for number in 0..<10 {
                group.addTask { try await pool.transaction { _ in order.add(number) } }
                try await eventually { pool.counts.waiting == number + 1 }
            }
            gate.open()
            try await group.waitForAll()
        }
        #expect(order.all == Array(0..<10))
        await pool.close()
    }

    @Test func `lets nobody wait for ever`() async throws {
        let pool = pool { configuration in
            configuration.poolSize = 1
            configuration.waitTimeout = .milliseconds(50)
        }
        // On a busy machine the first connection may take longer than that.
        try await eventually { try await !pool.query("SELECT 1").isEmpty }
        let gate = Gate()
        async let long: Void = pool.transaction { _ in gate.pass() }
        try await eventually { gate.isReached }
        await #expect(throws: PostgresError.poolExhausted) { try await pool.query("SELECT 1") }
        #expect(pool.counts.waiting == 0)
        gate.open()
        try await long
        #expect(try await pool.query("SELECT 1").count == 1)
        await pool.close()
    }

    @Test func `closes when what runs is done, and refuses the rest`() async throws {
        let pool = pool { configuration in
            configuration.poolSize = 1
            configuration.applicationName = "closing"
        }
        let gate = Gate()
        async let running = pool.transaction { transaction in
            gate.pass()
            return try transaction.rows("SELECT 5").decode(Int.self)
        }
        try await eventually { gate.isReached }
        let waiting = Task { try await pool.query("SELECT 1") }
        try await eventually { pool.counts.waiting == 1 }
        let closing = Task { await pool.close() }
        await #expect(throws: PostgresError.closed) { _ = try await waiting.value }
        await #expect(throws: PostgresError.closed) { try await pool.query("SELECT 1") }
        gate.open()
        #expect(try await running == [5])
        await closing.value
        #expect(pool.counts == (0, 0, 0))
        try await eventually {
            try await database.pool.query("SELECT FROM pg_stat_activity WHERE application_name = 'closing'").isEmpty
        }
        await pool.close()
    }

    @Test func `replaces a connection that has grown old`() async throws {
        let pool = pool { configuration in
            configuration.poolSize = 1
            configuration.connectionLifetime = .zero
        }
        let first = try await pool.query("SELECT pg_backend_pid()").decode(Int.self)
        let second = try await pool.query("SELECT pg_backend_pid()").decode(Int.self)
        #expect(first != second)
        await pool.close()
    }

    @Test func `keeps a connection whose statement was refused`() async throws {
        let pool = pool { $0.poolSize = 1 }
        let first = try await pool.query("SELECT pg_backend_pid()").decode(Int.self)
        await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1 / 0") }
        await #expect(throws: PostgresError.self) { try await pool.transaction { try $0.run("SELECT 1 / 0") } }
        #expect(try await pool.query("SELECT pg_backend_pid()").decode(Int.self) == first)
        await pool.close()
    }

    @Test func `tells the server who we are and how long it may work`() async throws {
        let pool = pool { configuration in
            configuration.applicationName = "renewals"
            configuration.statementTimeout = .milliseconds(1500)
            configuration.idleInTransactionTimeout = .seconds(7)
        }
        func setting(_ name: String) async throws -> [String] {
            try await pool.query("SELECT current_setting(\(name))").decode(String.self)
        }
        #expect(try await setting("application_name") == ["renewals"])
        #expect(try await setting("statement_timeout") == ["1500ms"])
        #expect(try await setting("idle_in_transaction_session_timeout") == ["7s"])
        #expect(try await setting("client_encoding") == ["UTF8"])
        await pool.close()
    }

    @Test func `leaves neither threads nor connections behind when it is forgotten`() async throws {
        var pool: PostgresPool? = pool { $0.applicationName = "forgotten" }
        try await pool?.query("SELECT 1")
        pool = nil
        try await eventually {
            try await database.pool.query("SELECT FROM pg_stat_activity WHERE application_name = 'forgotten'").isEmpty
        }
    }
}
