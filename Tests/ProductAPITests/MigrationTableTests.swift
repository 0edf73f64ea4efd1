import Domain
import Foundation
import NIOHTTP1
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import TestKit
import Testing

/// A row of the document's table for those who used the older service: how a thing was called, and how it is now.
struct MigrationRow: Sendable, CustomTestStringConvertible {
    var purpose: String
    var before: String
    var now: String

    init(_ purpose: String, _ before: String, _ now: String) {
        (self.purpose, self.before, self.now) = (purpose, before, now)
    }

    var testDescription: String { "\(purpose): \(before) is \(now)" }

    static let onboarding = [
        MigrationRow("Start onboarding", "POST /oauth/partner-referral", "POST /onboarding/start"),
        MigrationRow("Complete onboarding", "POST /oauth/credentials", "POST /onboarding/complete"),
        MigrationRow("Issue Bearer", "POST /oauth/access-token", "POST /auth/token"),
        MigrationRow("Refresh PayPal client token", "POST /oauth/client-token", "POST /auth/client-token"),
        MigrationRow("SDK client token", "POST /oauth/sdk-client-token", "POST /auth/sdk-token"),
    ]
    static let merchant = [
        MigrationRow("Get capabilities and status", "GET /customers/merchant-info", "GET /merchant"),
        MigrationRow("Get client credentials", "GET /customers/credentials", "GET /merchant/credentials"),
        MigrationRow("Update license and webhook URL", "POST /customers/update", "PATCH /merchant"),
        MigrationRow("Disconnect", "POST /customers/disconnect", "DELETE /merchant"),
    ]
    static let orders = [
        MigrationRow("Create order", "POST /orders/create", "POST /orders"),
        MigrationRow("Get order", "GET /orders/get?id=X", "GET /orders/{id}"),
        MigrationRow("Capture order", "POST /orders/capture", "POST /orders/{id}/capture"),
        MigrationRow("Refund capture", "POST /orders/refund", "POST /captures/{id}/refund"),
    ]
    static let subscriptions = [
        MigrationRow("Create subscription", "POST /subscriptions/processor/create", "POST /subscriptions"),
        MigrationRow("Activate", "POST /subscriptions/processor/capture", "POST /subscriptions/{id}/activate"),
        MigrationRow("Get subscription", "GET /subscriptions/processor/get?id=X", "GET /subscriptions/{id}"),
        MigrationRow("Cancel", "POST /subscriptions/processor/cancel", "POST /subscriptions/{id}/cancel"),
    ]
}

