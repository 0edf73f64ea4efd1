import Postgres
import TestKit
import Testing

@Suite struct `When the answer is lost` {
    private let direct: PostgresPool
    private let server: PostgresServer

    init() async throws {
        // Its own sessions may be cut, so the shared server will do.
        server = try await TestDatabase.server()
        database = try await TestDatabase.fresh()
        direct = database.pool
        try await direct.query("CREATE TABLE t (id bigint)")
    }

    private let database: TestDatabase

    private func withPool(_ cut: LossyLine.Cut, _ body: (PostgresPool) async throws -> Void) async throws {
        let line = try LossyLine(to: server, cut)
        let name = try #require(try await direct.query("SELECT current_database()::text").decode(String.self).first)
        var configuration = try PostgresConfiguration(url: line.url).database(name)
        configuration.statementCacheSize = 0
        let pool = PostgresPool(configuration, logger: .silent)
        try await body(pool)
        await pool.close()
        line.close()
    }

    private func count() async throws -> Int {
        try await direct.query("SELECT count(*) FROM t").decode(Int.self)[0]
    }

    @Test func `to a COMMIT that was done, nobody claims to know`() async throws {
        try await withPool(.after("COMMIT\0")) { pool in
            await #expect(throws: PostgresError.outcomeUnknown) {
                try await pool.transaction(retrying: 5) { try $0.run("INSERT INTO t VALUES (1)") }
            }
            #expect(try await count() == 1)
            // The next one has a connection of its own.
            try await pool.transaction { try $0.run("INSERT INTO t VALUES (2)") }
            #expect(try await count() == 2)
        }
    }

    @Test func `to a COMMIT that never arrived, nobody claims to know`() async throws {
        try await withPool(.before("COMMIT\0")) { pool in
            await #expect(throws: PostgresError.outcomeUnknown) {
                try await pool.transaction(retrying: 5) { try $0.run("INSERT INTO t VALUES (1)") }
            }
            try await eventually { try await count() == 0 }
        }
    }

    @Test func `to a lone statement, nobody claims to know`() async throws {
        try await withPool(.after("INSERT")) { pool in
            await #expect(throws: PostgresError.outcomeUnknown) { try await pool.query("INSERT INTO t VALUES (1)") }
            let count = try await count()
            #expect(count == 1)
        }
    }

    @Test func `to a statement in a transaction, it has not happened`() async throws {
        try await withPool(.after("INSERT")) { pool in
            await #expect(throws: PostgresError.connectionLost) {
                try await pool.transaction { try $0.run("INSERT INTO t VALUES (1)") }
            }
            try await eventually { try await count() == 0 }
        }
    }

    @Test func `to BEGIN, the transaction begins on another connection`() async throws {
        try await withPool(.before("BEGIN")) { pool in
            try await pool.transaction { try $0.run("INSERT INTO t VALUES (1)") }
            #expect(try await count() == 1)
        }
    }

    @Test func `to the end of mere reading, what was read is good`() async throws {
        try await withPool(.before("COMMIT\0")) { pool in
            let five = try await pool.read { try $0.rows("SELECT 5").decode(Int.self) }
            #expect(five == [5])
        }
    }
}
