import Foundation
import Postgres
import TestKit
import Testing

@Suite(.database()) struct `A query` {
    let pool: PostgresPool

    init() throws {
        pool = try #require(TestDatabase.current).pool
    }

    @Test(arguments: [
        "'; DROP TABLE t; --", "\\'; DROP TABLE t; --", "$1", "$$", "\u{2019}; --", "%27; DROP TABLE t", "/*", "\"",
        "%s",
    ])
    func `text that looks like SQL stays data`(text: String) async throws {
        try await pool.query("CREATE TABLE t (v text)")
        try await pool.query("INSERT INTO t VALUES (\(text))")
        #expect(try await pool.query("SELECT v FROM t WHERE v = \(text)").decode(String.self) == [text])
    }

    @Test func `is put together of parts, each with its values`() async throws {
        let table: StaticString = "generate_series(1, 100)"
        let isLarge: Query = "n > \(90)"
        let conditions: [Query] = [isLarge, "n % \(2) = \(0)", "n <> ALL (\([92, 94]))"]
        let query: Query = "SELECT n FROM \(raw: table) AS n WHERE \(conditions.joined(separator: " AND ")) LIMIT \(2)"
        #expect(try await pool.query(query).decode(Int.self) == [96, 98])
    }

    @Test func `grows at its end`() async throws {
        var query: Query = "SELECT \(1)"
        query += ", \("a")"
        #expect(try await pool.query(query + ", \(true)").decode((Int, String, Bool).self).first! == (1, "a", true))
    }

    @Test func `remembers which value was wrong, also as a part`() async throws {
        let part: Query = "\("good"), \("bad\0")"
        await #expect(throws: PostgresError.value(position: 3, reason: "Postgres text can't hold a NUL")) {
            try await pool.query("SELECT \(1), \(part)")
        }
    }

    @Test(arguments: ["plain", "With Space", "quo\"te", "semi;colon", "ä", "select"])
    func `quotes a name`(name: String) async throws {
        try await pool.query("CREATE TABLE \(identifier: name) (id bigint)")
        try await pool.query("INSERT INTO \(identifier: name) VALUES (\(5))")
        let names = try await pool.query("SELECT relname FROM pg_class WHERE relname = \(name) AND relkind = 'r'")
        #expect(try names.decode(String.self) == [name])
    }

    @Test(arguments: ["", "a\0b"]) func `refuses an impossible name`(name: String) async throws {
        await #expect(throws: PostgresError.self) { try await pool.query("DROP TABLE \(identifier: name)") }
    }

    @Test func `takes no more values than Postgres does`() async throws {
        let query: Query = "SELECT \((0..<70_000).map { "\($0)" as Query }.joined())"
        await #expect(throws: PostgresError.self) { try await pool.query(query) }
        // The connection is none the worse.
        #expect(try await pool.query("SELECT 1").count == 1)
    }

    @Test func `answers how many rows it changed`() async throws {
        try await pool.query("CREATE TABLE t (v bigint)")
        let changed = try await pool.transaction { transaction in
            [
                try transaction.run("INSERT INTO t SELECT generate_series(1, 5)"),
                try transaction.run("UPDATE t SET v = v + 1 WHERE v > 3"),
                try transaction.run("DELETE FROM t"),
                try transaction.run("DELETE FROM t"),
            ]
        }
        #expect(changed == [5, 2, 5, 0])
    }

    @Test func `inserts ten thousand rows at once`() async throws {
        try await pool.query("CREATE TABLE t (id bigint PRIMARY KEY, name text, at timestamptz, body bytea)")
        let ids = Array(1...10_000)
        let names = ids.map { $0 % 7 == 0 ? nil : "name \($0)" }
        let times = ids.map { Date(timeIntervalSince1970: Double($0)) }
        let bodies = ids.map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0 % 5) }
        let inserted = try await pool.transaction { transaction in
            try transaction.run(
                "INSERT INTO t SELECT * FROM unnest(\(ids), \(names), \(times), \(bodies))"
            )
        }
        #expect(inserted == 10_000)
        let rows = try await pool.query("SELECT id, name, at, body FROM t ORDER BY id")
        let tuples = try rows.decode((Int, String?, Date, [UInt8]).self)
        #expect(tuples.map(\.0) == ids)
        #expect(tuples.map(\.1) == names)
        #expect(tuples.map(\.2) == times)
        #expect(tuples.map(\.3) == bodies)
    }

    @Test(arguments: [0, 3, 256]) func `runs however many statements are kept prepared`(limit: Int) async throws {
        var configuration = try #require(TestDatabase.current).configuration
        configuration.statementCacheSize = limit
        configuration.poolSize = 1
        let pool = PostgresPool(configuration, logger: .silent)
        for round in 0..<3 {
            for width in 1...10 {
                let columns = (0..<width).map { "\($0 + round)" as Query }.joined()
                let rows = try await pool.query("SELECT \(columns)")
                #expect(try rows.first?[0, as: Int.self] == round)
            }
        }
        let kept = try await pool.query("SELECT count(*)::int FROM pg_prepared_statements").decode(Int.self)
        // Ten were prepared, and the question itself; room is made after each.
        #expect(kept == [limit == 256 ? 11 : limit])
        await pool.close()
    }

    @Test func `is prepared again for values of other types`() async throws {
        func text(of value: some PostgresValue) async throws -> [String] {
            try await pool.query("SELECT pg_typeof(\(value))::text").decode(String.self)
        }
        #expect(try await text(of: 1) == ["bigint"])
        #expect(try await text(of: "1") == ["text"])
        #expect(try await text(of: Int32(1)) == ["integer"])
    }

    @Test func `recovers when its table has changed under it`() async throws {
        try await pool.query("CREATE TABLE t (a bigint)")
        _ = try await pool.query("SELECT * FROM t")
        try await pool.query("ALTER TABLE t ADD COLUMN b text")
        try await eventually { try await pool.query("SELECT * FROM t").columns == ["a", "b"] }
    }

    @Test func `of several statements, or of COPY, is refused`() async throws {
        await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1; SELECT 2") }
        await #expect(throws: PostgresError.self) { try await pool.query("COPY (SELECT 1) TO STDOUT") }
        await #expect(throws: PostgresError.self) {
            try await pool.transaction { try $0.run("COPY pg_class FROM STDIN") }
        }
        #expect(try await pool.query("SELECT 1").count == 1)
    }
}

