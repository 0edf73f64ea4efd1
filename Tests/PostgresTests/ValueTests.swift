import Foundation
import Postgres
import TestKit
import Testing

@Suite struct `A value sent to Postgres and back` {
    let pool: PostgresPool

    init() async throws {
        pool = try await Self.database.value.pool
    }

    /// One for all, because nothing is kept in it.
    private static let database = Task { try await TestDatabase.fresh() }

    /// What comes back, and what Postgres itself reads in it.
    private func echo<Value: PostgresValue>(_ value: Value) async throws -> (value: Value, text: String?) {
        let rows = try await pool.query("SELECT v, v::text FROM (SELECT \(value) AS v) AS s")
        let row = try #require(rows.first)
        return (try row[0], try row[1])
    }

    private func same<Value: PostgresValue & Equatable>(_ values: [Value]) async throws {
        for value in values { #expect(try await echo(value).0 == value) }
    }

    @Test func `integers keep their edges`() async throws {
        try await same([Int16.min, -1, 0, 1, .max])
        try await same([Int32.min, -1, 0, 1, .max])
        try await same([Int64.min, -1, 0, 1, .max])
        try await same([Int.min, -1, 0, 1, .max])
        #expect(try await echo(Int64.min).text == "-9223372036854775808")
    }

    @Test func `a narrow column is read as a wider integer, a wide one only where it fits`() async throws {
        let rows = try await pool.query("SELECT 7::int2 AS two, 8::int4 AS four, 40000::int8 AS eight")
        let row = try #require(rows.first)
        #expect(try row["two", as: Int.self] == 7)
        #expect(try row["four", as: Int64.self] == 8)
        #expect(try row["eight", as: Int32.self] == 40_000)
        #expect(
            throws: PostgresError.decode(column: "eight", reason: "Int16 was asked for, but it doesn't fit in Int16")
        ) {
            try row["eight", as: Int16.self]
        }
    }

    @Test(arguments: [
        "0", "1", "-1", "9999", "10000", "100000000", "12345678901234567", "-20000", "9223372036854775807",
        "-9223372036854775808",
    ])
    func `a sum is read as an integer`(text: String) async throws {
        let sums = try await pool.query("SELECT \(text)::numeric").decode(Int64.self)
        #expect(sums == [Int64(text)])
    }

    @Test(arguments: [
        "0.5", "-1.25", "10000.0001", "9223372036854775808", "-9223372036854775809", "1e40", "NaN", "Infinity",
    ])
    func `a sum that is no integer is refused`(text: String) async throws {
        let rows = try await pool.query("SELECT \(text)::numeric")
        #expect(throws: PostgresError.self) { try rows.decode(Int64.self) }
    }

    @Test func `truth, doubles and text`() async throws {
        try await same([true, false])
        try await same([0, -0.0, 1.5, .pi, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .infinity, -.infinity])
        #expect(try await echo(Double.nan).0.isNaN)
        try await same(["", " ", "ä€😀", "'", "\\", "\n\u{1}\u{7f}", "e\u{301}", "$1", "NULL", "\u{FEFF}\u{10FFFF}"])
    }

    @Test func `a real is read as a double`() async throws {
        #expect(try await pool.query("SELECT 1.5::real").decode(Double.self) == [1.5])
    }

    @Test func `bytes keep their zeros`() async throws {
        try await same([[], [0], [0, 1, 0], Array(0...255)] as [[UInt8]])
        #expect(try await echo([0, 255] as [UInt8]).text == #"\x00ff"#)
    }

    @Test func `ids`() async throws {
        let id = try #require(UUID(uuidString: "00112233-4455-6677-8899-AABBCCDDEEFF"))
        let (back, text) = try await echo(id)
        #expect(back == id)
        #expect(text == "00112233-4455-6677-8899-aabbccddeeff")
    }

    @Test(arguments: [
        ("2024-02-29T12:34:56.789012Z", 1_709_210_096_789_012), ("2000-01-01T00:00:00Z", 946_684_800_000_000),
        ("1999-12-31T23:59:59.999999Z", 946_684_799_999_999), ("1970-01-01T00:00:00.000001Z", 1),
        ("1969-12-31T23:59:59.999999Z", -1), ("1900-01-01T00:00:00.5Z", -2_208_988_799_500_000),
        ("1800-06-01T01:02:03.000004Z", -5_351_612_276_999_996), ("2200-12-31T23:59:59.000001Z", 7_289_654_399_000_001),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
    ])
    func `times are exact to the microsecond`(text: String, microseconds: Int64) async throws {
        let rows = try await pool.query(
            "SELECT \(text)::timestamptz, (extract(epoch FROM \(text)::timestamptz) * 1000000)::bigint"
        )
        let (time, expected) = try #require(try rows.decode((Date, Int64).self).first)
        #expect(expected == microseconds)
        // Sent back, it is the same to Postgres, and the same again to us.
        let again = try await pool.query("SELECT \(time), \(time) = \(text)::timestamptz").decode((Date, Bool).self)
        #expect(again.first?.0 == time)
        #expect(again.first?.1 == true)
        #expect(abs(time.timeIntervalSince1970 - Double(microseconds) / 1_000_000) < 0.000_1)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e15, -1e13, 1e300])
    func `a time out of range is refused before it is sent`(seconds: Double) async throws {
        let time = Date(timeIntervalSinceReferenceDate: seconds)
        await #expect(throws: PostgresError.value(position: 2, reason: "the time is out of Postgres' range")) {
            try await pool.query("SELECT \(1), \(time)")
        }
    }

