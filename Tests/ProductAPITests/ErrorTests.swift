import Domain
import Foundation
import NIOHTTP1
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Errors as the document has them` {
    @Test func `row 401 bearer missing, invalid or expired`() async throws {
        try await withAPI { api in
            for route in api.routeList where route.needsBearer {
                let path = route.path.replacing(/\{[^}]*\}/, with: "X1")
                for bearer in [nil, "", "nonsense", String(repeating: "a", count: 500)] {
                    let answer = try await api.call(.init(rawValue: route.method), path, bearer: bearer)
                    #expect(answer.isEnvelope(401), "\(route.method) \(path): \(answer.text)")
                    #expect(answer.headers["paypal-debug-id"].first?.isEmpty == false)
                }
            }
        }
    }

    @Test func `row 404 an unknown path has the envelope too`() async throws {
        try await withAPI { api in
            for (method, path) in [(HTTPMethod.GET, "/nothing"), (.PUT, "/merchant"), (.GET, "/orders")] {
                let answer = try await api.call(method, path)
                #expect(answer.isEnvelope(404), "\(path): \(answer.text)")
                #expect(answer.headers["paypal-debug-id"].first?.isEmpty == false)
            }
        }
    }

    @Test func `row 422 a body that is no JSON object`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for body in ["{", "[]", "7", #"{"a":1,"a":2}"#, "\u{0}"] {
                let answer = try await api.call(.POST, "/orders", body, bearer: merchant.bearer)
                #expect(answer.isEnvelope(422), "\(body): \(answer.text)")
            }
        }
    }

    @Test func `a body that is too large is 413`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let body = #"{"data": "\#(String(repeating: "x", count: 300_000))"}"#
            #expect(try await api.call(.POST, "/orders", body, bearer: merchant.bearer).isEnvelope(413))
        }
    }

    @Test func `row 503 has PayPal's debug id in the header and none of its words`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await api.fault(#"{"fault": "error", "call": "orders.create", "status": 500, "body": "html"}"#)
            let answer = try await api.createOrder(merchant)
            #expect(answer.isEnvelope(503))
            #expect(answer.text == #"{"error":"Upstream PayPal error","status":503}"#)
            #expect(answer.headers["paypal-debug-id"].first?.isEmpty == false)
        }
    }

    /// "PayPal error codes worth handling": each is 503, and none is told.
    @Test(arguments: [
        "INVALID_RESOURCE_ID", "INVALID_PARAMETER_VALUE", "INCOMPATIBLE_PARAMETER_VALUE", "MALFORMED_REQUEST_JSON",
        "ORDER_COMPLETE_ON_PAYMENT_APPROVAL", "PAYER_ACTION_REQUIRED", "UNPROCESSABLE_ENTITY",
    ])
    func `row of PayPal's error names is 503 and not told`(name: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let answer = try await api.call(
                .POST,
                "/orders",
                RunningAPI.order(),
                bearer: merchant.bearer,
                headers: ["PayPal-Mock-Response": #"{"mock_application_codes": "\#(name)"}"#]
            )
            #expect(answer.isEnvelope(503))
            #expect(!answer.text.contains(name))
        }
    }

    @Test func `no secret stands in the log`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            _ = try await api.paidOrder(merchant)
            for secret in [merchant.secret, merchant.bearer, merchant.webhookSecret, "buyer@example.com"] {
                #expect(!api.log.text.contains(secret))
            }
        }
    }
}

@Suite(.database(.gatehouse)) struct `The table of migration` {
    /// "Thrive (now)": what an integrator of the older service calls instead.
    static let rows: [(String, HTTPMethod, String)] = [
        ("Start onboarding", .POST, "/onboarding/start"), ("Complete onboarding", .POST, "/onboarding/complete"),
        ("Issue Bearer", .POST, "/auth/token"), ("Refresh PayPal client token", .POST, "/auth/client-token"),
        ("SDK client token", .POST, "/auth/sdk-token"), ("Get capabilities", .GET, "/merchant"),
        ("Get client credentials", .GET, "/merchant/credentials"), ("Update license", .PATCH, "/merchant"),
        ("Create order", .POST, "/orders"), ("Get order", .GET, "/orders/X1"),
        ("Capture order", .POST, "/orders/X1/capture"), ("Refund capture", .POST, "/captures/X1/refund"),
        ("Create subscription", .POST, "/subscriptions"), ("Activate", .POST, "/subscriptions/X1/activate"),
        ("Get subscription", .GET, "/subscriptions/X1"), ("Cancel subscription", .POST, "/subscriptions/X1/cancel"),
        ("Plugin-triggered test webhook", .POST, "/webhooks/test"), ("Disconnect", .DELETE, "/merchant"),
    ]

    @Test func `each row is a route`() async throws {
        try await withAPI { api in
            for (name, method, path) in Self.rows {
                let answer = try await api.call(method, path)
                #expect([401, 422].contains(answer.status), "\(name): \(answer.status)")
            }
        }
    }

    @Test(arguments: [
        "/oauth/partner-referral", "/oauth/credentials", "/customers/merchant-info", "/orders/create",
        "/subscriptions/processor/create",
    ])
    func `the paths of before are gone`(path: String) async throws {
        try await withAPI { api in
            let answer = try await api.call(.POST, path, "{}")
            #expect(answer.status == 404)
        }
    }
}