/// The document's "Migrating from wp-payment-pal-paypal-service", row by row. The rows of webhooks are with the ingress and
/// with the webhook's test.
@Suite(.database(.gatehouse)) struct `The table of migration` {
    @Test(arguments: MigrationRow.onboarding)
    func `row of onboarding and tokens: the new call does it, the old one is gone`(row: MigrationRow) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await Self.isGone(row.before, merchant, api)
            switch row.now {
            case "POST /onboarding/start":
                let body = #"{"secret": "\#(RunningAPI.secret())", "site_url": "https://merchant.example"}"#
                let answer = try await api.call(.POST, "/onboarding/start", body)
                #expect(answer.status == 200 && answer.fields == ["url", "expires_in"], "\(answer.text)")
            case "POST /onboarding/complete":
                let answer = try await api.complete(merchant.id, secret: merchant.secret)
                #expect(answer.status == 200)
                #expect(
                    answer.fields == [
                        "env", "client_id", "partner_merchant_id", "client_token", "client_token_expires_in",
                        "sdk_client_token", "sdk_client_token_expires_in", "country", "webhook_secret",
                    ]
                )
            case "POST /auth/token":
                let answer = try await api.token(merchant.id, secret: merchant.secret)
                #expect(answer.status == 200 && answer.fields == ["access_token", "expires_in"])
            case "POST /auth/client-token":
                let answer = try await api.call(.POST, "/auth/client-token", bearer: merchant.bearer)
                #expect(answer.status == 200 && answer.fields == ["client_token", "expires_in"])
            default:
                let answer = try await api.call(.POST, "/auth/sdk-token", bearer: merchant.bearer)
                #expect(answer.status == 200 && answer.fields == ["sdk_client_token", "expires_in"])
            }
        }
    }

    @Test(arguments: MigrationRow.merchant)
    func `row of the merchant: the new call does it, the old one is gone`(row: MigrationRow) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await Self.isGone(row.before, merchant, api)
            let (method, path) = Self.call(row.now)
            let body = method == .PATCH ? #"{"webhooks_url": "https://merchant.example/hook"}"# : nil
            let answer = try await api.call(method, path, body, bearer: merchant.bearer)
            #expect(answer.status == 200, "\(answer.text)")
            switch row.now {
            case "GET /merchant":
                for name in ["env", "payments_receivable", "capabilities", "capabilities_summary"] {
                    #expect(answer.fields.contains(name))
                }
            case "GET /merchant/credentials":
                #expect(
                    answer.fields == [
                        "client_id", "partner_merchant_id", "client_token", "client_token_expires_in",
                        "sdk_client_token", "sdk_client_token_expires_in", "webhook_secret",
                    ]
                )
            default: #expect(answer.text == #"{"success":true}"#)
            }
        }
    }

    @Test(arguments: MigrationRow.orders)
    func `row of orders: the id is in the path, and the old call is gone`(row: MigrationRow) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await Self.isGone(row.before, merchant, api)
            switch row.now {
            case "POST /orders":
                let answer = try await api.createOrder(merchant)
                #expect(answer.status == 201 && answer.statusText == "CREATED" && answer.link("approve") != nil)
            case "GET /orders/{id}":
                let order = try await api.createOrder(merchant).id
                let answer = try await api.call(.GET, "/orders/\(order)", bearer: merchant.bearer)
                #expect(answer.status == 200 && answer.id == order)
            case "POST /orders/{id}/capture":
                let (order, capture) = try await api.paidOrder(merchant)
                let answer = try await api.call(.POST, "/orders/\(order)/capture", bearer: merchant.bearer)
                #expect(answer.status == 200 && answer.captureID == capture)
            default:
                let (_, capture) = try await api.paidOrder(merchant)
                let path = "/captures/\(capture)/refund"
                let part = #"{"amount": "1.00", "currency": "USD"}"#
                #expect(try await api.call(.POST, path, part, bearer: merchant.bearer).complains(of: "amount"))
                let note = #"{"note_to_payer": "As you wished"}"#
                let answer = try await api.call(.POST, path, note, bearer: merchant.bearer)
                #expect(answer.status == 201 && answer.fields == ["id", "status", "links"])
            }
        }
    }

    @Test(arguments: MigrationRow.subscriptions)
    func `row of vault subscriptions: the id is in the path, and the old call is gone`(row: MigrationRow) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await Self.isGone(row.before, merchant, api)
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            #expect(created.status == 201 && created.statusText == "PAYER_ACTION_REQUIRED")
            guard row.now != "POST /subscriptions" else { return }
            try await api.approve(setupToken: created.id)
            let active = try await api.activate(merchant, created.id)
            #expect(active.status == 200 && active.statusText == "COMPLETED" && active.captureID != nil)
            guard !row.now.hasSuffix("activate") else { return }
            let (method, path) = Self.call(row.now.replacing("{id}", with: created.id))
            let answer = try await api.call(method, path, bearer: merchant.bearer)
            #expect(answer.status == 200 && answer.id == created.id, "\(answer.text)")
            if method == .GET {
                #expect(answer.json["interval"]?.text == "1 month" && answer.json["vault_id"]?.text != nil)
            } else {
                #expect(answer.fields == ["ok", "id", "deactivated", "vault_deleted"])
            }
        }
    }

    private static func isGone(_ call: String, _ merchant: RunningAPI.Connected, _ api: RunningAPI) async throws {
        let (method, path) = self.call(call)
        let answer = try await api.call(method, path, method == .POST ? "{}" : nil, bearer: merchant.bearer)
        #expect(answer.isEnvelope(404), "\(call): \(answer.text)")
    }

    private static func call(_ text: String) -> (HTTPMethod, String) {
        let words = text.split(separator: " ").map(String.init)
        return (HTTPMethod(rawValue: words[0]), words[1])
    }
}

extension RunningPayPal.Answer {
    /// The names in the body, in their order.
    var fields: [String] { json.fieldNames }
}
