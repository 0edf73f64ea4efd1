import Domain
import Foundation
import NIOHTTP1
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Refunds` {
    @Test func `POST captures refund answers id, status and links alone, and the money goes back once`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let (_, capture) = try await api.paidOrder(merchant)
            let answer = try await api.call(
                .POST,
                "/captures/\(capture)/refund",
                #"{"note_to_payer": "As agreed"}"#,
                bearer: merchant.bearer
            )
            #expect(answer.status == 201)
            #expect(answer.statusText == "COMPLETED")
            #expect(answer.json.fieldNames == ["id", "status", "links"])
            #expect(answer.link("up")?.hasSuffix(capture) == true)
            #expect(try await api.ledger("refund").count == 1)
            let kept = try await api.store.read { try $0.payPalRefunds(ofCapture: capture) }
            #expect(kept.map(\.id) == [answer.id])
        }
    }

    @Test(arguments: ["amount", "currency"])
    func `a part of it is refused before PayPal is asked`(field: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let (_, capture) = try await api.paidOrder(merchant)
            let body = #"{"\#(field)": "1.00"}"#
            let answer = try await api.call(.POST, "/captures/\(capture)/refund", body, bearer: merchant.bearer)
            #expect(answer.complains(of: field))
            #expect(try await api.requests("captures.refund").isEmpty)
        }
    }

    @Test func `the same PayPal-Request-Id gives the first refund, a new one already_refunded`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let (_, capture) = try await api.paidOrder(merchant)
            func refund(_ key: String) async throws -> Answer {
                try await api.call(
                    .POST,
                    "/captures/\(capture)/refund",
                    bearer: merchant.bearer,
                    headers: ["PayPal-Request-Id": key]
                )
            }
            let (first, again) = (try await refund("r1"), try await refund("r1"))
            #expect(first.status == 201 && first.text == again.text)
            let other = try await refund("r2")
            #expect(other.status == 422)
            #expect(other.json.at("error", "code")?.text == "already_refunded")
            #expect(try await api.ledger("refund").count == 1)
        }
    }

    /// A row of the document's table, with its issues and PayPal's own words beside them.
    struct Row: Sendable, CustomTestStringConvertible {
        var code: String
        var issues: [String]
        var testDescription: String { code }
    }

    static let rows = [
        Row(code: "already_refunded", issues: ["CAPTURE_FULLY_REFUNDED", "MAX_NUMBER_OF_REFUNDS_EXCEEDED"]),
        Row(code: "refund_window_expired", issues: ["REFUND_TIME_LIMIT_EXCEEDED"]),
        Row(code: "insufficient_funds", issues: ["INSUFFICIENT_FUNDS", "REFUND_FAILED_INSUFFICIENT_FUNDS"]),
        Row(
            code: "not_refundable",
            issues: [
                "TRANSACTION_REFUSED", "REFUND_FAILED", "AUTHORIZATION_VOIDED", "CAPTURE_STATUS_PENDING",
                "PENDING_CAPTURE",
            ]
        ),
        Row(
            code: "account_restricted",
            issues: [
                "PAYEE_ACCOUNT_RESTRICTED", "PAYER_ACCOUNT_RESTRICTED", "PERMISSION_DENIED", "NOT_AUTHORIZED",
            ]
        ),
        Row(code: "capture_not_found", issues: ["RESOURCE_NOT_FOUND"]),
        Row(code: "unknown_error", issues: ["SOMETHING_NEW"]),
    ]

    @Test(arguments: rows) func `row of the table of codes is 422 with that code`(row: Row) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let (_, capture) = try await api.paidOrder(merchant)
            for issue in row.issues {
                let answer = try await api.call(
                    .POST,
                    "/captures/\(capture)/refund",
                    bearer: merchant.bearer,
                    headers: ["PayPal-Mock-Response": #"{"mock_application_codes": "\#(issue)"}"#]
                )
                let error = answer.json["error"]
                #expect(answer.status == 422, "\(issue): \(answer.text)")
                #expect(error?["code"]?.text == row.code, "\(issue): \(answer.text)")
                #expect(error?["paypal_issue"]?.text?.isEmpty == false)
                #expect(error?["message"]?.text?.isEmpty == false)
                #expect(error?["debug_id"]?.text?.isEmpty == false)
                #expect(error?.fieldNames == ["code", "paypal_issue", "message", "debug_id"])
            }
            #expect(try await api.ledger("refund").isEmpty)
        }
    }

    @Test(arguments: [
        #"{"fault": "error", "call": "captures.refund", "status": 500, "body": "html"}"#,
        #"{"fault": "rate_limit", "call": "captures.refund"}"#,
        #"{"fault": "reset_before", "call": "captures.refund"}"#,
    ])
    func `row temporary_error is 503 when PayPal can't be asked`(fault: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let (_, capture) = try await api.paidOrder(merchant)
            try await api.fault(fault)
            let answer = try await api.call(.POST, "/captures/\(capture)/refund", bearer: merchant.bearer)
            #expect(answer.status == 503)
            #expect(answer.json.at("error", "code")?.text == "temporary_error")
        }
    }

    @Test func `row capture_not_found without asking for what nobody took`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let answer = try await api.call(.POST, "/captures/2DR44140P9088745U/refund", bearer: merchant.bearer)
            #expect(answer.status == 422)
            #expect(answer.json.at("error", "code")?.text == "capture_not_found")
        }
    }

    @Test func `a capture that a script took without us is refunded too`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant)
            try await api.approve(order: order.id)
            let taken = try await api.payPal.call(
                .POST,
                "/v2/checkout/orders/\(order.id)/capture",
                "{}",
                for: merchant.id
            )
            let capture = try #require(taken.captureID)
            let answer = try await api.call(.POST, "/captures/\(capture)/refund", bearer: merchant.bearer)
            #expect(answer.status == 201, "\(answer.text)")
        }
    }

    @Test func `whose first payment goes back is not charged again`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.call(
                .POST,
                "/subscriptions",
                RunningAPI.subscription("paypal"),
                bearer: merchant.bearer
            )
            try await api.approve(setupToken: created.id)
            let active = try await api.call(.POST, "/subscriptions/\(created.id)/activate", bearer: merchant.bearer)
            let capture = try #require(active.captureID)
            let refund = try await api.call(.POST, "/captures/\(capture)/refund", bearer: merchant.bearer)
            #expect(refund.status == 201, "\(refund.text)")
            #expect(try await api.kept(created.id)?.status == .canceled)
        }
    }
}

extension JSON {
    var fieldNames: [String] {
        guard case .object(let members) = self else { return [] }
        return members.map(\.name)
    }
}
