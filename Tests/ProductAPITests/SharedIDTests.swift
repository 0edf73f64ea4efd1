import AsyncHTTPClient
import Domain
import Foundation
import NIOCore
import NIOHTTP1
import Outbound
import PayPal
import Postgres
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing
import Web

/// PayPal remembers the ids of all our merchants' requests together, and gives the first result to whoever uses one again.
@Suite(.database(.gatehouse)) struct `An id that was used elsewhere` {
    @Test func `another merchant's id is no road to its setup token`() async throws {
        try await withAPI { api in
            let (one, two) = (try await api.connect(), try await api.connect("MERCHANTBBB22"))
            let first = try await api.subscribe(one, RunningAPI.subscription("paypal"), key: "order-42")
            #expect(first.status == 201)
            let second = try await api.subscribe(two, RunningAPI.subscription("paypal"), key: "order-42")
            #expect(second.isEnvelope(422), "\(second.text)")
            #expect(!second.text.contains(first.id))
            let database = try #require(TestDatabase.current)
            let kept = try await database.pool.read { tx in
                try tx.rows("SELECT count(*) FROM vault_subscriptions").decode(Int.self)
            }
            #expect(kept == [1])
            let again = try await api.subscribe(one, RunningAPI.subscription("paypal"), key: "order-42")
            #expect(again.status == 201 && again.id == first.id)
        }
    }

    @Test func `an order that was made for one payment starts no subscription`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant, RunningAPI.order("9.99"), key: "order-42")
            #expect(order.status == 201)
            let subscription = try await api.subscribe(merchant, RunningAPI.subscription("card"), key: "order-42")
            #expect(subscription.isEnvelope(422), "\(subscription.text)")
            #expect(try await api.kept(order.id) == nil)
            let known = try await api.store.read { try $0.payPalOrder(order.id) }
            #expect(known?.subscription == nil)
        }
    }

    @Test func `the order of a subscription is nobody's single payment`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let subscription = try await api.subscribe(merchant, RunningAPI.subscription("card"), key: "order-42")
            #expect(subscription.status == 201)
            let order = try await api.createOrder(merchant, RunningAPI.order("9.99"), key: "order-42")
            #expect(order.isEnvelope(422), "\(order.text)")
        }
    }

    @Test func `a capture that PayPal answers with another order is 422 and tells nothing of it`() async throws {
        let database = try #require(TestDatabase.current)
        let redis = try await TestRedis()
        try await ScriptedPayPal.run { payPal, client in
            let api = ProductAPI(
                store: database.store,
                payPal: client,
                redis: redis.client,
                sealer: Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "k1"))),
                limits: .quick,
                logger: .silent
            )
            let merchant = Merchant(
                id: .new(at: .now),
                environment: .sandbox,
                payPalID: "MERCHANTAAA22",
                secretHash: Digest.sha256("s"),
                siteURL: RunningAPI.site,
                state: .connected,
                stateSince: .now,
                createdAt: .now
            )
            let bearer = HexToken.random()
            try await api.store.transaction { tx in
                try tx.insert(merchant, webhookSecret: [1])
                try tx.insertToken(Digest.sha256(bearer), of: merchant.id, at: .now, until: .now + 3600)
                let order = PayPalOrder(
                    id: "ORD1",
                    merchant: merchant.id,
                    status: "APPROVED",
                    amount: nil,
                    createdAt: .now
                )
                _ = try tx.save(order, at: .now)
            }
            let other = #"""
                {"id":"ORD9","status":"COMPLETED","payer":{"email_address":"buyer@example.com"},"purchase_units":[{"payments":
                {"captures":[{"id":"CAP9","status":"COMPLETED","amount":{"currency_code":"USD","value":"29.00"}}]}}]}
                """#
            payPal.answers("POST /v2/checkout/orders/ORD1/capture", .json(other))
            payPal.answers("GET /v2/checkout/orders/ORD1", .json(#"{"id":"ORD1","status":"APPROVED"}"#))
            try await withServer([api.routes], envelope: ProductAPI.envelope) { port in
                var request = HTTPClientRequest(
                    url: "http://127.0.0.1:\(port)\(ProductAPI.base)/orders/ORD1/capture"
                )
                request.method = .POST
                request.headers = ["Authorization": "Bearer \(bearer)", "PayPal-Request-Id": "order-42"]
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
                let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
                #expect(response.status.code == 422, "\(text)")
                for foreign in ["ORD9", "CAP9", "buyer@example.com"] { #expect(!text.contains(foreign)) }
            }
            #expect(try await api.store.read { try $0.payPalOrder("ORD1") }?.capturingSince == nil)
            #expect(try await api.store.read { try $0.payPalCapture("CAP9") } == nil)
        }
    }
}
