import Domain
import Foundation
import NIOHTTP1
import Postgres
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing

/// What a crash, an outage or a broken account left, looked after by jobs.
@Suite(.database(.gatehouse)) struct `What was left half done` {
    @Test func `captures that PayPal says nothing of hold up no other, and end`() async throws {
        let clock = MovedClock()
        try await withAPI(now: { clock.now }) { api in
            let merchant = try await api.connect()
            let known = try await api.store.read { try $0.merchants(ofAccount: merchant.id, in: .sandbox)[0].id }
            let before = clock.now
            try await api.store.transaction { tx in
                for number in 0..<60 {
                    let order = PayPalOrder(
                        id: "GONE\(number)",
                        merchant: known,
                        status: "APPROVED",
                        amount: nil,
                        createdAt: before
                    )
                    _ = try tx.save(order, at: before)
                    _ = try tx.markCapturing(order.id, of: known, at: before.addingTimeInterval(-600))
                }
            }
            let order = try await api.createOrder(merchant)
            try await api.approve(order: order.id)
            try await api.fault(#"{"fault": "reset_after", "call": "orders.capture", "count": 1}"#)
            try await api.fault(#"{"fault": "error", "call": "orders.get", "count": 1}"#)
            _ = try await api.call(.POST, "/orders/\(order.id)/capture", bearer: merchant.bearer)
            clock.move(by: 600)
            try await api.run(SettleCaptures())
            #expect(try await api.store.read { try $0.payPalOrder(order.id) }?.capturingSince == nil)
            #expect(try await api.store.read { try $0.payPalOrder("GONE0") }?.capturingSince != nil, "it may yet come")
            clock.move(by: 3600)
            try await api.run(SettleCaptures())
            #expect(try await Self.marked() == 0)
        }
    }

    @Test func `a capture that PayPal won't let us see is given up in the end, and said`() async throws {
        let clock = MovedClock()
        try await withAPI(now: { clock.now }) { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant)
            let known = try await api.store.read { try $0.merchants(ofAccount: merchant.id, in: .sandbox)[0].id }
            try await api.store.transaction { _ = try $0.markCapturing(order.id, of: known, at: clock.now) }
            try await api.fault(#"{"fault": "error", "call": "orders.get"}"#)
            clock.move(by: 2 * 86_400)
            try await api.run(SettleCaptures())
            #expect(try await Self.marked() == 1)
            clock.move(by: 2 * 86_400)
            try await api.run(SettleCaptures())
            #expect(try await Self.marked() == 0)
            #expect(api.log.text.contains("nobody can say what became of a capture"))
        }
    }

    private static func marked() async throws -> Int {
        let database = try #require(TestDatabase.current)
        return try await database.pool.read { tx in
            try tx.rows("SELECT count(*) FROM paypal_orders WHERE capturing_since IS NOT NULL").decode(Int.self)[0]
        }
    }

    @Test func `a gateway's 403 or 404 lets no vault token be forgotten, and no order be missed`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal", trialDays: 3))
            try await api.approve(setupToken: created.id)
            _ = try await api.activate(merchant, created.id)
            for status in [403, 404] {
                try await api.fault(
                    #"{"fault": "error", "call": "payment_tokens.delete", "status": \#(status), "body": "html", "count": 1}"#
                )
            }
            let canceled = try await api.call(.POST, "/subscriptions/\(created.id)/cancel", bearer: merchant.bearer)
            #expect(canceled.json["vault_deleted"] == false)
            try await api.run(PurgeVaultTokens())
            #expect(try await api.kept(created.id)?.hasVaultToken == true)
            try await api.run(PurgeVaultTokens())
            #expect(try await api.kept(created.id)?.hasVaultToken == false)

            let order = try await api.createOrder(merchant)
            try await api.fault(#"{"fault": "error", "call": "orders.get", "status": 404, "body": "html", "count": 1}"#)
            #expect(try await api.call(.GET, "/orders/\(order.id)", bearer: merchant.bearer).isEnvelope(503))
            #expect(try await api.call(.GET, "/orders/\(order.id)", bearer: merchant.bearer).status == 200)
        }
    }

    @Test func `vault tokens that PayPal can't delete hold up no other`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let known = try await api.store.read { try $0.merchants(ofAccount: merchant.id, in: .sandbox)[0].id }
            for number in 0..<60 {
                try await api.ended("STUCK\(number)", of: known, madeAt: .now.addingTimeInterval(-86_400))
            }
            let token = try await api.payPal.vaultToken(of: merchant.id)
            try await api.ended(token, of: known, madeAt: .now)
            try await api.fault(#"{"fault": "error", "call": "payment_tokens.delete", "contains": "STUCK"}"#)
            try await api.run(PurgeVaultTokens())
            let left = try await api.store.read { try $0.vaultTokensToPurge(limit: 100) }
            #expect(left.count == 60)
            #expect(left.allSatisfy { $0.payPalID.hasPrefix("SUB-STUCK") })
        }
    }
}

extension RunningAPI {
    /// A subscription that has ended, and whose token PayPal still has.
    func ended(_ token: String, of merchant: Merchant.ID, madeAt time: Date) async throws {
        let subscription = VaultSubscription(
            id: .new(at: time),
            merchant: merchant,
            payPalID: "SUB-\(token)",
            flow: .vaultFirst,
            source: .paypal,
            thriveOrderID: 1,
            amount: Money("9.99", "USD")!,
            frequency: .month,
            interval: "1 month",
            createdAt: time
        )
        try await store.transaction { try $0.insert(subscription) }
        try await attach(token, to: subscription.id)
        try await store.transaction { _ = try $0.cancel(subscription.id, at: time) }
    }
}
