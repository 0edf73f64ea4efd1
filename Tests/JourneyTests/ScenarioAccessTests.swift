import Domain
import Foundation
import FulfillmentJobs
import Postgres
import Store
import TestKit
import Testing

/// What members have, what is kept of why, and who is told, with real rows.
@Suite struct `What a member has` {
    let plans = ["product-7": "basic", "product-11": "basic", "upsell-3": "club"]
    let sale = "order.success.subscription-monthly.form"
    let ana = "ana.sample@example.com"

    private func date(_ seconds: Double) -> Date { Date(timeIntervalSince1970: seconds) }

    // MARK: Facts and their keys

    @Test func `A6: what is kept never holds the secret`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: 1_790_003_600)
        try await seller.post("eventsub.order_created.json", at: 1_790_003_600)
        #expect(try await seller.count("SELECT count(*) FROM inbound_events") == 2)
        #expect(
            try await seller.count(
                "SELECT count(*) FROM inbound_events WHERE position(\(Array("TESTSECRET00".utf8)) IN body) > 0"
            ) == 0
        )
    }

    @Test func `B3: what is rolled back has left nothing, and runs again`() async throws {
        struct Killed: Error {}
        let seller = try await Seller(plans: plans)
        let body = try Parcel(file: sale, replace: [:]).body(in: ScenarioFile.events)
        await #expect(throws: Killed.self) {
            try await seller.store.transaction { transaction in
                _ = try transaction.apply(
                    seller.delivery(body, receivedAt: date(1_790_003_600)),
                    at: date(1_790_003_600)
                )
                throw Killed()
            }
        }
        for table in ["inbound_events", "idempotency_keys", "orders", "members", "entitlements", "audit", "outbox"] {
            #expect(try await seller.count("SELECT count(*) FROM \(identifier: table)") == 0)
        }
        try await seller.post(body, at: date(1_790_003_600))
        #expect(try await seller.counter("_grants") == 1)
    }

    @Test func `C4: what overtook its sale is told once the sale is known, once`() async throws {
        let seller = try await Seller(plans: plans)
        let refund = ["order_id": "40000001", "refund[amount]": "5900", "refund[amount_gross]": "5900"]
        try await seller.post("order.refund.partial.form", refund, at: 1_790_103_600)
        try await seller.post("order.subscription_cancelled.monthly.form", at: 1_791_003_600)
        #expect(try await seller.messages() == [])
        try await seller.post(sale, at: 1_791_003_700)
        let told = try await seller.messages()
        #expect(told.filter { $0.hasPrefix("order.") } == ["order.paid", "order.refunded"])
        #expect(told.filter { $0 == "subscription.canceled" }.count == 1)
        try await seller.post("order.refund.partial.form", refund, at: 1_791_003_800)
        try await seller.post(sale, at: 1_791_003_900)
        #expect(try await seller.messages() == told)
    }

    @Test func `B3: sixteen deliveries of one sale at once are one`() async throws {
        let seller = try await Seller(plans: plans)
        let files = [sale, "eventsub.order_created.json", "order.success.subscription-monthly.event-ids.json"]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<16 {
                group.addTask { try await seller.post(files[number % files.count], at: 1_790_003_600) }
            }
            try await group.waitForAll()
        }
        #expect(try await seller.messages() == ["member.created", "entitlement.granted", "order.paid"])
        #expect(try await seller.counter("_members") == 1)
        #expect(try await seller.counter("_applied") == 1)
    }

    @Test func `B3: new orders of one new customer at once make one member`() async throws {
        let seller = try await Seller(plans: plans)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<12 {
                let fields = ["order_id": "5000\(number)", "customer[email]": "ana\(number % 3)@example.com"]
                group.addTask { try await seller.post(sale, fields, at: 1_790_003_600) }
            }
            try await group.waitForAll()
        }
        #expect(try await seller.texts("SELECT email FROM members") == ["ana0@example.com"])
        #expect(try await seller.count("SELECT count(DISTINCT member) FROM orders") == 1)
    }

    @Test func `an event that failed is kept, and applied when it comes again`() async throws {
        let seller = try await Seller(plans: plans)
        let body = try Parcel(file: sale, replace: [:]).body(in: ScenarioFile.events)
        let delivery = seller.delivery(body, receivedAt: date(1_790_003_600))
        try await seller.store.transaction { try $0.keepFailed(delivery, "why", at: date(1_790_003_600)) }
        #expect(try await seller.texts("SELECT status || ' ' || reason FROM inbound_events") == ["failed why"])
        try await seller.post(body, at: date(1_790_003_600))
        #expect(try await seller.texts("SELECT status FROM inbound_events") == ["applied"])
        #expect(try await seller.counter("_grants") == 1)
    }

    @Test func `an event that is replayed changes nothing twice, and catches up with a plan`() async throws {
        let seller = try await Seller(plans: ["product-1": "other"])
        let body = try Parcel(file: sale, replace: [:]).body(in: ScenarioFile.events)
        var delivery = seller.delivery(body, receivedAt: date(1_790_003_600))
        delivery.source = .replay
        let replay = delivery
        try await seller.post(body, at: date(1_790_003_600))
        #expect(try await seller.texts("SELECT status FROM inbound_events") == ["flagged"])

        let plan = try await seller.store.read { try $0.plans(of: seller.site.id).first }
        let other = try #require(plan)
        try await seller.store.transaction { try $0.link(["product-7"], to: other, at: date(1_790_003_600)) }
        for _ in 0..<2 {
            try await seller.store.transaction { try $0.apply(replay, at: date(1_790_003_600)) }
            #expect(try await seller.texts("SELECT status FROM inbound_events") == ["applied"])
            #expect(try await seller.messages() == ["member.created", "entitlement.granted"])
        }
    }

    @Test(
        arguments: [
            "cart.abandoned.minimal.form", "order.success.subscription-monthly.form", "order.refund.partial.form",
        ]
    )
    func `an event that was applied stays so when it is replayed`(file: String) async throws {
        let seller = try await Seller(plans: plans)
        let replaced = file.hasPrefix("order.refund") ? ["order_id": "40000001"] : [:]
        if file.hasPrefix("order.refund") { try await seller.post(sale, at: 1_790_003_600) }
        let body = try Parcel(file: file, replace: replaced).body(in: ScenarioFile.events)
        var delivery = seller.delivery(body, receivedAt: date(1_790_003_700))
        try await seller.post(body, at: date(1_790_003_700))
        delivery.source = .replay
        let replay = delivery
        for _ in 0..<2 {
            try await seller.store.transaction { try $0.apply(replay, at: date(1_790_003_800)) }
            #expect(Set(try await seller.texts("SELECT status FROM inbound_events")) == ["applied"])
        }
    }

    // MARK: Why, and who is told

    @Test func `H5: every change is kept with what was before`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: 1_790_003_600)
        try await seller.post("order.rebill_failed.attempt-1.form", at: 1_792_595_610)
        try await seller.post("order.subscription_payment.rebill-1-after-dunning.form", at: 1_793_286_900)
        try await seller.post("order.refund.renewal.form", ["date_unix": "1793290000"], at: 1_793_290_000)
        let changes = try await seller.texts(
            """
            SELECT concat_ws(' ', source, action, coalesce(before_status, '-'), coalesce(before_access::text, '-'), '>',
                after_status, after_access, extract(epoch FROM occurred_at)::bigint, natural_key IS NOT NULL,
                event IS NOT NULL)
            FROM audit WHERE entitlement IS NOT NULL ORDER BY id
            """
        )
        #expect(
            changes == [
                "webhook order.success - - > active t 1790000000 t t",
                "webhook order.rebill_failed active true > past_due t 1792592010 t t",
                "webhook order.subscription_payment past_due true > active t 1793283300 t t",
                "webhook order.refund active true > refunded f 1793290000 t t",
            ]
        )
    }

    @Test func `what changes is told once, in order`() async throws {
        let seller = try await Seller(plans: plans)
        let story: [(String, Double)] = [
            (sale, 1_790_003_600), ("order.rebill_failed.attempt-1.form", 1_792_595_610),
            ("order.subscription_payment.rebill-1-after-dunning.form", 1_793_286_900),
            ("order.rebill_failed.attempt-2.form", 1_793_286_900),
            ("order.subscription_paused.monthly.form", 1_793_286_900),
            ("order.subscription_cancelled.no-period-end.form", 1_793_300_000),
        ]
        for (file, now) in story {
            let fields = file.contains("paused") || file.contains("cancelled") ? ["date_unix": "\(Int(now))"] : [:]
            for _ in 0..<2 { try await seller.post(file, fields, at: now) }
        }
        #expect(
            try await seller.messages() == [
                "member.created", "entitlement.granted", "order.paid", "entitlement.updated", "subscription.past_due",
                "entitlement.updated", "subscription.renewed", "entitlement.updated", "subscription.paused",
                "entitlement.updated", "subscription.canceled",
            ]
        )
        let body = try await seller.texts(
            "SELECT convert_from(body, 'UTF8') FROM outbox ORDER BY position LIMIT 1 OFFSET 1"
        )
        let message = try #require(body.first)
        #expect(message.hasPrefix(#"{"data":{"entitlement":{"access":true,"id":""#))
        #expect(message.hasSuffix(#""event":"entitlement.granted","timestamp":"2026-09-21T15:13:20Z"}"#))
    }

    // MARK: Sources

    @Test func `F11: a refund deletes no member and takes no grant by hand`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: 1_790_003_600)
        let member = try #require(try await seller.member(ana))
        try await seller.store.transaction { transaction in
            let plan = try basic(transaction, of: seller)
            try transaction.grant(plan, to: member, until: nil, by: "an operator", at: date(1_790_003_600))
        }
        try await seller.post(
            "order.refund.partial.form",
            ["order_id": "40000001", "refund[amount]": "5900", "refund[amount_gross]": "5900"],
            at: 1_790_103_600
        )
        let state = try await seller.access(of: ana, to: "basic", at: date(1_790_103_600))
        #expect(state == EntitlementState(status: .active, hasAccess: true))
        try await seller.store.transaction { transaction in
            let plan = try basic(transaction, of: seller)
            #expect(try transaction.withdrawGrant(of: plan, from: member, by: "an operator", at: date(1_790_200_000)))
            #expect(try !transaction.withdrawGrant(of: plan, from: member, by: "an operator", at: date(1_790_200_000)))
        }
        #expect(try await seller.access(of: ana, to: "basic", at: date(1_790_200_000))?.status == .refunded)
        #expect(try await seller.member(ana) != nil)
    }

    @Test func `F13: rehearsals open something only where the site says so, and never touch a live order`() async throws
    {
        let strict = try await Seller(plans: plans)
        try await strict.post("order.success.test-mode.form", at: 1_790_003_600)
        #expect(try await strict.texts("SELECT status || ' ' || reason FROM inbound_events") == ["flagged test-mode"])
        #expect(try await strict.messages() == [])

        let trying = try await Seller(plans: plans, testModeGrants: true)
        try await trying.post(sale, ["order_id": "40000002"], at: 1_790_003_600)
        try await trying.post("order.success.test-mode.form", at: 1_790_003_600)
        #expect(try await trying.count("SELECT count(*) FROM orders WHERE number = '40000002'") == 2)
        try await trying.post(
            "order.subscription_cancelled.monthly.form",
            [
                "order_id": "40000002", "mode": "test", "mode_int": "1",
                "subscription[billing_period_end]": "1790500000",
            ],
            at: 1_791_003_600
        )
        #expect(try await trying.access(of: ana, to: "basic", at: date(1_791_003_600))?.status == .active)

        var site = trying.site
        site.testModeGrants = false
        let changed = site
        try await trying.store.transaction { try $0.update(changed) }
        try await trying.rederive(at: 1_791_003_600)
        #expect(
            try await trying.texts(
                "SELECT DISTINCT o.mode FROM entitlements e JOIN order_items i ON i.id = e.order_item JOIN orders o ON o.id = i.order_id WHERE e.access"
            ) == ["live"]
        )
    }

    private func basic(_ transaction: Transaction, of seller: Seller) throws -> Plan {
        let slug = try #require(Slug("basic"))
        return try #require(try transaction.plan(slug: slug, of: seller.site.id))
    }

    // MARK: Plans that change

    @Test func `a plan linked after the sale opens to those who bought, and unlinked closes`() async throws {
        let seller = try await Seller(plans: ["product-1": "other"])
        for number in 1...5 {
            let fields = [
                "order_id": "\(number)", "customer_id": "\(number)", "customer[id]": "\(number)",
                "customer[email]": "ana\(number)@example.com",
            ]
            try await seller.post(sale, fields, at: 1_790_003_600)
        }
        #expect(try await seller.counter("_members") == 0)
        #expect(try await seller.texts("SELECT DISTINCT reason FROM inbound_events") == ["unmapped"])

        let plan = Plan(
            id: .new(at: date(1_790_010_000)),
            site: seller.site.id,
            slug: try #require(Slug("late")),
            name: "Late",
            items: ["product-7"],
            createdAt: date(1_790_010_000)
        )
        #expect(try await seller.store.transaction { try $0.insert(plan) })
        try await seller.rederive(at: 1_790_010_000)
        #expect(try await seller.counter("_members") == 5)
        #expect(try await seller.access(of: "ana3@example.com", to: "late", at: date(1_790_010_000))?.status == .active)
        let told = try await seller.messages()
        try await seller.rederive(at: 1_790_010_001)
        #expect(try await seller.messages() == told)

        _ = try await seller.store.transaction { try $0.unlink(["product-7"], from: plan) }
        try await seller.rederive(at: 1_790_020_000)
        #expect(
            try await seller.access(of: "ana3@example.com", to: "late", at: date(1_790_020_000))?.hasAccess == false
        )
        #expect(try await seller.messages().filter { $0 == "entitlement.revoked" }.count == 5)
    }

    @Test func `a plan linked while sales arrive misses none`() async throws {
        let seller = try await Seller(plans: ["product-1": "other"])
        let plan = Plan(
            id: .new(at: date(1_790_010_000)),
            site: seller.site.id,
            slug: try #require(Slug("late")),
            name: "Late",
            items: ["product-7"],
            createdAt: date(1_790_010_000)
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...24 {
                let fields = [
                    "order_id": "\(number)", "customer_id": "\(number)", "customer[id]": "\(number)",
                    "customer[email]": "ana\(number)@example.com",
                ]
                group.addTask { try await seller.post(sale, fields, at: 1_790_003_600) }
            }
            group.addTask {
                _ = try await seller.store.transaction { try $0.insert(plan) }
                try await seller.rederive(at: 1_790_010_000)
            }
            try await group.waitForAll()
        }
        #expect(try await seller.count("SELECT count(*) FROM entitlements WHERE access") == 24)
    }
}
