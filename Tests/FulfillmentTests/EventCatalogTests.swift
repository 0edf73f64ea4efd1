import Domain
import Foundation
import FulfillmentJobs
import Jobs
import PayPal
import Store
import TestKit
import Testing

/// The document's "Webhook event catalog", row by row: what each event does here, and what of it the shop gets.
///
/// The row of WEBHOOK.TEST is with the route that makes it, and when THRIVE.ACCESS.REVOKE fires is with dunning.
@Suite(.database(.gatehouse)) struct `The webhook event catalog` {
    @Test func `row PAYMENT.CAPTURE.COMPLETED: one-off as it came, a renewal with x_thrive_order_id`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            let once = Bookkeeper.captured("WH-1").replacing(
                #""final_capture":true"#,
                with:
                    #""seller_receivable_breakdown":{"net_amount":{"value":"27.86","currency_code":"USD"}},"final_capture":true"#
            )
            try await books.hear(once)
            let subscription = try await books.subscription()
            let renewal = Bookkeeper.captured(
                "WH-2",
                capture: "CAP2",
                order: "ORD2",
                customID: "\(subscription.id):1:0:0"
            )
            try await books.hear(renewal)
            #expect(
                try await books.forwards().map(\.body) == [once, renewal.dropLast() + #","x_thrive_order_id":4711}"#]
            )
            #expect(try await books.capture("CAP1")?.status == .completed)
            #expect(try await books.capture("CAP2")?.subscription == subscription.id)
        }
    }

    /// "If x_thrive_order_id is present it's a renewal. Otherwise it's a first-time capture."
    @Test(arguments: ["capture-first", "vault-first"])
    func `row PAYMENT.CAPTURE.COMPLETED: a subscription's first capture is no renewal`(flow: String) async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription("SUB1")
            let isOrder = flow == "capture-first"
            if isOrder { try await books.order("SUB1", subscription: subscription) }
            let body = Bookkeeper.captured(
                "WH-1",
                order: isOrder ? "SUB1" : "ORD1",
                customID: isOrder ? nil : "\(subscription.id):first"
            )
            try await books.hear(body)
            #expect(try await books.forwards().map(\.body) == [body])
            // It is the subscription's all the same: so that a refund of it ends the renewals.
            #expect(try await books.capture("CAP1")?.subscription == subscription.id)
            #expect(try await books.event("WH-1").subscription == subscription.id)
        }
    }

    @Test func `row PAYMENT.CAPTURE.DENIED: a renewal's has x_thrive_order_id, and ends nothing`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            try await books.order("ORD2", subscription: subscription)
            let denied = Bookkeeper.captured("WH-1", order: "ORD2", type: "DENIED", status: "DECLINED")
            try await books.hear(denied)
            #expect(try await books.capture("CAP1")?.status == .declined)
            #expect(try await books.current(subscription).status == .active, "dunning decides, not the event")
            #expect(try await books.forwards().map(\.body) == [denied.dropLast() + #","x_thrive_order_id":4711}"#])
        }
    }

    @Test func `row PAYMENT.CAPTURE.DENIED: a first charge's has none, since nothing charges it again`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription("SUB1", token: nil)
            try await books.order("SUB1", subscription: subscription)
            let denied = Bookkeeper.captured("WH-1", order: "SUB1", type: "DENIED", status: "DECLINED")
            try await books.hear(denied)
            #expect(try await books.forwards().map(\.body) == [denied])
        }
    }

    @Test func `row PAYMENT.CAPTURE.PENDING: passed on with its reason, and nothing is paid yet`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            let pending = Bookkeeper.captured("WH-1", type: "PENDING", status: "PENDING").replacing(
                #""final_capture":true"#,
                with: #""status_details":{"reason":"PENDING_REVIEW"},"final_capture":true"#
            )
            try await books.hear(pending)
            #expect(try await books.capture("CAP1")?.status == .pending)
            #expect(try await books.store.read { try $0.payPalOrder("ORD1") }?.status == "APPROVED")
            #expect(try await books.forwards().map(\.body) == [pending])
            try await books.hear(Bookkeeper.captured("WH-2"))
            #expect(try await books.capture("CAP1")?.status == .completed)
        }
    }

    @Test(arguments: ["the initial order", "a renewal"])
    func `row PAYMENT.CAPTURE.REFUNDED: ends the subscription and purges its token before it is passed on`(
        of: String
    ) async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription("SUB1")
            let order = of == "a renewal" ? "ORD2" : "SUB1"
            try await books.order(order, subscription: subscription)
            try await books.hear(Bookkeeper.captured("WH-1", order: order))
            let purge = "DELETE /v3/vault/payment-tokens/8kk8451t"
            books.payPal.answers(purge, .json(204, ""))
            let refunded = Bookkeeper.refunded("WH-2")
            try await books.hear(refunded)
            #expect(books.payPal.asked.map(\.line) == [purge])
            let after = try await books.current(subscription)
            #expect(after.status == .canceled && !after.hasVaultToken)
            #expect(try await books.forwards().last?.body == refunded.dropLast() + #","x_thrive_order_id":4711}"#)
        }
    }

    @Test func `row CHECKOUT.ORDER.APPROVED: passed on, and nothing is captured`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            let approved = Self.order("WH-1", "APPROVED", payments: "")
            try await books.hear(approved)
            #expect(try await books.forwards().map(\.body) == [approved])
            #expect(try await books.store.read { try $0.payPalCaptures(ofOrder: "ORD1") }.isEmpty)
            #expect(try await books.event("WH-1").status == .applied)
        }
    }

    @Test(arguments: [false, true])
    func `row CHECKOUT.ORDER.COMPLETED: beside the capture's own event, in any order, one payment`(isLate: Bool)
        async throws
    {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            let completed = Self.order(
                "WH-1",
                "COMPLETED",
                payments:
                    #","payments":{"captures":[{"id":"CAP1","status":"COMPLETED","amount":{"value":"29.00","currency_code":"USD"}}]}"#
            )
            let events = [completed, Bookkeeper.captured("WH-2")]
            for event in isLate ? events.reversed() : events { try await books.hear(event) }
            let captures = try await books.store.read { try $0.payPalCaptures(ofOrder: "ORD1") }
            #expect(captures.map(\.status) == [.completed])
            #expect(try await books.store.read { try $0.payPalOrder("ORD1") }?.status == "COMPLETED")
            #expect(try await Set(books.forwards().map(\.body)) == Set(events))
        }
    }

    @Test func `row PAYMENT.SALE.COMPLETED: passed on by the sale that we know, or by its payee`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            try await books.hear(Bookkeeper.captured("WH-1"))
            let known =
                #"{"id":"WH-2","event_type":"PAYMENT.SALE.COMPLETED","resource_type":"sale","resource":{"id":"CAP1","state":"completed","amount":{"total":"29.00","currency":"USD"},"parent_payment":"PAY-1"}}"#
            let named =
                #"{"id":"WH-3","event_type":"PAYMENT.SALE.COMPLETED","resource":{"id":"SALE9","payee":{"merchant_id":"HF5SN9RKCTNJ2"}}}"#
            let nobodys = #"{"id":"WH-4","event_type":"PAYMENT.SALE.COMPLETED","resource":{"id":"SALE8"}}"#
            for event in [known, named, nobodys] { try await books.hear(event) }
            #expect(try await books.forwards().dropFirst().map(\.body) == [known, named])
            #expect(try await books.event("WH-4").status == .ignored)
        }
    }

    @Test func `row THRIVE.ACCESS.REVOKE: all its critical fields`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription("SUB1")
            let forward = try AccessRevoke.forward(
                of: subscription,
                merchantPayPalID: Bookkeeper.account,
                lastError: "PayPal call orders_create failed: HTTP 403",
                at: Bookkeeper.start
            )
            let body = try #require(JSON(parsing: forward.body))
            #expect(body["event_type"].string == "THRIVE.ACCESS.REVOKE")
            #expect(body["id"].string?.isEmpty == false)
            #expect(body["resource"]["subscription_id"].string == "SUB1")
            #expect(body["resource"]["merchant_id"].string == Bookkeeper.account)
            #expect(body["resource"]["reason"].string?.isEmpty == false)
            #expect(body["resource"]["last_error"].string == "PayPal call orders_create failed: HTTP 403")
            #expect(body["x_thrive_order_id"].int == 4711)
        }
    }

    private static func order(_ event: String, _ status: String, payments: String) -> String {
        #"{"id":"\#(event)","event_type":"CHECKOUT.ORDER.\#(status)","resource_type":"checkout-order","resource":{"id":"ORD1","status":"\#(status)","payer":{"payer_id":"A6HRLKGH4L89S"},"purchase_units":[{"payee":{"merchant_id":"HF5SN9RKCTNJ2"},"amount":{"value":"29.00","currency_code":"USD"}"#
            + payments + "}]}}"
    }
}
