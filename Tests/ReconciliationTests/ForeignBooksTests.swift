import Domain
import Foundation
import FulfillmentJobs
import Postgres
import ReconciliationJobs
import Redis
import Store
import TestKit
import Testing
import ThriveCart

@testable import SandboxPages

/// The rules of repair about what is not ours.
@Suite struct `Books of others` {
    @Test func `H6 a processor's own objects are nobody's: nothing is read as an event of theirs`() async throws {
        try await withBookShop { shop in
            for provider in [Provider.stripe, .checkoutPage] {
                let delivery = InboundDelivery(
                    site: shop.site.id,
                    provider: provider,
                    receivedAt: .now,
                    body: Array(#"{"type":"customer.subscription.deleted"}"#.utf8)
                )
                await #expect(throws: (any Error).self) {
                    try await shop.store.transaction { _ = try $0.apply(delivery, at: .now) }
                }
            }
        }
    }

    @Test(arguments: ["charge", "rebill", "refund", "cancel"])
    func `H6 the processor's number of a subscription, which a pause ends and a resume makes anew, is in no key`(
        kind: String
    ) throws {
        let events = try ["sub_old", "sub_new"].map { processor in
            let row: PostValue = [
                "event_id": "1", "transaction_type": .text(kind), "timestamp": .number(1_790_000_000),
                "amount": .number(2900), "order_id": "4", "item_type": "product", "item_id": .number(7),
                "reference": "product-7-1", "subscription_id": .text(processor), "internal_subscription_id": "5",
                "customer": ["email": "ana@example.com"],
            ]
            return try BookEntry(row: row, mode: .live).event(account: "demoshop")
        }
        #expect(events[0].naturalKeys() == events[1].naturalKeys() && !events[0].naturalKeys().isEmpty)
        #expect(events[0].order == events[1].order && events[0].deliveryKey == events[1].deliveryKey)
    }

    @Test
    func `H6 a pause that ended the processor's subscription, and a resume under another one, is one subscription`()
        async throws
    {
        try await withBookShop(daysAgo: 10) { shop in
            let order = try await shop.buy("ana@example.com")
            try await shop.pause(order)
            let before = try await shop.shop.ledger.order(order).items[0].subscription?.processorID
            try await shop.resume(order, isHeard: false)
            let after = try await shop.shop.ledger.order(order).items[0].subscription?.processorID
            #expect(before != after, "the processor knows another subscription now")
            #expect(try await shop.run().needsPerson == 0)
            let standing = try await shop.standing("ana@example.com")
            #expect(standing?.status == "active" && standing?.access == true)
            let items = try await shop.store.pool.query("SELECT count(*) FROM order_items").decode(Int.self)[0]
            #expect(items == 1)
            #expect(try await shop.run().healed == 0)
        }
    }

    @Test func `H7 what a member has from elsewhere stays, whatever the books say`() async throws {
        try await withBookShop(daysAgo: 10) { shop in
            let order = try await shop.buy("ana@example.com")
            let email = try #require(EmailAddress("ana@example.com"))
            try await shop.store.transaction { transaction in
                let member = try #require(try transaction.member(email: email, of: shop.site.id))
                let slug = try #require(Slug("course"))
                let plan = try #require(try transaction.plan(slug: slug, of: shop.site.id))
                try transaction.grant(plan, to: member, until: nil, by: "operator", at: .now)
            }
            try await shop.refund(order, isHeard: false)
            #expect(try await shop.run().healed == 1)
            let granted = try await shop.store.pool.query(
                "SELECT access FROM entitlements WHERE granted_by IS NOT NULL"
            )
            #expect(try granted.decode(Bool.self) == [true])
            let sources = try await shop.store.read { transaction in
                let member = try #require(try transaction.member(email: email, of: shop.site.id))
                return try transaction.accessSources(of: [member.id])
            }
            #expect(sources.count == 2)
            #expect(sources.first { $0.bought != nil }?.bought?.provider == .thriveCart)
            #expect(sources.first { $0.grantedBy == "operator" }?.state.hasAccess == true)
        }
    }
}
