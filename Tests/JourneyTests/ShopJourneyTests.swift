import Foundation
import NIOHTTP1
import SandboxKit
import SandboxPages
import Sealing
import TestKit
import Testing

/// From the connection to the last good-bye: real processes, real sockets, a pretended PayPal, a shop that verifies.
@Suite(.serialized) struct `A shop from connecting to leaving` {
    @Test(.timeLimit(.minutes(4))) func `each step is answered, told, and paid once`() async throws {
        try await withPayPal { payPal in
            let shop = try await ShopSystem(payPal)
            do {
                try await shop.connect()
                try await shop.triesItsWebhook()
                let capture = try await shop.sells()
                try await shop.refunds(capture)
                let trial = try await shop.beginsATrial()
                try await shop.isToldWhatNeverHappened(trial)
                try await shop.subscribes("paypal")
                try await shop.subscribes("card")
                try await shop.cancels(trial)
                try await shop.leaves()
                let captures = try await payPal.ask(.GET, "/_sandbox/ledger?kind=capture")
                #expect(captures.json["count"]?.integer == 3)
            } catch {
                Issue.record("\(error)\n\(shop.logs.suffix(4000))")
            }
            await shop.end()
        }
    }
}

extension ShopSystem {
    func connect() async throws {
        let account = #"{"id": "\#(Self.merchant)", "tracking_id": "\#(secret)"}"#
        _ = try await payPal.ask(.POST, "/_sandbox/merchants", account)
        let hook = receiver.url("/hook")
        let body = #"""
            {"secret": "\#(secret)", "referral_token": "", "merchant_id": "\#(Self.merchant)",
            "site_url": "https://merchant.example", "webhooks_url": "\#(hook)"}
            """#
        let answer = try await call(.POST, "/onboarding/complete", body)
        #expect(answer.status == 200, "\(answer.text)")
        webhookSecret = try #require(answer.json["webhook_secret"]?.text)
        let pair = Data("\(Self.merchant):\(secret)".utf8).base64EncodedString()
        let token = try await payPal.ask(.POST, address + "/auth/token", headers: ["Authorization": "Basic \(pair)"])
        bearer = try #require(token.json["access_token"]?.text)
    }

    func triesItsWebhook() async throws {
        let answer = try await call(.POST, "/webhooks/test")
        #expect(answer.json["success"] == true, "\(answer.text)")
        try await forward("WEBHOOK.TEST") { $0.at("resource", "id")?.text == answer.json["test_id"]?.text }
    }

    func sells() async throws -> String {
        let order = try await call(.POST, "/orders", Self.order("49.00"))
        #expect(order.status == 201, "\(order.text)")
        _ = try await payPal.ask(.POST, "/_sandbox/orders/\(order.id)/approve", #"{"email": "buyer@example.com"}"#)
        let paid = try await call(.POST, "/orders/\(order.id)/capture")
        let capture = try #require(paid.json["purchase_units"]?[0]?["payments"]?["captures"]?[0]?["id"]?.text)
        try await forward("PAYMENT.CAPTURE.COMPLETED") { $0.at("resource", "id")?.text == capture }
        return capture
    }

    func refunds(_ capture: String) async throws {
        let refund = try await call(.POST, "/captures/\(capture)/refund", "{}")
        #expect(refund.status == 201, "\(refund.text)")
        try await forward("PAYMENT.CAPTURE.REFUNDED") { $0.at("resource", "id")?.text == refund.id }
    }

    func beginsATrial() async throws -> String {
        let created = try await call(.POST, "/subscriptions", Self.order("9.99", source: "paypal", trialDays: 7))
        _ = try await payPal.ask(
            .POST,
            "/_sandbox/setup-tokens/\(created.id)/approve",
            #"{"email": "buyer@example.com"}"#
        )
        let active = try await call(.POST, "/subscriptions/\(created.id)/activate")
        #expect(active.json["status"]?.text == "trialing", "\(active.text)")
        return created.id
    }

    /// What an operator sends for its tests goes the same way, and says what it is.
    func isToldWhatNeverHappened(_ trial: String) async throws {
        let simulate = ["paypal", "webhooks", "simulate", "--merchant", Self.merchant, "--event"]
        let amount = ["--set", "resource.amount.value=15.00", "--set", "x_thrive_order_id=1234"]
        let said = try await gatehouse(simulate + ["PAYMENT.CAPTURE.COMPLETED"] + amount)
        #expect(said.contains("answered 200"))
        let payment = try await forward("PAYMENT.CAPTURE.COMPLETED") { $0["x_thrive_order_id"]?.integer == 1234 }
        #expect(payment.headers["x-thrive-webhook-simulated"] == "true")
        let body = SandboxJSON.read(String(decoding: payment.body, as: UTF8.self))
        #expect(body?.at("resource", "amount", "value")?.text == "15.00")

        try await gatehouse(simulate + ["THRIVE.ACCESS.REVOKE", "--subscription-id", trial])
        let revoke = try await forward("THRIVE.ACCESS.REVOKE") {
            $0.at("resource", "subscription_id")?.text == trial && $0["x_thrive_order_id"]?.integer == 42
        }
        #expect(revoke.headers["x-thrive-webhook-simulated"] == "true")

        _ = try await call(.PATCH, "/merchant", #"{"webhooks_url": "\#(receiver.url("/broken"))"}"#)
        let failure = await #expect(throws: CommandFailure.self) {
            try await gatehouse(simulate + ["PAYMENT.CAPTURE.COMPLETED"])
        }
        #expect(failure?.exit == .code(1))
        _ = try await call(.PATCH, "/merchant", #"{"webhooks_url": "\#(receiver.url("/hook"))"}"#)
    }

    func subscribes(_ source: String) async throws {
        let created = try await call(.POST, "/subscriptions", Self.order("9.99", source: source))
        let kind = source == "paypal" ? "setup-tokens" : "orders"
        let approval =
            source == "paypal"
            ? #"{"email": "buyer@example.com"}"# : #"{"card": {"number": "4111111111111111", "expiry": "2031-01"}}"#
        _ = try await payPal.ask(.POST, "/_sandbox/\(kind)/\(created.id)/approve", approval)
        let active = try await call(.POST, "/subscriptions/\(created.id)/activate")
        #expect(active.json["status"]?.text == "COMPLETED", "\(active.text)")
        let capture = try #require(active.json["purchase_units"]?[0]?["payments"]?["captures"]?[0]?["id"]?.text)
        try await forward("PAYMENT.CAPTURE.COMPLETED") { $0.at("resource", "id")?.text == capture }
    }

    func cancels(_ subscription: String) async throws {
        let answer = try await call(.POST, "/subscriptions/\(subscription)/cancel")
        #expect(answer.json["vault_deleted"] == true, "\(answer.text)")
    }

    func leaves() async throws {
        #expect(try await call(.DELETE, "/merchant").status == 200)
        #expect(try await call(.GET, "/merchant").status == 401)
    }

    /// Waits for a forward, and verifies it as the document's shops do.
    @discardableResult
    private func forward(_ type: String, where fits: (SandboxJSON) -> Bool) async throws -> Receiver.Request {
        var found: Receiver.Request?
        try await eventually {
            found = receiver.requests(at: "/hook").last { request in
                guard let body = SandboxJSON.read(String(decoding: request.body, as: UTF8.self)) else { return false }
                return body["event_type"]?.text == type && fits(body)
            }
            return found != nil
        }
        let request = try #require(found)
        let code = Digest.hmacSHA256(request.body, key: Array(webhookSecret.utf8))
        #expect(request.headers["x-thrive-webhook-signature"] == Digest.hex(code))
        #expect(request.headers["x-thrive-forwarded-merchant"] == Self.merchant)
        return request
    }
}
