import Foundation
import Postgres
import SandboxKit
import TestKit
import Testing

/// Three real `renewals` on the test's database, one of which is killed every two seconds, and a `notifications` that tells.
final class Processes {
    private var running: [ServerProcess] = []
    private var telling: ServerProcess?
    private let environment: [String: String]
    private(set) var kills = 0

    init(_ cashier: Cashier, _ redis: RedisServer) async throws {
        let name = try await cashier.database.pool.query("SELECT current_database()").decode(String.self)[0]
        environment = [
            "DATABASE_URL": try await TestDatabase.server().url.replacing("/postgres?", with: "/\(name)?"),
            "REDIS_URL": redis.url,
            "APP_KEYS": Cashier.keys,
            "PAYPAL_BASE_URL": cashier.paypal.address,
            "PAYPAL_CLIENT_ID": RunningPayPal.clientID,
            "PAYPAL_CLIENT_SECRET": RunningPayPal.clientSecret,
            "PAYPAL_PARTNER_MERCHANT_ID": RunningPayPal.partner,
            "RENEWAL_RATE": "10000",
            "RENEWAL_RETRY_SECONDS": "2",
            "RENEWAL_CONCURRENCY": "8",
            "LOG_LEVEL": "warning",
            "OUTBOUND_ALLOW": "127.0.0.0/8",
            "OUTBOUND_PLAIN": "true",
        ]
        for _ in 0..<3 { running.append(try start()) }
        telling = try start("notifications", "NOTIFICATIONS_HEALTH_PORT")
    }

    private func start(
        _ program: String = "renewals",
        _ port: String = "RENEWALS_HEALTH_PORT"
    ) throws -> ServerProcess {
        var environment = environment
        environment[port] = "\(try freePort())"
        return try ServerProcess(
            .init(
                builtProgram(program),
                [],
                environment: environment,
                log: try TestDirectory.make(program) + "/log"
            )
        )
    }

    /// Kills one at least.
    func killUntil(within patience: Duration, _ condition: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + patience
        repeat {
            try #require(ContinuousClock.now < end, "the charges did not come to an end within \(patience)")
            let next = ContinuousClock.now + .seconds(2)
            try await eventually { ContinuousClock.now >= next }
            let victim = kills % running.count
            await running[victim].kill()
            running[victim] = try start()
            kills += 1
        } while try await !condition()
    }

    func stop() async {
        for process in running { await process.stop() }
        await telling?.stop()
    }
}
