import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Logging
import Postgres
import Redis
import Sealing
import Store
import TestKit
import Testing

/// What happens because of the time, and what the ingress is told.
@Suite struct `Fulfillment by the clock` {
    let sale = "order.success.subscription-monthly.form"
    let ana = "ana.sample@example.com"

    private func date(_ seconds: Double) -> Date { Date(timeIntervalSince1970: seconds) }

    private func end(_ seller: Seller, at now: Double) async throws -> Int {
        try await seller.store.transaction { try $0.endLapsed(at: date(now), limit: 100) }
    }

    @Test(arguments: [
        ("order.rebill_failed.attempt-1.form", 1_793_196_810.0, "past_due"),
        ("order.subscription_cancelled.monthly.form", 1_792_592_000, "ended"),
        ("order.subscription_paused.monthly.form", 1_792_592_000, "paused"),
        ("", 1_793_196_800, "ended"),
    ])
    func `what has run out is written and told at its time, once`(event: String, end: Double, status: String)
        async throws
    {
        let seller = try await Seller(plans: ["product-7": "basic"])
        try await seller.post(sale, at: 1_790_003_600)
        if !event.isEmpty { try await seller.post(event, at: 1_792_592_000 - 1) }

        #expect(try await self.end(seller, at: end - 1) == 0)
        #expect(try await seller.access(of: ana, to: "basic", at: date(end - 1))?.hasAccess == true)
        // Access is over at once; the sweep only writes and tells it.
        #expect(try await seller.access(of: ana, to: "basic", at: date(end))?.hasAccess == false)
        #expect(try await self.end(seller, at: end) == 1)
        #expect(try await self.end(seller, at: end) == 0)
        #expect(try await seller.texts("SELECT status FROM entitlements WHERE NOT access") == [status])
        #expect(try await seller.messages().last == "entitlement.revoked")
        #expect(
            try await seller.texts("SELECT source || ' ' || action FROM audit ORDER BY id DESC LIMIT 1") == [
                "schedule lapse"
            ]
        )
    }

    @Test func `two sweeps at once share the work`() async throws {
        let seller = try await Seller(plans: ["product-7": "basic"])
        for number in 1...30 {
            try await seller.post(sale, ["order_id": "\(number)"], at: 1_790_003_600)
        }
        let ended = try await withThrowingTaskGroup(of: Int.self, returning: Int.self) { group in
            for _ in 0..<4 { group.addTask { try await end(seller, at: 1_800_000_000) } }
            return try await group.reduce(0, +)
        }
        #expect(ended == 30)
        #expect(try await seller.messages().filter { $0 == "entitlement.revoked" }.count == 30)
    }

    @Test func `an event that comes while the sweep runs has the last word`() async throws {
        let seller = try await Seller(plans: ["product-7": "basic"])
        try await seller.post(sale, at: 1_790_003_600)
        #expect(try await end(seller, at: 1_794_000_000) == 1)
        try await seller.post("order.subscription_payment.rebill-1.form", at: 1_794_000_000)
        #expect(try await seller.access(of: ana, to: "basic", at: date(1_794_000_000))?.status == .active)
        #expect(try await seller.messages().suffix(2) == ["entitlement.granted", "subscription.renewed"])
    }

    // MARK: Jobs

    @Test func `the payload of a job is a contract`() throws {
        let site = try #require(Site.ID("01890000-0000-7000-8000-000000000001"))
        let job = ApplyInboundEvent(
            site: site,
            provider: .thriveCart,
            deliveryKey: "webhook:1",
            receivedAt: date(1_790_000_000.5),
            body: Array("event=x".utf8)
        )
        let payload =
            #"{"body":"ZXZlbnQ9eA==","deliveryKey":"webhook:1","provider":"thrivecart","#
            + #""receivedAt":1790000000500,"site":"01890000-0000-7000-8000-000000000001","source":"webhook"}"#
        #expect(String(decoding: try job.payload(), as: UTF8.self) == payload)
        let read = try ApplyInboundEvent(payload: Array(payload.utf8), version: 1)
        #expect(read.receivedAt == job.receivedAt)
        #expect(read.body == job.body)
        #expect(ApplyInboundEvent.kind == "fulfillment.apply")
    }

    @Test func `a job applies what was accepted, and a second run finds it done`() async throws {
        let seller = try await Seller(plans: ["product-7": "basic"])
        let deps = FulfillmentDependencies(
            store: seller.store,
            redis: try await TestRedis.client(),
            sealer: try sealer()
        )
        let body = try Parcel(file: sale, replace: [:]).body(in: ScenarioFile.events)
        let job = ApplyInboundEvent(
            site: seller.site.id,
            provider: .thriveCart,
            deliveryKey: "sha256:1",
            receivedAt: date(1_790_003_600),
            body: body
        )
        #expect(try await job.run(deps, context(at: 1_790_003_600)) == .done)
        #expect(
            try await job.run(deps, context(at: 1_790_003_600)) == .discarded("the same delivery was applied before")
        )
        var elsewhere = job
        elsewhere.site = .new(at: date(0))
        // A database from before the site was made must not cost us what was paid: it goes to the dead letters.
        await #expect(throws: NoSuchSite.self) { try await elsewhere.run(deps, context(at: 1_790_003_600)) }
        #expect(try await seller.counter("_grants") == 1)
        #expect(try await EndLapsedEntitlements().run(deps, context(at: 1_800_000_000)) == .done)
        #expect(try await seller.messages().last == "entitlement.revoked")
    }

    @Test func `the ingress's settings are published sealed, and again only when they change`() async throws {
        let seller = try await Seller(plans: [:])
        let sealer = try sealer()
        // Because the key is one for all, and others publish too.
        let server = try await RedisServer()
        let deps = FulfillmentDependencies(store: seller.store, redis: try server.client(), sealer: sealer)
        for (number, word) in ["OLD", "NEW"].enumerated() {
            let id = SiteSecret.ID.new(at: date(Double(number)))
            let sealed = try sealer.seal(word, for: SiteSecret.place(of: id))
            let secret = SiteSecret(
                id: id,
                site: seller.site.id,
                provider: .thriveCart,
                sealed: sealed,
                createdAt: date(Double(number))
            )
            try await seller.store.transaction { transaction in
                try transaction.insert(secret)
                if number == 1 {
                    try transaction.retireSecrets(of: seller.site.id, for: .thriveCart, but: id, at: date(86_400))
                }
            }
        }
        func published() async throws -> IngressSettings {
            let answer = try await deps.redis.call(["GET", .text(IngressSettings.key)])
            return try IngressSettings(opening: try #require(answer.bytes), with: sealer)
        }
        #expect(try await deps.publishIngressSettings(at: date(100), logger: .silent))
        #expect(try await published().sites.first?.thriveCartSecrets == ["NEW", "OLD"])
        #expect(try await !deps.publishIngressSettings(at: date(100), logger: .silent))
        #expect(try await deps.publishIngressSettings(at: date(86_400), logger: .silent))
        #expect(try await published().sites.first?.thriveCartSecrets == ["NEW"])

        var site = seller.site
        site.status = .suspended
        let suspended = site
        try await seller.store.transaction { try $0.update(suspended) }
        #expect(try await PublishIngressSettings().run(deps, context(at: 86_401)) == .done)
        #expect(try await published().sites.isEmpty)
    }

    private func sealer() throws -> Sealer {
        Sealer(try SealingKeys(parsing: "k1:\(Data((0..<32).map { UInt8($0 * 7 % 251) }).base64EncodedString())"))
    }

    private func context(at now: Double) -> JobContext {
        JobContext(
            id: "1",
            kind: "fulfillment.apply",
            queue: .fulfillment,
            enqueuedAt: date(now),
            now: { Date(timeIntervalSince1970: now) },
            logger: .silent
        )
    }
}
