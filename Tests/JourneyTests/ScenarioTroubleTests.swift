import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Logging
import Postgres
import Redis
import Sealing
import Store
import Synchronization
import TestKit
import Testing

/// What goes wrong while events are applied, with real rows.
@Suite struct `Events in trouble` {
    let plans = ["product-7": "basic", "product-11": "basic", "upsell-3": "club"]
    let sale = "order.success.subscription-monthly.form"
    let now = 1_792_600_000.0
    let ana = "ana.sample@example.com"

    private func date(_ seconds: Double) -> Date { Date(timeIntervalSince1970: seconds) }

    private func body(_ file: String, _ replace: [String: String] = [:]) throws -> [UInt8] {
        try Parcel(file: file, replace: replace).body(in: ScenarioFile.events)
    }

    @Test func `one that fails again tells why it failed last, and what was applied stays so`() async throws {
        let seller = try await Seller(plans: plans)
        var delivery = seller.delivery(try body(sale), receivedAt: date(now))
        delivery.source = .replay
        let replay = delivery
        func kept() async throws -> [String] {
            try await seller.texts(
                "SELECT concat_ws(' ', status, reason, extract(epoch FROM applied_at)::bigint) FROM inbound_events"
            )
        }
        for (number, reason) in ["first", "second"].enumerated() {
            let time = date(now + Double(number))
            try await seller.store.transaction { try $0.keepFailed(replay, reason, at: time) }
        }
        #expect(try await kept() == ["failed second 1792600001"])
        try await seller.post(try body(sale), at: date(now + 2))
        try await seller.store.transaction { try $0.keepFailed(replay, "third", at: date(now + 3)) }
        #expect(try await kept() == ["applied 1792600002"])
    }