    @Test func `infinity is no time`() async throws {
        let rows = try await pool.query("SELECT 'infinity'::timestamptz AS t")
        #expect(throws: PostgresError.decode(column: "t", reason: "Date was asked for, but it is infinity")) {
            try rows.decode(Date.self)
        }
    }

    @Test func `JSON`() async throws {
        struct Shape: Codable, Equatable { var name: String; var sizes: [Int] }
        let shape = Shape(name: "ä\"'", sizes: [1, 2])
        let (back, _) = try await echo(try PostgresJSON(encoding: shape))
        #expect(try back.decode(Shape.self) == shape)
        #expect(try await echo(PostgresJSON(#"{"b":1, "a":null}"#)).0.text == #"{"a": null, "b": 1}"#)
        #expect(try await pool.query("SELECT '[1]'::json").decode(PostgresJSON.self) == [PostgresJSON("[1]")])
    }

    enum Plan: String, PostgresValue { case free, paid }
    enum Level: Int, PostgresValue { case low = 1, high }

    @Test func `an enum is its raw value`() async throws {
        try await same([Plan.free, .paid])
        try await same([Level.low, .high])
        try await same([[Plan.free, .paid]])
        #expect(try await echo(Plan.paid).text == "paid")
        try await same([nil, .free] as [Plan?])
        let rows = try await pool.query("SELECT 'gold' AS plan")
        #expect(
            throws: PostgresError.decode(column: "plan", reason: "Plan was asked for, but it is no Plan that we know")
        ) {
            try rows.decode(Plan.self)
        }
    }

    @Test func `a type of the schema's own is read as its text`() async throws {
        try await pool.query("CREATE TYPE mood AS ENUM ('fine', 'low')")
        #expect(try await pool.query("SELECT \("low")::mood").decode(String.self) == ["low"])
    }

    @Test func `NULL is nil`() async throws {
        try await same([nil, 1] as [Int?])
        try await same([nil, ""] as [String?])
        try await same([nil, []] as [[UInt8]?])
        try await same([nil, []] as [[Int]?])
        let names = try await pool.query("SELECT NULL UNION ALL SELECT 'a'").decode(String?.self)
        #expect(names as [String?] == [nil, "a"])
    }

    @Test func `arrays, empty ones and those with NULL`() async throws {
        try await same([[], [1], [.min, 0, .max]] as [[Int]])
        try await same([[], [nil], [1, nil, 3]] as [[Int?]])
        try await same([[], ["", "a,b", "{}", "\"", "NULL"], ["ä"]])
        try await same([[nil, "x"]] as [[String?]])
        try await same([[true, false]])
        try await same([[Int16.min, .max]])
        try await same([[Int32.min, .max]])
        try await same([[1.5, -.infinity]])
        try await same([[UUID(), UUID()]])
        try await same([[Date(timeIntervalSince1970: -5), Date(timeIntervalSince1970: 5)]])
        try await same([[], [[]], [[0], [], [1, 0]]] as [[[UInt8]]])
        try await same([[PostgresJSON("{}"), PostgresJSON("[1, 2]")]])
        #expect(try await echo(["a", nil, "NULL"] as [String?]).text == #"{a,NULL,"NULL"}"#)
    }

    @Test func `an array with NULL isn't read as one without`() async throws {
        let rows = try await pool.query("SELECT ARRAY[1, NULL]::bigint[] AS list")
        #expect(throws: PostgresError.decode(column: "list", reason: "Array<Int> was asked for, but it is NULL")) {
            try rows.decode([Int].self)
        }
    }

    @Test func `arrays of arrays are refused`() async throws {
        await #expect(throws: PostgresError.self) { try await pool.query("SELECT \([[1]])") }
        let rows = try await pool.query("SELECT ARRAY[[1], [2]]::bigint[] AS table")
        #expect(
            throws: PostgresError.decode(column: "table", reason: "Array<Int> was asked for, but it has 2 dimensions")
        ) {
            try rows.decode([Int].self)
        }
    }

    @Test func `a composite isn't read as text or as an array`() async throws {
        try await pool.query("CREATE TYPE pair AS (a bigint, b bytea)")
        let rows = try await pool.query(#"SELECT ROW(1, '\xff')::pair AS pair"#)
        #expect(throws: PostgresError.self) { try rows.decode(String.self) }
        #expect(throws: PostgresError.self) { try rows.decode([Int].self) }
    }

    @Test(arguments: ["a\0b", "\0"]) func `text with a NUL is refused before it is sent`(text: String) async throws {
        await #expect(throws: PostgresError.value(position: 1, reason: "Postgres text can't hold a NUL")) {
            try await pool.query("SELECT \(text)")
        }
        await #expect(throws: PostgresError.value(position: 2, reason: "Postgres text can't hold a NUL")) {
            try await pool.query("SELECT \(1), \(["fine", text])")
        }
    }

    @Test func `values of many megabytes`() async throws {
        let bytes = [UInt8](repeating: 0, count: 5_000_000) + Array(0...255)
        let text = String(repeating: "0123456789äöüß", count: 200_000)
        let rows = try await pool.query("SELECT \(bytes), \(text), length(\(bytes)), length(\(text))")
        let row = try #require(rows.first)
        #expect(try row[0] == bytes)
        #expect(try row[1] == text)
        #expect(try row[2] == bytes.count)
        #expect(try row[3] == text.unicodeScalars.count)
    }
}
