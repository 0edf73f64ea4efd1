import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Sites, secrets and plans` {
    let now = Date(timeIntervalSince1970: 1_790_000_000)

    var store: Store {
        get throws { try #require(TestDatabase.current).store }
    }

    private func makeSite(_ name: String = "example") async throws -> Site {
        let site = Site(
            id: .new(at: now),
            slug: try #require(Slug(name)),
            name: name,
            thriveCartAccount: " Acme ",
            policy: AccessPolicy(graceDays: 3, slackDays: 5),
            createdAt: now
        )
        #expect(try await store.transaction { try $0.insert(site) })
        return site
    }

    @Test func `a site is read as it was written, and its short name is its own`() async throws {
        let site = try await makeSite()
        #expect(site.thriveCartAccount == "acme")
        #expect(try await store.read { try $0.site(site.id) } == site)
        #expect(try await store.read { try $0.site(slug: site.slug) } == site)
        #expect(try await store.read { try $0.sites() } == [site])
        var twin = site
        twin.id = .new(at: now)
        let other = twin
        #expect(try await store.transaction { try $0.insert(other) } == false)

        var changed = site
        changed.status = .suspended
        changed.testModeGrants = true
        let suspended = changed
        try await store.transaction { try $0.update(suspended) }
        #expect(try await store.read { try $0.site(site.id) } == suspended)
    }

    @Test func `secrets overlap while one replaces the other, and are sealed anew one by one`() async throws {
        let site = try await makeSite()
        let old = SiteSecret(id: .new(at: now), site: site.id, provider: .thriveCart, sealed: [1], createdAt: now)
        let later = now.addingTimeInterval(60)
        let new = SiteSecret(id: .new(at: later), site: site.id, provider: .thriveCart, sealed: [2], createdAt: later)
        let end = now.addingTimeInterval(86_400)
        try await store.transaction { transaction in
            try transaction.insert(old)
            try transaction.insert(new)
            #expect(try transaction.retireSecrets(of: site.id, for: .thriveCart, but: new.id, at: end) == 1)
            #expect(try transaction.retireSecrets(of: site.id, for: .thriveCart, but: new.id, at: end) == 0)
        }
        func current(at time: Date) async throws -> [[UInt8]] {
            try await store.read { try $0.currentSecrets(of: site.id, for: .thriveCart, at: time).map(\.sealed) }
        }
        #expect(try await current(at: later) == [[2], [1]])
        #expect(try await current(at: end) == [[2]])
        #expect(try await store.read { try $0.currentSecrets(for: .payPal, at: later) }.isEmpty)

        try await store.transaction { transaction in
            let column = try #require(SealedColumn.all.first { $0.name == "site_secrets.sealed" })
            var found: [SealedValue] = []
            while let next = try transaction.sealedValues(of: column, after: found.last?.id, limit: 1).first {
                found.append(next)
            }
            #expect(found.map(\.sealed) == [[1], [2]])
            #expect(try transaction.count(of: column) == 2)
            #expect(try transaction.reseal(found[0], of: column, as: [9]))
            #expect(try !transaction.reseal(found[0], of: column, as: [8]))
        }
        #expect(try await current(at: later) == [[2], [9]])
    }

    @Test func `a plan is found by any of its items, exactly`() async throws {
        let site = try await makeSite()
        let other = try await makeSite("other")
        let keys = try ["product-1", "bump-1", "product-12"].map { try #require(ItemKey($0)) }
        let plan = Plan(
            id: .new(at: now),
            site: site.id,
            slug: try #require(Slug("basic")),
            name: "Basic",
            items: [keys[0], keys[1]],
            createdAt: now
        )
        #expect(try await store.transaction { try $0.insert(plan) })
        #expect(try await store.transaction { try $0.insert(plan) } == false)
        func opened(by key: ItemKey, of site: Site) async throws -> [Plan] {
            try await store.read { try $0.plans(openedBy: [key], of: site.id) }
        }
        #expect(try await opened(by: keys[0], of: site) == [plan])
        #expect(try await opened(by: keys[2], of: site) == [])
        #expect(try await opened(by: keys[0], of: other) == [])

        #expect(try await store.transaction { try $0.link([keys[1], keys[2]], to: plan, at: now) } == [keys[2]])
        #expect(try await opened(by: keys[2], of: site).map(\.items) == [Set(keys)])
        #expect(try await store.transaction { try $0.unlink([keys[2]], from: plan) } == [keys[2]])
        #expect(try await store.read { try $0.plan(slug: plan.slug, of: site.id) } == plan)
        #expect(try await store.read { try $0.plans(of: other.id) }.isEmpty)
    }

    @Test func `a delivery is kept once, and says failed until it is settled`() async throws {
        let site = try await makeSite()
        let record = InboundRecord(
            id: .new(at: now),
            site: site.id,
            provider: .thriveCart,
            deliveryKey: "webhook:1",
            name: "order.success",
            source: .webhook,
            body: Array("event=order.success".utf8),
            receivedAt: now
        )
        let id = try await store.transaction { try $0.insert(record, at: now) }
        #expect(id == record.id)
        #expect(try await store.transaction { try $0.insert(record, at: now) } == nil)
        let kept = try await store.transaction { transaction in
            try transaction.settle(record.id, .flagged("unmapped"), at: now)
            return try transaction.lockInboundEvent("webhook:1", from: .thriveCart, of: site.id)
        }
        #expect(kept?.id == record.id)
        #expect(kept?.status == .flagged)
        let rows = try await store.pool.query("SELECT status, reason FROM inbound_events").decode((String, String).self)
        #expect(rows.map(\.0) == ["flagged"])
        #expect(rows.map(\.1) == ["unmapped"])
    }
}