    @Test func `one that an older release could not read is the same when it is replayed`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: now)
        try await seller.database.pool.query(
            """
            UPDATE inbound_events
            SET delivery_key = 'event:order.success:0', order_number = NULL, mode = NULL, email = NULL,
                status = 'flagged', reason = 'unknown-event'
            """
        )
        let job = ApplyInboundEvent(
            site: seller.site.id,
            provider: .thriveCart,
            deliveryKey: "event:order.success:0",
            receivedAt: date(now),
            source: .replay,
            body: try body(sale)
        )
        let time = date(now + 60)
        let context = JobContext(
            id: "1",
            kind: "fulfillment.apply",
            queue: .fulfillment,
            enqueuedAt: time,
            now: { time },
            logger: .silent
        )
        #expect(try await job.run(try await dependencies(of: seller), context) == .done)
        #expect(
            try await seller.texts("SELECT concat_ws(' ', status, mode, order_number, email) FROM inbound_events")
                == ["applied live 40000001 \(ana)"]
        )
    }

    @Test func `two sales that name one new address at once make one member`() async throws {
        let seller = try await Seller(plans: plans)
        // Provisional: the sale, which has another address, is yet to come.
        try await seller.post("order.subscription_payment.rebill-1-new-email.form", at: now)
        let other = Member(
            id: .new(at: date(now)),
            site: seller.site.id,
            email: try #require(EmailAddress(ana)),
            origin: .sale,
            createdAt: date(now)
        )
        let posting = Mutex<Task<Int, any Error>?>(nil)
        try await seller.store.transaction { transaction in
            _ = try transaction.insert(other)
            posting.withLock { $0 = Task { try await seller.post(sale, at: now) } }
            // Until it waits for us.
            let end = ContinuousClock.now + .seconds(60)
            let waiting: Query =
                "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            while try transaction.rows(waiting).isEmpty, ContinuousClock.now < end {
                try transaction.rows("SELECT pg_sleep(0.01)")
            }
        }
        #expect(try await posting.withLock { $0 }?.value == 200)
        #expect(try await seller.texts("SELECT email FROM members") == [ana])
        #expect(try await seller.count("SELECT count(*) FROM orders WHERE member = \(other.id)") == 1)
        #expect(try await seller.access(of: ana, to: "basic", at: date(now))?.hasAccess == true)
    }

    @Test func `two accounts of one site may give their events the same numbers`() async throws {
        let seller = try await Seller(plans: plans)
        var site = seller.site
        site.thriveCartAccount = nil
        let open = site
        try await seller.store.transaction { try $0.update(open) }
        for account in ["studio-a", "studio-b"] {
            for _ in 0..<2 {
                let refund = try body("order.refund.full-live-2025.form", ["thrivecart_account": account])
                try await seller.apply(refund, at: date(now))
            }
        }
        #expect(try await seller.texts("SELECT account FROM orders ORDER BY account") == ["studio-a", "studio-b"])
        #expect(try await seller.count("SELECT count(*) FROM inbound_events") == 2)
    }

    @Test(arguments: ["0", "0000"]) func `G1: a customer of number nought is nobody's`(customer: String) async throws {
        let seller = try await Seller(plans: plans)
        for (number, email) in ["ana@example.com", "bob@example.com"].enumerated() {
            try await seller.post(
                sale,
                [
                    "order_id": "7\(number)", "customer_id": customer, "customer[id]": customer,
                    "customer[email]": email,
                ],
                at: now
            )
        }
        #expect(
            try await seller.texts("SELECT email FROM members ORDER BY email") == [
                "ana@example.com", "bob@example.com",
            ]
        )
    }

    @Test func `a run that is called off has not failed`() async throws {
        let seller = try await Seller(plans: plans)
        let deps = try await dependencies(of: seller)
        let log = CapturedLog()
        let job = ApplyInboundEvent(
            site: seller.site.id,
            provider: .thriveCart,
            deliveryKey: "sha256:1",
            receivedAt: date(now),
            body: try body(sale)
        )
        let time = date(now)
        let run = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await job.run(
                deps,
                JobContext(
                    id: "1",
                    kind: "fulfillment.apply",
                    queue: .fulfillment,
                    enqueuedAt: time,
                    now: { time },
                    logger: log.logger
                )
            )
        }
        await #expect(throws: (any Error).self) { try await run.value }
        #expect(log.lines.filter { $0.level >= .error }.isEmpty, "\(log.text)")
        #expect(try await seller.count("SELECT count(*) FROM inbound_events") == 0)
    }

    @Test func `settings that are old when they are published do not stay`() async throws {
        let seller = try await Seller(plans: [:])
        let server = try await RedisServer()
        let proxy = try await Proxy(to: server.socket)
        let slow = RedisClient(
            try RedisConfiguration(url: server.url.replacing(server.socket, with: proxy.socket)),
            logger: .silent
        )
        try await slow.call(["PING"])
        let direct = try await dependencies(of: seller, redis: try server.client())
        let behind = try await dependencies(of: seller, redis: slow)

        // It has read what the database says, and hears from Redis late.
        try await proxy.holdAnswers()
        let late = Task { try await behind.publishIngressSettings(at: date(now), logger: .silent) }
        try await eventually { try await proxy.bytesHeld > 0 }
        let other = Site(
            id: .new(at: date(now)),
            slug: try #require(Slug("new-site")),
            name: "New",
            thriveCartAccount: "new",
            createdAt: date(now)
        )
        _ = try await seller.store.transaction { try $0.insert(other) }
        #expect(try await direct.publishIngressSettings(at: date(now), logger: .silent))
        try await proxy.releaseAnswers()
        _ = try await late.value

        let sealed = try #require(try await direct.redis.call(["GET", .text(IngressSettings.key)]).bytes)
        let published = try IngressSettings(opening: sealed, with: direct.sealer)
        #expect(published.sites.map(\.slug.text).sorted() == ["example-studio", "new-site"])
        await slow.close()
        try await proxy.close()
    }

    @Test func `a secret that can not be opened is left out of the settings, and they say so`() async throws {
        let seller = try await Seller(plans: [:])
        let server = try await RedisServer()
        let deps = try await dependencies(of: seller, redis: try server.client())
        let other = Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "k9")))
        for (word, sealer) in [("OLD", deps.sealer), ("NEW", other)] {
            let id = SiteSecret.ID.new(at: date(now))
            let secret = SiteSecret(
                id: id,
                site: seller.site.id,
                provider: .thriveCart,
                sealed: try sealer.seal(word, for: SiteSecret.place(of: id)),
                createdAt: date(now)
            )
            try await seller.store.transaction { try $0.insert(secret) }
        }
        #expect(try await deps.publishIngressSettings(at: date(now), logger: .silent))
        #expect(try await !deps.publishIngressSettings(at: date(now), logger: .silent))
        let sealed = try #require(try await deps.redis.call(["GET", .text(IngressSettings.key)]).bytes)
        let published = try IngressSettings(opening: sealed, with: deps.sealer)
        #expect(published.sites.map(\.thriveCartSecrets) == [["OLD"]])
        #expect(published.sites.map(\.hasUnreadableSecrets) == [true])
    }

    private func dependencies(
        of seller: Seller,
        redis: RedisClient? = nil
    ) async throws -> FulfillmentDependencies {
        let key = Data((0..<32).map { UInt8($0 * 7 % 251) }).base64EncodedString()
        var client = redis
        if client == nil { client = try await TestRedis.client() }
        return FulfillmentDependencies(
            store: seller.store,
            redis: try #require(client),
            sealer: Sealer(try SealingKeys(parsing: "k1:\(key)"))
        )
    }
}
