import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Postgres
import Redis
import Sealing
import Store
import TestKit
import Testing

@testable import ControlCommands

@Suite struct `The doctor` {
    private struct Report: Decodable {
        struct Found: Decodable {
            var area: String
            var state: String
            var what: String
            var fix: String?
        }
        var findings: [Found]
        var problems: Int

        func fix(of words: String) -> String? { findings.first { $0.what.contains(words) && $0.state != "ok" }?.fix }
    }

    private func examine(_ someone: Operator) async throws -> (exit: ServerProcess.Exit, report: Report) {
        let outcome = try await someone.gatehouse("doctor", "--json")
        return (outcome.exit, try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8)))
    }

    /// Servers as they should be: the tests' own Postgres is not.
    private func healthy() async throws -> (shop: Operator, redis: RedisServer, postgres: PostgresServer) {
        let redis = try await RedisServer(
            .init(isDurable: true, more: ["--maxmemory-policy", "noeviction", "--maxmemory", "256mb"])
        )
        let postgres = try await PostgresServer(.init(isDurable: true))
        var shop = try await Operator(.empty)
        shop.environment["REDIS_URL"] = redis.url
        shop.environment["DATABASE_URL"] = postgres.url
        try await shop.expectOK("migrate")
        try await shop.expectOK(
            "site",
            "create",
            "demo",
            "--name",
            "Demo",
            "--thrivecart-account",
            "demoshop",
            "--thrivecart-secret-file",
            try shop.file(Operator.secret)
        )
        return (shop, redis, postgres)
    }

    @Test func `a system in order is well, and each thing that is not has its cure`() async throws {
        var (shop, redis, postgres) = try await healthy()
        let client = try redis.client()
        let pool = try postgres.pool()
        let queue = JobQueue(redis: client, logger: .silent)

        // Nobody has ever worked here.
        #expect(try await examine(shop).report.fix(of: "no worker was ever here") == "start fulfillment, see Procfile")

        let program = try ServerProcess(
            .init(
                builtProgram("fulfillment"),
                [],
                environment: shop.environment.merging(["FULFILLMENT_HEALTH_PORT": "\(try freePort())"]) { $1 },
                log: try TestDirectory.make("fulfillment") + "/log"
            )
        )
        try await eventually { try await examine(shop).exit == .code(0) }
        let well = try await examine(shop).report
        #expect(well.findings.allSatisfy { $0.state == "ok" }, "\(well.findings.filter { $0.state != "ok" })")
        #expect(Set(well.findings.map(\.area)) == Set(Finding.Area.allCases.map(\.rawValue)))
        #expect(try await shop.gatehouse("doctor").output.hasSuffix("All is well.\n"))

        // Redis keeps less than it says.
        try await client.call(["CONFIG", "SET", "appendfsync", "everysec"])
        try await client.call(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
        let (exit, forgetful) = try await examine(shop)
        #expect(exit == .code(1))
        #expect(forgetful.fix(of: "appendfsync is everysec") == "CONFIG SET appendfsync always, then CONFIG REWRITE")
        #expect(forgetful.fix(of: "allkeys-lru") == "CONFIG SET maxmemory-policy noeviction, then CONFIG REWRITE")
        try await client.call(["CONFIG", "SET", "appendfsync", "always"])
        try await client.call(["CONFIG", "SET", "maxmemory-policy", "noeviction"])

        // A paused queue, a paused entry, and nobody who works.
        try await queue.pause("fulfillment")
        let entry = EndLapsedEntitlements.kind.text
        try await queue.pauseEntry(entry, on: "fulfillment")
        let paused = try await examine(shop)
        #expect(paused.exit == .code(0))
        #expect(paused.report.fix(of: "fulfillment is paused") == "gatehouse queue resume fulfillment")
        #expect(paused.report.fix(of: "\(entry) is paused") == "gatehouse schedule resume \(entry)")
        try await queue.resume("fulfillment")
        await program.stop(within: .seconds(40))
        #expect(try await examine(shop).report.fix(of: "no worker is connected") != nil)
        try await queue.enqueue(EndLapsedEntitlements())
        try await eventually {
            try await examine(shop).report.fix(of: "jobs wait and no worker is connected") != nil
        }

        // Another key, and none.
        let key = shop.environment["APP_KEYS"] ?? ""
        shop.environment["APP_KEYS"] = SealingKeys.newEntry(id: "k2") + "," + key
        #expect(try await examine(shop).report.fix(of: "behind the first of APP_KEYS") == "gatehouse keys rotate")
        shop.environment["APP_KEYS"] = SealingKeys.newEntry(id: "k2")
        let locked = try await examine(shop)
        #expect(locked.exit == .code(1))
        #expect(locked.report.fix(of: "APP_KEYS lacks k1") == "put k1 back at the end of APP_KEYS, in every process")
        #expect(locked.report.fix(of: "verification settings can't be opened") != nil)
        shop.environment["APP_KEYS"] = key

        // Postgres that forgets, and that lacks a step.
        _ = try await pool.query("ALTER SYSTEM SET synchronous_commit = off")
        _ = try await pool.query(
            "DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)"
        )
        _ = try await pool.query("SELECT pg_reload_conf()")
        let forgets = "ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf();"
        try await eventually {
            try await examine(shop).report.fix(of: "synchronous_commit is off") == forgets
        }
        #expect(try await examine(shop).report.fix(of: "migrations are not applied") == "gatehouse migrate")

        // A server that is away hides nothing of the other.
        await pool.close()
        await client.close()
        await postgres.stop()
        let away = try await examine(shop)
        #expect(away.exit == .code(69))
        #expect(away.report.findings.contains { $0.area == "postgres" && $0.state == "problem" })
        #expect(away.report.findings.contains { $0.area == "redis" && $0.state == "ok" })
        await redis.stop()
    }

    @Test func `settings that are wrong are told once`() async throws {
        var someone = try await Operator(.empty)
        someone.environment["APP_KEYS"] = "k1:short"
        let (exit, report) = try await examine(someone)
        #expect(exit == .code(78))
        #expect(report.findings.count { $0.area == "settings" } == 1)
    }

    @Test(arguments: [(0.2, 0.001, "ok"), (-1.5, 0.001, "warning"), (1.5, 0.6, "ok"), (7, 0.01, "problem")])
    func `clocks may differ by as much as asking takes`(offset: Double, doubt: Double, state: String) {
        #expect(ClockExamination.verdict(on: "Redis", offset: offset, doubt: doubt).state.rawValue == state)
    }
}
