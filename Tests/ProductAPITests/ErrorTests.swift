import Domain
import Foundation
import NIOHTTP1
import Postgres
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

    @Test func `row 200 success has a body to process`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for path in ["/merchant", "/merchant/credentials", "/merchant/domains"] {
                let answer = try await api.call(.GET, path, bearer: merchant.bearer)
                #expect(answer.status == 200 && !answer.fields.isEmpty, "\(path)")
                #expect(answer.headers["content-type"].first?.hasPrefix("application/json") == true)
                #expect(answer.headers["paypal-debug-id"].first?.isEmpty == false)
            }
        }
    }

    @Test func `row 201 what was created has an id to persist`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let domain = #"{"domain": "shop.example.com"}"#
            let order = try await api.createOrder(merchant)
            let subscription = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            for answer in [order, subscription] { #expect(answer.status == 201 && !answer.id.isEmpty) }
            #expect(try await api.call(.POST, "/merchant/domains", domain, bearer: merchant.bearer).status == 201)
        }
    }

    @Test func `row 404 an order, a subscription, a domain that is not there`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for (method, path) in [
                (HTTPMethod.GET, "/orders/63U60712PF952305N"), (.POST, "/orders/63U60712PF952305N/capture"),
                (.GET, "/subscriptions/8AB12345CD678901E"), (.POST, "/subscriptions/8AB12345CD678901E/activate"),
                (.POST, "/subscriptions/8AB12345CD678901E/cancel"), (.DELETE, "/merchant/domains/shop.example.com"),
            ] {
                #expect(try await api.call(method, path, bearer: merchant.bearer).isEnvelope(404), "\(path)")
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

    @Test func `row 422 the fields that are missing or bad are named`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let answer = try await api.createOrder(merchant, "{}")
            #expect(answer.complains(of: "data"))
            #expect(answer.fields == ["message", "errors"])
            let start = try await api.call(.POST, "/onboarding/start", "{}")
            #expect(start.complains(of: "secret") && start.complains(of: "site_url"))
        }
    }

    @Test func `row 422 a rule that is broken is said in the list of errors`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let bank = #", "payment_source": {"ideal": {"country_code": "NL", "name": "Jan Kowalski"}}"#
            let answer = try await api.subscribe(merchant, RunningAPI.subscription("paypal", more: bank))
            #expect(answer.isEnvelope(422))
            #expect(answer.fields == ["error", "status", "errors"])
            #expect(answer.json["errors"]?[0]?.text?.contains("iDEAL") == true)
        }
    }

    @Test func `row 500 an error of ours says nothing of itself`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await #require(TestDatabase.current).pool.query("DROP TABLE paypal_orders CASCADE")
            let answer = try await api.call(.GET, "/orders/63U60712PF952305N", bearer: merchant.bearer)
            #expect(answer.status == 500)
            #expect(answer.text == #"{"error":"Internal error","status":500}"#)
            #expect(answer.headers["paypal-debug-id"].first?.isEmpty == false)
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

    @Test func `row 503 PayPal's call timed out`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await api.fault(#"{"fault": "reset_before", "call": "orders.create"}"#)
            #expect(try await api.createOrder(merchant).text == #"{"error":"Upstream PayPal error","status":503}"#)
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
