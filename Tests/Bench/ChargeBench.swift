import AsyncHTTPClient
import Domain
import Foundation
import Jobs
import NIOCore
import NIOHTTP1
import PayPal
import Postgres
import Redis
import RenewalJobs
import Sealing
import Store
import TestKit

/// Due periods charged a second by one `renewals`, each written down before and after, beside as many bare calls to the same
/// pretended PayPal.
struct ChargeBench {
    var seconds: Double

    private static let connections = 384
    private static let turns = 4
    private static let merchant = "SANDBXMERCH22"
    private static let keys = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

    func run() async throws -> [Figure] {
        let postgres = try await PostgresServer(.init(isDurable: true))
        let redis = try await RedisServer(.init(isDurable: true))
        let port = try freePort()
        let sandbox = try start(
            "sandbox",
            [
                "SANDBOX_PORT": "\(try freePort())", "SANDBOX_PAYPAL_PORT": "\(port)",
                "SANDBOX_THRIVECART_SECRET": "word",
            ]
        )
        let address = "http://127.0.0.1:\(port)"
        let pool = try postgres.pool()
        try await Schema.migrations.apply(to: pool)
        let queue = JobQueue(redis: try redis.client(), logger: .silent)
        let ground = Ground(store: Store(pool), queue: queue, address: address)
        try await eventually { try await ground.isUp() }
        let token = try await ground.vaultToken(of: Self.merchant)

        let process = try start(
            "renewals",
            [
                "DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "APP_KEYS": Self.keys, "LOG_LEVEL": "error",
                "RENEWALS_HEALTH_PORT": "\(try freePort())", "PAYPAL_BASE_URL": address,
                "PAYPAL_CLIENT_ID": "sandbox-partner", "PAYPAL_CLIENT_SECRET": "sandbox-partner-secret",
                "PAYPAL_PARTNER_MERCHANT_ID": "SANDBXPARTNR2", "RENEWAL_RATE": "10000",
                "RENEWAL_CONCURRENCY": "\(Self.connections)", "POSTGRES_POOL": "8",
            ]
        )
        let merchants = try await ground.addMerchants(Self.merchant, count: Self.connections / 8)
        try await charge(200, of: merchants, token, ground)  // warm

        // In turns, because the machine is not as quick at all times.
        let count = Int(500 * seconds)
        var (time, bareTime, cpu, sandboxCPU) = (0.0, 0.0, 0.0, 0.0)
        for _ in 0..<Self.turns {
            bareTime += try await bare(count, token, ground)
            cpu -= Stopwatch.cpu(of: process.pid)
            sandboxCPU -= Stopwatch.cpu(of: sandbox.pid)
            time += try await charge(count, of: merchants, token, ground)
            cpu += Stopwatch.cpu(of: process.pid)
            sandboxCPU += Stopwatch.cpu(of: sandbox.pid)
        }
        let all = Double(Self.turns * count)
        let (used, theirs) = (cpu / all * 1e6, sandboxCPU / all * 1e6)

        await process.stop()
        await pool.close()
        await redis.stop()
        await postgres.stop()
        await sandbox.stop()
        let (ours, plain) = (all / time, all / bareTime)
        return [
            Figure(
                name: "renewals charged, fsync on (the pretended PayPal took \(theirs.rounded(to: 0)) µs each)",
                ours: .init(by: "one renewals, \(Self.connections) at a time", value: ours, cpu: used),
                yardstick: .init(by: "bare calls, \(Self.connections) at a time", value: plain),
                goal: ("≥ 0.5 of bare calls", ours >= 0.5 * plain)
            )
        ]
    }

    private func start(_ program: String, _ environment: [String: String]) throws -> ServerProcess {
        try ServerProcess(
            .init(
                builtProgram(program),
                [],
                environment: environment,
                log: try TestDirectory.make(program) + "/log"
            )
        )
    }

    /// Queued while the queue is paused; seconds from the resume until all is paid.
    @discardableResult
    private func charge(_ count: Int, of merchants: [Merchant.ID], _ token: String, _ ground: Ground) async throws
        -> Double
    {
        try await ground.queue.pause(ChargeRenewal.queue)
        let (paid, done) = (try await ground.paid(), try await ground.done())
        let jobs = try await ground.subscribe(count, of: merchants, token, Sealer(try SealingKeys(parsing: Self.keys)))
        _ = try await ground.queue.enqueueEnvelopes(
            try jobs.map { EnqueueRequest(envelope: try JobEnvelope($0)) },
            on: ChargeRenewal.queue
        )
        let start = ContinuousClock.now
        try await ground.queue.resume(ChargeRenewal.queue)
        // Asked of the queue, since counting rows again and again would be work of the measured database.
        try await eventually(within: .seconds(600)) { try await ground.done() == done + count }
        let time = (.now - start) / .seconds(1)
        let more = try await ground.paid() - paid
        guard more == count else { throw Unreadable(text: "\(more) of \(count) paid") }
        return time
    }

