import Foundation
import Postgres
import TestKit
import Testing

@Suite(.database()) struct `A refusal` {
    let pool: PostgresPool

    init() async throws {
        pool = try #require(TestDatabase.current).pool
        try await pool.query(
            """
            CREATE TABLE people (
                email text NOT NULL CONSTRAINT people_email_key UNIQUE,
                age bigint CONSTRAINT people_age_check CHECK (age > 0),
                friend text CONSTRAINT people_friend_fkey REFERENCES people (email)
            )
            """
        )
        try await pool.query("INSERT INTO people VALUES (\(Self.secret), \(20))")
        try await pool.query(
            """
            CREATE FUNCTION complain(text) RETURNS void LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'no %', $1 USING DETAIL = $1, HINT = $1; END $$
            """
        )
    }

    /// What no error may say.
    private static let secret = "ada@example.org"

    private static let refusals: [(String, Query)] = [
        ("23505", "INSERT INTO people VALUES (\(secret))"),
        ("23514", "INSERT INTO people VALUES (\(secret + "1"), \(-1))"),
        ("23502", "INSERT INTO people VALUES (\(nil as String?), \(1), \(secret))"),
        ("23503", "INSERT INTO people VALUES ('x', 1, \(secret + "2"))"),
        ("22P02", "SELECT \(secret)::bigint"),
        ("22P02", "SELECT \(secret)::uuid"),
        ("22P02", "SELECT \(secret)::jsonb"),
        ("22007", "SELECT \(secret)::timestamptz"),
        ("54000", "SELECT lpad(\(secret), 2000000000)"),
        ("42P01", "SELECT \("ada")::regclass"),
        ("42601", "SELECT to_tsquery(\(secret + " &&& "))"),
        ("P0001", "SELECT complain(\(secret))"),
        ("2201B", "SELECT \(secret) ~ \(secret + "(")"),
    ]

    @Test func `holds no data`() async throws {
        for (sqlstate, query) in Self.refusals {
            let error = await #expect(throws: PostgresError.self) { try await pool.query(query) }
            #expect(error?.sqlstate == sqlstate)
            guard let error else { continue }
            var dumped = ""
            dump(error, to: &dumped)
            for words in ["\(error)", String(reflecting: error), error.localizedDescription, dumped] {
                #expect(!words.contains("ada"))
                #expect(!words.contains("example"))
            }
        }
    }

    @Test func `names the constraint and the table`() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await pool.query("INSERT INTO people VALUES (\(Self.secret))")
        }
        #expect(error == .server(.init(sqlstate: "23505", constraint: "people_email_key", table: "people")))
        #expect(error?.isUniqueViolation() == true)
        #expect(error?.isUniqueViolation("people_email_key") == true)
        #expect(error?.isUniqueViolation("other") == false)
        #expect(error?.isCheckViolation() == false)
        #expect(
            error?.description
                == "Postgres refused: 23505 unique_violation, table people, constraint people_email_key"
        )
    }

    @Test func `names the column that must not be NULL`() async throws {
        await #expect(throws: PostgresError.server(.init(sqlstate: "23502", table: "people", column: "email"))) {
            try await pool.query("INSERT INTO people VALUES (NULL)")
        }
    }

    @Test func `of our SQL shows the place in our SQL`() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await pool.query(
                """
                SELECT email
                FROM people
                WHERE aeg > \(1) AND email = \(Self.secret)
                """
            )
        }
        #expect(error == .server(.init(sqlstate: "42703", near: "aeg > $1 AND email = $2")))
    }

    @Test func `of a value says which one and why, never what`() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await pool.query("SELECT \(1), \(Self.secret + "\0")")
        }
        #expect(error?.description == "value $2: Postgres text can't hold a NUL")
    }
}

@Suite struct `An error` {
    @Test(arguments: [
        ("40001", true), ("40P01", true), ("08006", true), ("57P01", true), ("57P03", true), ("53300", true),
        ("53100", true), ("55P03", true), ("23505", false), ("42601", false), ("22P02", false), ("P0001", false),
        ("28P01", false), ("3D000", false), ("0A000", false),
    ])
    func `is transient only when time may heal it`(sqlstate: String, isTransient: Bool) {
        #expect(PostgresError.server(.init(sqlstate: sqlstate)).isTransient == isTransient)
        #expect(PostgresError.connect(sqlstate: sqlstate, reason: "").isTransient == isTransient)
    }
}

@Suite struct `A notice` {
    @Test func `of the server isn't printed`() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let server = try await PostgresServer()
            let pool = try server.pool()
            try await pool.query("DO $$ BEGIN RAISE WARNING 'for your eyes only'; END $$")
            try await pool.query("DROP TABLE IF EXISTS nothing_here")
            await pool.close()
            await server.stop()
        }
        let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(!words.contains("eyes only"))
        #expect(!words.contains("nothing_here"))
    }
}