@Suite(.database()) struct `The rows of an answer` {
    let pool: PostgresPool

    init() throws {
        pool = try #require(TestDatabase.current).pool
    }

    @Test func `are read by name, by number and as tuples`() async throws {
        let rows = try await pool.query(
            "SELECT n AS id, 'name ' || n AS name FROM generate_series(1, 3) AS n ORDER BY n"
        )
        #expect(rows.count == 3)
        #expect(rows.columns == ["id", "name"])
        #expect(try rows.map { try $0["name", as: String.self] } == ["name 1", "name 2", "name 3"])
        #expect(try rows[2][0, as: Int.self] == 3)
        let tuples = try rows.decode((Int, String).self)
        #expect(tuples.map(\.0) == [1, 2, 3])
        let id: Int? = try rows.first?["id"]
        #expect(id == 1)
    }

    @Test func `without any are an empty answer`() async throws {
        let rows = try await pool.query("SELECT 1 WHERE false")
        #expect(rows.isEmpty)
        #expect(rows.first == nil)
        #expect(try rows.decode(Int.self).isEmpty)
    }

    @Test func `that don't fit are refused with the column's name and type`() async throws {
        let rows = try await pool.query("SELECT 'secret' AS a, NULL::bigint AS b, 1 AS c, 2 AS c, '1.5'::interval AS d")
        let row = try #require(rows.first)
        func reason(_ read: () throws(PostgresError) -> Void) -> String {
            do { try read() } catch { return "\(error)" }
            return "nothing"
        }
        #expect(
            reason { () throws(PostgresError) in _ = try row["a", as: Int.self] }
                == "column a: Int was asked for, but its type is text"
        )
        #expect(
            reason { () throws(PostgresError) in _ = try row["b", as: Int.self] }
                == "column b: Int was asked for, but it is NULL"
        )
        #expect(
            reason { () throws(PostgresError) in _ = try row["c", as: Int.self] }
                == "column c: several columns are called so"
        )
        #expect(
            reason { () throws(PostgresError) in _ = try row["d", as: String.self] }
                == "column d: String was asked for, but its type is interval"
        )
        #expect(
            reason { () throws(PostgresError) in _ = try row["e", as: Int.self] } == "column e: there is no such column"
        )
        #expect(reason { () throws(PostgresError) in _ = try row[9, as: Int.self] } == "column 9: there are 5 columns")
        #expect(
            reason { () throws(PostgresError) in _ = try row.decode((String, Int?).self) }
                == "column *: 2 columns were asked for, there are 5"
        )
    }
}
