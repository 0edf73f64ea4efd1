import Domain
import Foundation
import Jobs
import Postgres
import Redis
import RenewalJobs
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

@Suite(.serialized) struct `Renewals, real processes` {
    /// RENEWAL_COUNT=2000 for the long run.
    @Test func `three processes killed every two seconds, with faults: each period is captured once`() async throws {
        let count = ProcessInfo.processInfo.environment["RENEWAL_COUNT"].flatMap { Int($0) } ?? 120
        try await Cashier.open { cashier in
            let due = Date.now
            let token = try await cashier.paypal.vaultToken()
            var ids: [VaultSubscription.ID] = []
            for _ in 0..<count {
                ids.append(try await cashier.subscribe(anchor: due - 60, isTrial: true, token: token))
            }
            addFaults(to: cashier.paypal.sandbox)

            let redis = try await RedisServer(.init(isDurable: true))
            let processes = try await Processes(cashier, redis)
            let queue = JobQueue(redis: try redis.client(), logger: .silent)
            _ = try await queue.enqueue(SweepDueRenewals())
            try await processes.killUntil(within: .seconds(60 + count / 8)) {
                try await paid(cashier) >= count * 95 / 100
            }
            cashier.paypal.sandbox.clearFaults()
            try await eventually(within: .seconds(150)) { try await paid(cashier) == count }
            await processes.stop()

            let captures = cashier.paypal.sandbox.money.filter { $0.kind == .capture }
            let byInvoice = Dictionary(grouping: captures, by: \.invoiceID)
            #expect(captures.count == count)
            #expect(byInvoice.count == count)
            #expect(byInvoice.values.allSatisfy { $0.count == 1 })
            try await cashier.expectInvariants(at: .now)
            #expect(processes.kills > 0)
        }
    }

    private func paid(_ cashier: Cashier) async throws -> Int {
        try await cashier.database.pool.query("SELECT count(*) FROM charge_periods WHERE status = 'paid'")
            .decode(Int.self)[0]
    }

    /// Lost answers with and without effect, server errors, limits, and a few declines that are nobody's business here.
    private func addFaults(to sandbox: PayPalSandbox) {
        for (kind, probability) in [
            (PayPalFault.Kind.resetAfter, 0.08), (.resetBefore, 0.05), (.error, 0.05), (.rateLimit, 0.01),
        ] {
            var fault = PayPalFault(kind, call: "orders.create")
            fault.probability = probability
            fault.seed = 7
            if kind == .rateLimit { fault.retryAfter = 1 }
            sandbox.add(fault)
        }
        var after = PayPalFault(.error, call: "orders.create")
        after.probability = 0.05
        after.after = true
        after.status = 502
        sandbox.add(after)
    }
}

/// Three real `renewals` on the test's database, one of which is killed every two seconds.
private final class Processes {
    private var running: [ServerProcess] = []
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
            "WORKER_CONCURRENCY": "8",
            "LOG_LEVEL": "warning",
        ]
        for _ in 0..<3 { running.append(try start()) }
    }

    private func start() throws -> ServerProcess {
        var environment = environment
        environment["RENEWALS_HEALTH_PORT"] = "\(try freePort())"
        let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        return try ServerProcess(
            .init(
                own.deletingLastPathComponent().appending(path: "renewals").path,
                [],
                environment: environment,
                log: try TestDirectory.make("renewals") + "/log"
            )
        )
    }

    func killUntil(within patience: Duration, _ condition: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + patience
        var turn = 0
        while try await !condition() {
            try #require(ContinuousClock.now < end, "the charges did not come to an end within \(patience)")
            let next = ContinuousClock.now + .seconds(2)
            try await eventually(within: .seconds(5)) { ContinuousClock.now >= next }
            let victim = turn % running.count
            await running[victim].kill()
            running[victim] = try start()
            kills += 1
            turn += 1
        }
    }

    func stop() async {
        for process in running { await process.stop() }
    }
}
