import Boot
import Logging
import Postgres
import Redis
import TestKit
import Testing
import Web

@Suite struct `Being ready for work` {
    func state(of check: ReadinessCheck) async -> CheckState? {
        await Health([check], deadline: .seconds(10)).readiness().checks.first?.state
    }

    @Test func `a Redis that keeps everything is ready`() async throws {
        let server = try await RedisServer(.init(isDurable: true, more: ["--maxmemory-policy", "noeviction"]))
        let redis = try server.client()
        #expect(await state(of: .redis(redis, checksDurability: true)) == .passed)
        await redis.close()
        await server.stop()
    }

    @Test(arguments: [
        (["--appendonly", "no"], "appendonly is no, not yes"),
        (["--appendfsync", "everysec"], "appendfsync is everysec, not always"),
        (["--maxmemory-policy", "allkeys-lru"], "maxmemory-policy is allkeys-lru, not noeviction"),
    ]) func `a Redis that may forget is not, and the setting is named`(words: [String], reason: String) async throws {
        let server = try await RedisServer(.init(isDurable: true, more: words))
        let redis = try server.client()
        guard case .failed(let why, let fix) = await state(of: .redis(redis, checksDurability: false)) else {
            Issue.record("it passed")
            return
        }
        #expect(why == reason)
        #expect(fix.contains("appendfsync always"))
        await redis.close()
        await server.stop()
    }

    @Test func `a Redis that hides its settings is taken on trust only where the operator says so`() async throws {
        let server = try await RedisServer(.init(isDurable: true, more: ["--rename-command", "CONFIG", ""]))
        let redis = try server.client()
        guard case .failed(_, let fix) = await state(of: .redis(redis, checksDurability: true)) else {
            Issue.record("it passed")
            return
        }
        #expect(fix.contains("REDIS_DURABILITY=trust"))
        guard case .unknown = await state(of: .redis(redis, checksDurability: false)) else {
            Issue.record("it is not unknown")
            return
        }
        await redis.close()
        await server.stop()
    }

    @Test func `a Redis that is gone is not ready, and is again when it is back`() async throws {
        let server = try await RedisServer(.init(isDurable: true))
        let redis = try server.client()
        let check = ReadinessCheck.redis(redis, checksDurability: true)
        #expect(await state(of: check) == .passed)
        await server.kill()
        guard case .failed(_, let fix) = await state(of: check) else {
            Issue.record("it passed")
            return
        }
        #expect(fix.contains("REDIS_URL"))
        try await server.start()
        try await eventually { await state(of: check) == .passed }
        await redis.close()
        await server.stop()
    }

    @Test func `a replica takes no writes and is not ready`() async throws {
        let port = try freePort()
        let server = try await RedisServer(.init(isDurable: true, more: ["--replicaof", "127.0.0.1 \(port)"]))
        let redis = try server.client()
        guard case .failed(let why, _) = await state(of: .redis(redis, checksDurability: true)) else {
            Issue.record("it passed")
            return
        }
        #expect(why.contains("replica"))
        await redis.close()
        await server.stop()
    }

    @Test func `a Postgres that is away or not migrated is not ready, and says what to run`() async throws {
        var nowhere = try PostgresConfiguration(url: "postgres://gate:secret-word@127.0.0.1:\(freePort())/house")
        nowhere.waitTimeout = .milliseconds(200)
        let pool = PostgresPool(nowhere, logger: .silent)
        let away = await state(
            of: .postgres(pool) { pool in
                _ = try await pool.query("SELECT 1"); return []
            }
        )
        guard case .failed(let why, let fix) = away else {
            Issue.record("it passed")
            return
        }
        #expect(fix.contains("DATABASE_URL"))
        #expect(!why.contains("secret-word"))

        let behind = await state(of: .postgres(pool) { _ in ["0002_plans", "0003_members"] })
        #expect(behind == .failed("2 migrations are not applied, 0002_plans first", fix: "run: gatehouse migrate"))
        #expect(await state(of: .postgres(pool) { _ in [] }) == .passed)
        await pool.close()
    }
}
