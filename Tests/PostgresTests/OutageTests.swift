import Foundation
import Postgres
import TestKit
import Testing

@Suite(.serialized) struct `When Postgres goes away` {
    let server: PostgresServer

    /// One after another on one server, because each server costs a second.
    init() async throws {
        server = try await Self.server.value
        server.resume()
        if !server.isRunning { try await server.start() }
        try await server.pool().query("DROP TABLE IF EXISTS t")
    }

    private static let server = Task { try await PostgresServer() }

    private func pool(_ change: (inout PostgresConfiguration) -> Void = { _ in }) throws -> PostgresPool {
        try server.pool { configuration in
            configuration.waitTimeout = .seconds(30)
            change(&configuration)
        }
    }

    /// Several connections, all idle.
    private func warmUp(_ pool: PostgresPool) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { try await pool.query("SELECT pg_sleep(0.05)") } }
            try await group.waitForAll()
        }
    }

    @Test func `a restart between two statements goes unnoticed`() async throws {
        let pool = try pool()
        try await warmUp(pool)
        try await server.restart()
        for _ in 0..<8 { #expect(try await pool.query("SELECT 1").count == 1) }
        try await warmUp(pool)
        try await server.kill()
        try await server.start()
        for _ in 0..<8 { #expect(try await pool.read { try $0.rows("SELECT 1").count } == 1) }
        await pool.close()
    }

    @Test func `callers wait until it is back`() async throws {
        let pool = try pool()
        try await warmUp(pool)
        try await server.kill()
        let waiting = (0..<6).map { number in
            Task { try await pool.query("SELECT \(number)").decode(Int.self) }
        }
        try await eventually { pool.counts.waiting == 6 }
        try await server.start()
        for (number, task) in waiting.enumerated() { #expect(try await task.value == [number]) }
        await pool.close()
    }

    @Test func `callers who don't wait that long are told why`() async throws {
        let pool = try pool { $0.waitTimeout = .milliseconds(200) }
        await server.stop()
        let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
        guard case .connect? = error else { return #expect(error == nil) }
        #expect(error?.isTransient == true)
        await pool.close()
    }

    enum End: CaseIterable { case fast, immediate, kill }

    @Test(arguments: End.allCases) func `what was under way is lost whole, and said to be so`(end: End) async throws {
        let pool = try pool { $0.applicationName = "working" }
        try await pool.query("CREATE TABLE t (id bigint)")
        let task = Task {
            try await pool.transaction { transaction in
                try transaction.run("INSERT INTO t VALUES (1)")
                try transaction.rows("SELECT pg_sleep(60)")
            }
        }
        let other = try server.pool()
        try await eventually {
            try await !other.query("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'").isEmpty
        }
        switch end {
        case .fast: await server.stop()
        case .immediate: await server.stopImmediately()
        case .kill: try await server.kill()
        }
        let error = await #expect(throws: PostgresError.self) { _ = try await task.value }
        #expect(error?.isTransient == true)
        #expect(error != .outcomeUnknown)
        try await server.start()
        #expect(try await pool.query("SELECT FROM t").isEmpty)
        await other.close()
        await pool.close()
    }

    @Test func `a session that an operator ends is replaced`() async throws {
        let pool = try pool { $0.poolSize = 1 }
        let operating = try server.pool { $0.poolSize = 1 }
        /// Until none is left.
        func endOthers() async throws {
            try await eventually {
                try await operating.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
                    """
                ).isEmpty
            }
        }
        // While it lies idle: nobody notices.
        try await pool.query("SELECT 1")
        try await endOthers()
        #expect(try await pool.query("SELECT 1").count == 1)

        // In the middle of a transaction: its caller does, the next one doesn't.
        let gate = Gate()
        let task = Task {
            try await pool.transaction { transaction in
                gate.pass()
                try transaction.rows("SELECT 1")
            }
        }
        try await eventually { gate.isReached }
        try await endOthers()
        gate.open()
        await #expect(throws: PostgresError.server(.init(sqlstate: "57P01"))) { _ = try await task.value }
        #expect(try await pool.query("SELECT 1").count == 1)
        await operating.close()
        await pool.close()
    }

    // MARK: Alive, but silent

    private func impatientPool(_ change: (inout PostgresConfiguration) -> Void = { _ in }) throws -> PostgresPool {
        try pool { configuration in
            configuration.statementTimeout = .milliseconds(500)
            configuration.answerGrace = .milliseconds(500)
            configuration.connectTimeout = .milliseconds(500)
            change(&configuration)
        }
    }

    @Test func `a silent server is given up, and used again when it speaks`() async throws {
        let pool = try impatientPool()
        try await eventually { try await !pool.query("SELECT 1").isEmpty }
        try await server.pause()
        let started = ContinuousClock.now
        await #expect(throws: PostgresError.outcomeUnknown) { try await pool.query("SELECT 1") }
        #expect(.now - started < .seconds(10))
        server.resume()
        try await eventually { try await pool.query("SELECT 1").count == 1 }
        await pool.close()
    }

    @Test func `a server that is silent in a transaction is given up`() async throws {
        let pool = try impatientPool()
        try await eventually { try await !pool.query("SELECT 1").isEmpty }
        let server = server
        await #expect(throws: PostgresError.timedOut) {
            try await pool.transaction { transaction in
                wait { try await server.pause() }
                try transaction.rows("SELECT 1")
            }
        }
        server.resume()
        await pool.close()
    }

    @Test func `a server that is silent at COMMIT leaves the outcome unknown`() async throws {
        let pool = try impatientPool()
        try await eventually { try await !pool.query("CREATE TABLE IF NOT EXISTS t (id bigint)").columns.contains("x") }
        let server = server
        await #expect(throws: PostgresError.outcomeUnknown) {
            try await pool.transaction { transaction in
                try transaction.run("INSERT INTO t VALUES (1)")
                wait { try await server.pause() }
            }
        }
        server.resume()
        await pool.close()
    }

    @Test func `a cancelled task doesn't wait for a silent server`() async throws {
        let pool = try pool { $0.answerGrace = .milliseconds(200) }
        try await pool.query("SELECT 1")
        let gate = Gate()
        let task = Task {
            try await pool.transaction { transaction in
                gate.pass()
                try transaction.rows("SELECT 1")
            }
        }
        try await eventually { gate.isReached }
        try await server.pause()
        gate.open()
        // Whether it has sent the statement or not, it comes back long before the statement's half minute.
        let started = ContinuousClock.now
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(.now - started < .seconds(10))
        server.resume()
        await pool.close()
    }

    @Test func `connecting to a silent server ends in time`() async throws {
        let pool = try impatientPool { $0.waitTimeout = .seconds(1) }
        try await server.pause()
        await #expect(
            throws: PostgresError.connect(sqlstate: nil, reason: "the server didn't answer in time")
        ) { try await pool.query("SELECT 1") }
        server.resume()
        await pool.close()
    }

    @Test func `closing doesn't wait for a silent server`() async throws {
        let pool = try pool()
        try await warmUp(pool)
        try await server.pause()
        let started = ContinuousClock.now
        await pool.close()
        #expect(.now - started < .seconds(10))
        server.resume()
    }
}
