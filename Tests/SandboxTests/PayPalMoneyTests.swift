import Foundation
import NIOHTTP1
import SandboxKit
import SandboxPages
import Testing

/// Bodies that the tests send.
enum Body {
    static func order(_ value: String = "10.00", _ currency: String = "USD", unit: String = "", more: String = "")
        -> String
    {
        #"{"intent":"CAPTURE","purchase_units":[{"amount":{"currency_code":"\#(currency)","value":"\#(value)"}\#(unit)}]\#(more)}"#
    }

    static func vaulted(_ token: String, _ value: String = "9.99", unit: String = "") -> String {
        order(value, unit: unit, more: #","payment_source":{"paypal":{"vault_id":"\#(token)"}}"#)
    }
}

extension RunningPayPal {
    /// An order that the buyer has agreed to.
    func approvedOrder(_ body: String = Body.order()) async throws -> String {
        let order = try await call(.POST, "/v2/checkout/orders", body)
        sandbox.approveOrder(order.id)
        return order.id
    }

    func capture(_ order: String, requestID: String? = nil, headers: HTTPHeaders = [:]) async throws -> Answer {
        try await call(.POST, "/v2/checkout/orders/\(order)/capture", "{}", requestID: requestID, headers: headers)
    }
}

@Suite struct `Paying at the pretended PayPal` {
    @Test func `an approved order is captured once`() async throws {
        try await withPayPal { paypal in
            let created = try await paypal.call(.POST, "/v2/checkout/orders", Body.order("17.5", "usd"))
            #expect(created.status == 201)
            #expect(created.json["status"]?.text == "CREATED")
            #expect(created.json["purchase_units"]?[0]?.at("amount", "value")?.text == "17.50")
            #expect(created.link("approve") == "\(paypal.address)/checkoutnow?token=\(created.id)")

            #expect(try await paypal.capture(created.id).issue == "ORDER_NOT_APPROVED")
            #expect(paypal.sandbox.approveOrder(created.id) != nil)
            let captured = try await paypal.capture(created.id)
            #expect(captured.status == 201)
            #expect(captured.json["status"]?.text == "COMPLETED")
            #expect(try await paypal.capture(created.id).issue == "ORDER_ALREADY_CAPTURED")
            #expect(paypal.sandbox.money.map(\.amount.value) == ["17.50"])
        }
    }

    @Test func `the same request id answers with the first result for six hours`() async throws {
        try await withPayPal { paypal in
            let token = try await paypal.vaultToken()
            let first = try await paypal.call(.POST, "/v2/checkout/orders", Body.vaulted(token), requestID: "renewal-1")
            #expect(first.status == 201)
            #expect(first.json["status"]?.text == "COMPLETED")
            let again = try await paypal.call(
                .POST,
                "/v2/checkout/orders",
                Body.vaulted(token, "50.00"),
                requestID: "renewal-1"
            )
            #expect(again.status == 200)
            #expect(again.id == first.id)
            #expect(paypal.sandbox.money.count == 1)

            paypal.sandbox.advance(by: 6 * 3600)
            let late = try await paypal.call(.POST, "/v2/checkout/orders", Body.vaulted(token), requestID: "renewal-1")
            #expect(late.status == 201)
            #expect(paypal.sandbox.money.count == 2)
        }
    }

    @Test func `an order that is paid at once needs a request id`() async throws {
        try await withPayPal { paypal in
            let token = try await paypal.vaultToken()
            let answer = try await paypal.call(.POST, "/v2/checkout/orders", Body.vaulted(token))
            #expect(answer.status == 400)
            #expect(answer.issue == "PAYPAL_REQUEST_ID_REQUIRED")
            #expect(paypal.sandbox.money.isEmpty)
        }
    }

    @Test func `a time-out after the effect has taken the money`() async throws {
        try await withPayPal { paypal in
            let order = try await paypal.approvedOrder()
            paypal.sandbox.add(PayPalFault(.resetAfter, call: "orders.capture", count: 1))
            await #expect(throws: (any Error).self) { try await paypal.capture(order, requestID: "cap-1") }
            let again = try await paypal.capture(order, requestID: "cap-1")
            #expect(again.status == 200)
            #expect(again.json["status"]?.text == "COMPLETED")
            #expect(paypal.sandbox.money.count == 1)
        }
    }

    @Test func `a time-out before the effect has not`() async throws {
        try await withPayPal { paypal in
            let order = try await paypal.approvedOrder()
            paypal.sandbox.add(PayPalFault(.resetBefore, call: "orders.capture", count: 1))
            await #expect(throws: (any Error).self) { try await paypal.capture(order) }
            #expect(paypal.sandbox.money.isEmpty)
            #expect(try await paypal.capture(order).status == 201)
        }
    }

    @Test func `a refund gives back what is left, and no more`() async throws {
        try await withPayPal { paypal in
            let order = try await paypal.approvedOrder()
            let captured = try await paypal.capture(order)
            let capture = captured.json["purchase_units"]?[0]?.at("payments", "captures")?[0]?["id"]?.text ?? ""
            let path = "/v2/payments/captures/\(capture)/refund"
            let part = try await paypal.call(.POST, path, #"{"amount":{"currency_code":"USD","value":"4.00"}}"#)
            #expect(part.status == 201)
            #expect(part.json.at("seller_payable_breakdown", "total_refunded_amount", "value")?.text == "4.00")
            let much = try await paypal.call(.POST, path, #"{"amount":{"currency_code":"USD","value":"7.00"}}"#)
            #expect(much.issue == "REFUND_AMOUNT_EXCEEDED")
            #expect(try await paypal.call(.POST, path, "{}", requestID: "ref-1").status == 201)
            #expect(try await paypal.call(.POST, path, "{}", requestID: "ref-1").status == 200)
            #expect(try await paypal.call(.POST, path, "{}").issue == "CAPTURE_FULLY_REFUNDED")
            #expect(paypal.sandbox.money.map(\.amount.minor) == [1000, 400, 600])
            let shown = try await paypal.call(.GET, "/v2/payments/captures/\(capture)")
            #expect(shown.json["status"]?.text == "REFUNDED")
        }
    }

    @Test func `another merchant's money can't be moved`() async throws {
        try await withPayPal { paypal in
            paypal.sandbox.addMerchant("ANTHERSHQP234")
            let order = try await paypal.approvedOrder()
            let path = "/v2/checkout/orders/\(order)"
            #expect(try await paypal.call(.GET, path, for: "ANTHERSHQP234").status == 403)
            #expect(try await paypal.call(.POST, path + "/capture", "{}", for: "ANTHERSHQP234").status == 403)
            #expect(try await paypal.call(.GET, path, for: "NEVERHEARDQF2").status == 403)
        }
    }

    @Test func `a paid invoice blocks its like where the merchant wants it`() async throws {
        try await withPayPal { paypal in
            let body = Body.order(unit: #","invoice_id":"period-7""#)
            paypal.sandbox.addMerchant(RunningPayPal.merchant, blocksDuplicateInvoices: true)
            let first = try await paypal.approvedOrder(body)
            let second = try await paypal.approvedOrder(body)
            #expect(try await paypal.capture(first).status == 201)
            #expect(try await paypal.capture(second).issue == "DUPLICATE_INVOICE_ID")
            #expect(try await paypal.call(.POST, "/v2/checkout/orders", body).issue == "DUPLICATE_INVOICE_ID")
            #expect(paypal.sandbox.money.map(\.invoiceID) == ["period-7"])
        }
    }
}
