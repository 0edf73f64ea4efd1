import Postgres
import TestKit
import Testing

@Suite(.database()) struct `Migrating a database` {
    let pool: PostgresPool

    init() throws {
        pool = try #require(TestDatabase.current).pool
    }

    private let members = Migration(name: "0001_members", sql: "CREATE TABLE members (id bigint PRIMARY KEY);")
    private let names = Migration(
        name: "0002_names",
        sql: """
            -- People have names; 'quotes' and $1 in a comment do no harm.
            ALTER TABLE members ADD COLUMN name text;
            INSERT INTO members VALUES (1, 'Ada');
            """
    )

    @Test func `what is pending is applied once, in its order`() async throws {
        let migrations = try Migrations([members, names])
        #expect(try await migrations.pending(in: pool) == ["0001_members", "0002_names"])
        #expect(try await migrations.apply(to: pool) == ["0001_members", "0002_names"])
        #expect(try await migrations.pending(in: pool) == [])
        #expect(try await migrations.apply(to: pool) == [])
        let rows = try await pool.query("SELECT id, name FROM members").decode((Int, String?).self)
        #expect(rows.count == 1)
        #expect(rows.first?.1 == "Ada")
    }

    @Test func `a new step is added to those that were applied`() async throws {
        try await Migrations([members]).apply(to: pool)
        let migrations = try Migrations([members, names])
        #expect(try await migrations.pending(in: pool) == ["0002_names"])
        #expect(try await migrations.apply(to: pool) == ["0002_names"])
    }

    @Test func `processes that migrate at once apply each step once`() async throws {
        let steps =
            [members, names]
            + (3...9).map { Migration(name: "000\($0)_table", sql: "CREATE TABLE table\($0) ()") }
        let migrations = try Migrations(steps)
        let database = try #require(TestDatabase.current)
        let applied = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let pool = PostgresPool(database.configuration, logger: .silent)
                    let applied = try await migrations.apply(to: pool)
                    await pool.close()
                    return applied
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted() == steps.map(\.name))
        #expect(try await pool.query("SELECT count(*) FROM members").decode(Int.self) == [1])
    }

    @Test func `a step that was edited after it was applied is refused`() async throws {
        try await Migrations([members, names]).apply(to: pool)
        let edited = try Migrations([members, Migration(name: "0002_names", sql: names.sql + " ")])
        await #expect(
            throws: PostgresError.migration(
                name: "0002_names",
                problem: "it was edited after it was applied; put it back and write a new migration instead"
            )
        ) { try await edited.apply(to: pool) }
        await #expect(throws: PostgresError.self) { try await edited.pending(in: pool) }
    }

    @Test func `a step that was renamed is refused`() async throws {
        try await Migrations([members]).apply(to: pool)
        let renamed = try Migrations([Migration(name: "0001_people", sql: members.sql)])
        await #expect(
            throws: PostgresError.migration(
                name: "0001_people",
                problem: "the database has it as 0001_members; a migration is never renamed"
            )
        ) { try await renamed.apply(to: pool) }
    }

    @Test func `a database that a newer release has migrated is refused`() async throws {
        try await Migrations([members, names]).apply(to: pool)
        let older = try Migrations([members])
        await #expect(
            throws: PostgresError.migration(
                name: "0002_names",
                problem: "the database has it, this release doesn't; run a newer release"
            )
        ) { try await older.apply(to: pool) }
    }

    @Test func `a database that lacks a step in the middle is refused`() async throws {
        try await Migrations([members, names]).apply(to: pool)
        try await pool.query("DELETE FROM schema_migrations WHERE number = 1")
        await #expect(
            throws: PostgresError.migration(
                name: "0001_members",
                problem: "the database lacks it, but has 0002_names"
            )
        ) { try await Migrations([members, names]).pending(in: pool) }
    }

    @Test func `a step that fails leaves nothing behind, and the ones before it stay`() async throws {
        let broken = try Migrations([
            members, Migration(name: "0002_broken", sql: "CREATE TABLE half (); SELECT 1 / 0;"),
        ])
        await #expect(throws: PostgresError.server(.init(sqlstate: "22012"))) { try await broken.apply(to: pool) }
        #expect(try await pool.query("SELECT to_regclass('half') IS NULL").decode(Bool.self) == [true])
        #expect(try await Migrations([members, names]).pending(in: pool) == ["0002_names"])
    }

    @Test func `a step that commits by itself is refused`() async throws {
        let sly = try Migrations([Migration(name: "0001_sly", sql: "CREATE TABLE half (); COMMIT; BEGIN;")])
        await #expect(
            throws: PostgresError.migration(
                name: "0001_sly",
                problem: "it ends its transaction itself; nobody knows what it left behind"
            )
        ) { try await sly.apply(to: pool) }
    }

    @Test func `a step may take longer than a statement of daily work`() async throws {
        let database = try #require(TestDatabase.current)
        var configuration = database.configuration
        configuration.statementTimeout = .milliseconds(50)
        configuration.answerGrace = .milliseconds(50)
        let pool = PostgresPool(configuration, logger: .silent)
        let slow = try Migrations([Migration(name: "0001_slow", sql: "SELECT pg_sleep(0.3)")])
        #expect(try await slow.apply(to: pool) == ["0001_slow"])
        await pool.close()
    }
}

@Suite struct `A list of migrations` {
    @Test(arguments: [["0001_a", "0003_b"], ["0002_a"], ["0001_a", "0001_b"], ["a"], ["0001"], [""]])
    func `steps that aren't counted from 1 are refused`(names: [String]) {
        #expect(throws: PostgresError.self) { try Migrations(names.map { Migration(name: $0, sql: "") }) }
    }
}
