import Foundation
import Postgres
import Store

/// Whether Postgres keeps what it commits, has room for us, is new enough, and has every migration.
struct PostgresExamination {
    let desk: Desk

    private static let oldest = 140_000

    private struct Look: Sendable {
        var version: Int
        var versionText: String
        var settings: [String: String]
        var isReplica: Bool
        var sessions: Int
        var limit: Int
    }

    func findings() async -> [Finding] {
        do {
            let database = try desk.database
            let start = ContinuousClock.now
            _ = try await database.query("SELECT 1")
            let trip = ContinuousClock.now - start
            let look = try await desk.store.read { try Self.look(in: $0) }
            return [version(look, trip)] + durability(look) + room(look) + [await migrations(database)]
        } catch {
            return [Finding(.postgres, error)]
        }
    }

    private static func look(in transaction: Transaction) throws -> Look {
        let settings = try transaction.rows(
            """
            SELECT name, setting
            FROM pg_settings
            WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding', 'server_version')
            """
        )
        .decode((String, String).self)
        let numbers = try transaction.rows(
            """
            SELECT current_setting('server_version_num')::int, pg_is_in_recovery(),
                (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
                current_setting('max_connections')::int
            """
        )
        .decode((Int, Bool, Int, Int).self)
        guard let (version, isReplica, sessions, limit) = numbers.first else {
            throw CommandProblem.failure("Postgres did not say how it stands")
        }
        let named = Dictionary(settings, uniquingKeysWith: { $1 })
        return Look(
            version: version,
            versionText: named["server_version"] ?? "\(version)",
            settings: named,
            isReplica: isReplica,
            sessions: sessions,
            limit: limit
        )
    }

    private func version(_ look: Look, _ trip: Duration) -> Finding {
        guard look.version >= Self.oldest else {
            return .problem(
                .postgres,
                "its version is \(look.versionText), and 14 is the oldest that works",
                fix: "upgrade to PostgreSQL 15 or later"
            )
        }
        return .ok(.postgres, "answers in \((trip.inSeconds * 10_000).rounded() / 10) ms, version \(look.versionText)")
    }

    private func durability(_ look: Look) -> [Finding] {
        var findings: [Finding] = []
        func expect(_ name: String, _ loses: String) {
            guard look.settings[name] == "off" else { return }
            findings.append(
                .problem(
                    .postgres,
                    "\(name) is off: \(loses)",
                    fix: "ALTER SYSTEM SET \(name) = on; SELECT pg_reload_conf();"
                )
            )
        }
        expect("fsync", "a power cut loses and corrupts data")
        expect("full_page_writes", "a power cut can leave torn pages")
        expect("synchronous_commit", "a crash loses what was committed last, payments too")
        if look.isReplica {
            findings.append(.problem(.postgres, "this is a replica", fix: "point DATABASE_URL at the primary"))
        }
        if let encoding = look.settings["server_encoding"], encoding != "UTF8" {
            findings.append(
                .problem(
                    .postgres,
                    "the database is encoded in \(encoding)",
                    fix: "CREATE DATABASE gatehouse ENCODING 'UTF8' TEMPLATE template0; and copy the data there"
                )
            )
        }
        return findings.isEmpty
            ? [.ok(.postgres, "keeps what it commits: fsync, full_page_writes and synchronous_commit are on")]
            : findings
    }

    private func room(_ look: Look) -> [Finding] {
        guard look.limit > 0, look.sessions * 5 > look.limit * 4 else { return [] }
        return [
            .warning(
                .postgres,
                "\(look.sessions) of \(look.limit) connections are taken",
                fix: "lower POSTGRES_POOL, or ALTER SYSTEM SET max_connections = \(look.limit * 2); and restart it"
            )
        ]
    }

    private func migrations(_ database: PostgresPool) async -> Finding {
        do {
            let pending = try await Schema.migrations.pending(in: database)
            guard let first = pending.first else { return .ok(.postgres, "every migration is applied") }
            return .problem(
                .postgres,
                "migrations are not applied: \(pending.count), \(first) first",
                fix: "gatehouse migrate"
            )
        } catch let PostgresError.migration(name, problem) {
            return .problem(
                .postgres,
                "migration \(name): \(problem)",
                fix: "run the release that migrated this database, or a later one"
            )
        } catch {
            return Finding(.postgres, error)
        }
    }
}
