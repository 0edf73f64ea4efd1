import Domain
import Foundation
import NotificationJobs
import Outbound
import Postgres
import Sealing
import Store
import TestKit
import Testing

@Suite struct `Telling a PayPal merchant` {
    let body = Array(#"{"id":"WH-1","resource":{"amount":{"value":"15.00"},"n":1.0}}"#.utf8)
    let paypal = Dictionary(uniqueKeysWithValues: Forward.passedHeaders.map { ($0.lowercased(), "v of \($0)") })

    @Test func `the shop gets PayPal's bytes with the order's id, signed in both ways`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start()
        let shop = try await office.site.merchant(webhooks: receiver.url("/hook"))
        let forward = try Forward(
            event: "WH-1",
            type: "PAYMENT.CAPTURE.COMPLETED",
            body: body,
            order: 1234,
            paypal: paypal
        )
        try await office.site.store.transaction { _ = try $0.stageForward(forward, to: shop.id, at: Date()) }
        try await office.open {
            try await eventually { try await office.site.unsettled == 0 }
        }
        let request = try #require(receiver.requests.first)
        #expect(receiver.requests.count == 1)
        #expect(request.body == body.dropLast() + Array(#","x_thrive_order_id":1234}"#.utf8))
        let headers = request.headers
        let hmac = Digest.hex(Digest.hmacSHA256(request.body, key: shop.secret))
        #expect(headers["x-thrive-webhook-signature"] == hmac)
        #expect(headers["x-thrive-webhook-algorithm"] == "HMAC-SHA256")
        #expect(headers["x-thrive-forwarded-merchant"] == shop.payPalID)
        #expect(headers["x-thrive-forwarded-by"] == "thrive-themes-api")
        #expect(headers["x-thrive-webhook-simulated"] == nil)
        #expect(headers["content-type"] == "application/json")
        for name in Forward.passedHeaders { #expect(headers[name.lowercased()] == "v of \(name)") }
        let standard = try #require(StandardWebhook(secrets: [shop.secret]))
        let sentAt = try #require(headers["webhook-timestamp"].flatMap(TimeInterval.init))
        let expected = standard.headers(id: request.id, body: request.body, at: Date(timeIntervalSince1970: sentAt))
        #expect(expected.allSatisfy { headers[$0.0] == $0.1 })
        // What the shop quotes to support leads to the delivery.
        let delivery = try await office.site.store.read { try $0.search(DeliverySearch(of: .merchant(shop.id))) }.first
        #expect(headers["x-thrive-debug-id"] == delivery.map { MerchantWire.debugID(of: $0.id) })
    }

    @Test func `one event is told once, a simulation each time and marked`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start()
        let shop = try await office.site.merchant(webhooks: receiver.url("/hook"))
        for isSimulated in [false, false, true, true] {
            let forward = try Forward(
                event: "WH-1",
                type: "THRIVE.ACCESS.REVOKE",
                body: body,
                isSimulated: isSimulated
            )
            try await office.site.store.transaction { _ = try $0.stageForward(forward, to: shop.id, at: Date()) }
        }
        try await office.open {
            try await eventually { try await office.site.unsettled == 0 }
        }
        let marks = receiver.requests.map { $0.headers["x-thrive-webhook-simulated"] }
        #expect(marks.count == 3)
        #expect(marks.filter { $0 == "true" }.count == 2)
    }

    @Test func `a nudge goes without a signature to a merchant without a secret`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start()
        let shop = try await office.site.merchant(webhooks: receiver.url("/hook"), hasSecret: false)
        let nudge = try Forward(event: "WH-2", type: "MERCHANT.ONBOARDING.COMPLETED", body: body, isSigned: false)
        let message = try await office.site.store.transaction {
            try $0.stageForward(nudge, to: shop.id, at: Date())
        }
        try await office.open {
            try await eventually { try await office.site.unsettled == 0 }
        }
        let headers = try #require(receiver.requests.first).headers
        #expect(headers["x-thrive-webhook-signature"] == nil)
        #expect(headers["webhook-signature"] == nil)
        #expect(headers["x-thrive-forwarded-merchant"] == shop.payPalID)
        let id = try #require(message)
        #expect(try await office.site.store.read { try $0.firstAttempt(of: id) }?.status == 200)
    }

    @Test func `a new address is followed, even by what waits, and none is no delivery`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start { request, _ in .status(request.path == "/new" ? 200 : 410) }
        let shop = try await office.site.merchant(webhooks: receiver.url("/old"))
        let pool = office.site.database.pool
        @Sendable func stage(_ event: String) async throws {
            let forward = try Forward(event: event, type: "PAYMENT.CAPTURE.REFUNDED", body: body)
            try await office.site.store.transaction { _ = try $0.stageForward(forward, to: shop.id, at: Date()) }
        }
        try await office.open {
            try await stage("WH-1")
            try await eventually {
                try await office.site.count("SELECT count(*) FROM endpoints WHERE state = 'gone'") == 1
            }
            try await pool.query("UPDATE merchants SET webhooks_url = \(receiver.url("/new"))")
            try await stage("WH-2")
            try await eventually { receiver.requests(at: "/new").count == 1 }
            try await pool.query("UPDATE merchants SET webhooks_url = NULL")
            try await stage("WH-3")
            try await eventually { try await office.site.unsettled == 0 }
        }
        #expect(receiver.requests.count == 2)
        #expect(try await office.site.count("SELECT count(*) FROM deliveries") == 2)
    }
}