    /// The same request, and nothing else; seconds.
    private func bare(_ count: Int, _ token: String, _ ground: Ground) async throws -> Double {
        let access = try await ground.accessToken()
        let start = ContinuousClock.now
        _ = try await many(Self.connections, count) { _ in
            let id = UUID().uuidString
            let body = VaultCharge.body(
                .init(
                    method: .paypal,
                    vaultToken: token,
                    amount: Money(minorUnits: 2900, currency: "USD"),
                    merchant: Self.merchant,
                    customID: id,
                    invoiceID: id
                )
            )
            let answer = try await ground.post(
                "/v2/checkout/orders",
                body,
                [
                    ("Authorization", "Bearer \(access)"), ("PayPal-Request-Id", id),
                    ("Prefer", "return=representation"), ("PayPal-Auth-Assertion", Ground.assertion(Self.merchant)),
                ]
            )
            guard answer["status"].string == "COMPLETED" else { throw Unreadable(text: answer.text) }
        }
        return (.now - start) / .seconds(1)
    }

    // MARK: Setting up

    private struct Ground: Sendable {
        let store: Store
        let queue: JobQueue
        let address: String

        func isUp() async throws -> Bool {
            let answer = try await HTTPClient.shared.get(url: address + "/_sandbox/clock").get()
            return answer.status == .ok
        }

        func paid() async throws -> Int {
            try await store.read {
                try $0.rows("SELECT count(*) FROM charge_periods WHERE status = 'paid'").decode(Int.self).first ?? 0
            }
        }

        func done() async throws -> Int { try await queue.stats(of: ChargeRenewal.queue).totals["done"] ?? 0 }

        static func assertion(_ merchant: String) -> String {
            let claims = Data(#"{"iss":"sandbox-partner","payer_id":"\#(merchant)"}"#.utf8).base64EncodedString()
            return "eyJhbGciOiJub25lIn0=.\(claims)."
        }

        func post(_ path: String, _ body: [UInt8], _ headers: [(String, String)]) async throws -> JSON {
            var request = HTTPClientRequest(url: address + path)
            request.method = .POST
            for (name, value) in headers { request.headers.add(name: name, value: value) }
            if request.headers["Content-Type"].isEmpty {
                request.headers.add(name: "Content-Type", value: "application/json")
            }
            request.body = .bytes(body)
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
            let bytes = Array(buffer: try await response.body.collect(upTo: 1 << 20))
            guard let json = JSON(parsing: bytes) else { throw Unreadable(text: "\(response.status)") }
            return json
        }

        func accessToken() async throws -> String {
            let words = Data("sandbox-partner:sandbox-partner-secret".utf8).base64EncodedString()
            let answer = try await post(
                "/v1/oauth2/token",
                Array("grant_type=client_credentials".utf8),
                [("Authorization", "Basic \(words)"), ("Content-Type", "application/x-www-form-urlencoded")]
            )
            return answer["access_token"].string ?? ""
        }

        func vaultToken(of merchant: String) async throws -> String {
            let headers = [
                ("Authorization", "Bearer \(try await accessToken())"),
                ("PayPal-Auth-Assertion", Self.assertion(merchant)),
                ("Prefer", "return=representation"),
            ]
            let source = #"{"payment_source":{"paypal":{"usage_type":"MERCHANT"}}}"#
            let setup = try await post("/v3/vault/setup-tokens", Array(source.utf8), headers)
            let id = setup["id"].string ?? ""
            _ = try await post("/_sandbox/setup-tokens/\(id)/approve", Array("{}".utf8), [])
            let exchange = #"{"payment_source":{"token":{"id":"\#(id)","type":"SETUP_TOKEN"}}}"#
            let token = try await post("/v3/vault/payment-tokens", Array(exchange.utf8), headers)
            guard let id = token["id"].string else { throw Unreadable(text: token.text) }
            return id
        }

        func addMerchants(_ payPalID: String, count: Int) async throws -> [Merchant.ID] {
            let now = Date.now
            // Shops of one seller, so that no group's slots are the limit.
            return try await store.transaction { transaction in
                try (0..<count).map { number in
                    let merchant = Merchant(
                        id: .new(at: now),
                        environment: .sandbox,
                        payPalID: payPalID,
                        secretHash: Array(repeating: UInt8(number + 1), count: 32),
                        siteURL: "https://shop\(number).example.com",
                        state: .connected,
                        stateSince: now,
                        createdAt: now
                    )
                    try transaction.insert(merchant, webhookSecret: [1])
                    return merchant.id
                }
            }
        }

        /// Subscriptions whose trial has just ended, and the jobs that charge them.
        func subscribe(_ count: Int, of merchants: [Merchant.ID], _ token: String, _ sealer: Sealer) async throws
            -> [ChargeRenewal]
        {
            let now = Date.now
            let due = now - 60
            return try await store.transaction { transaction in
                try (0..<count).map { number in
                    let id = VaultSubscription.ID.new(at: now)
                    let merchant = merchants[number % merchants.count]
                    try transaction.insert(
                        VaultSubscription(
                            id: id,
                            merchant: merchant,
                            payPalID: "SUB-\(id)",
                            flow: .vaultFirst,
                            source: .paypal,
                            thriveOrderID: Int64(number),
                            amount: Money(minorUnits: 2900, currency: "USD"),
                            frequency: .month,
                            interval: "monthly",
                            trialDays: 7,
                            status: .trialing,
                            anchorAt: due,
                            nextActionAt: due,
                            createdAt: now
                        )
                    )
                    try transaction.attachVaultToken(
                        try sealer.seal(token, for: VaultSubscription.place(ofTokenOf: id)),
                        hash: FrozenBody.digest(of: Array("\(id)".utf8)),
                        customerID: nil,
                        to: id
                    )
                    return ChargeRenewal(subscription: id, merchant: merchant, period: 0)
                }
            }
        }
    }
}
