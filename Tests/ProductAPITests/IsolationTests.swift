import Domain
import Foundation
import NIOHTTP1
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `One merchant and another` {
    /// Every route with an id in it, asked by another merchant.
    static let routes: [(HTTPMethod, String)] = [
        (.GET, "/orders/{order}"), (.POST, "/orders/{order}/capture"), (.GET, "/orders/{open}"),
        (.POST, "/orders/{open}/capture"), (.POST, "/captures/{capture}/refund"),
        (.GET, "/subscriptions/{subscription}"), (.POST, "/subscriptions/{subscription}/activate"),
        (.POST, "/subscriptions/{subscription}/cancel"), (.DELETE, "/merchant/domains/{domain}"),
    ]

    @Test func `nothing of one is seen or moved by the other, on any route`() async throws {
        try await withAPI { api in
            let (mine, other) = (try await api.connect(), try await api.connect("MERCHANTBBB22"))
            let (order, capture) = try await api.paidOrder(mine)
            let open = try await api.createOrder(mine)
            try await api.approve(order: open.id)
            let subscription = try await api.subscribe(mine, RunningAPI.subscription("paypal", trialDays: 3))
            try await api.approve(setupToken: subscription.id)
            _ = try await api.activate(mine, subscription.id)
            let domain = #"{"domain": "mine.example.com"}"#
            _ = try await api.call(.POST, "/merchant/domains", domain, bearer: mine.bearer)
            let before = try await Self.books(api)

            for (method, path) in Self.routes {
                let path = path.replacing("{order}", with: order).replacing("{open}", with: open.id)
                    .replacing("{capture}", with: capture).replacing("{subscription}", with: subscription.id)
                    .replacing("{domain}", with: "mine.example.com")
                let foreign = try await api.call(method, path, bearer: other.bearer)
                #expect([404, 422].contains(foreign.status), "\(method) \(path): \(foreign.text)")
                for secret in [mine.secret, mine.webhookSecret, mine.id, "buyer@example.com"] {
                    #expect(!foreign.text.contains(secret))
                }
                let nobody = try await api.call(method, path)
                #expect(nobody.isEnvelope(401), "\(method) \(path)")
                let forged = try await api.call(method, path, bearer: RunningAPI.secret() + RunningAPI.secret())
                #expect(forged.isEnvelope(401), "\(method) \(path)")
            }
            #expect(try await Self.books(api) == before)
            #expect(try await api.kept(subscription.id)?.status == .trialing)
            let domains = try await api.call(.GET, "/merchant/domains", bearer: mine.bearer)
            #expect(domains.json["total_items"]?.integer == 1)
            let others = try await api.call(.GET, "/merchant/domains", bearer: other.bearer)
            #expect(others.json["total_items"]?.integer == 0)
        }
    }

    private static func books(_ api: RunningAPI) async throws -> [Int] {
        [try await api.ledger("capture").count, try await api.ledger("refund").count]
    }

    @Test func `the matrix has every route with an id`() async throws {
        try await withAPI { api in
            let asked = Set(Self.routes.map { Self.shape("\($0.0.rawValue) \($0.1)") })
            let all = Set(
                api.routeList.filter { $0.path.contains("{") }.map { Self.shape("\($0.method) \($0.path)") }
            )
            #expect(all.count >= 7)
            #expect(all.subtracting(asked).isEmpty)
        }
    }

    private static func shape(_ route: String) -> String {
        route.replacing(/\{[^}]*\}/, with: "{}")
    }

    @Test func `two sites of one account can't see each other's orders either`() async throws {
        try await withAPI { api in
            let one = try await api.connect()
            let (order, capture) = try await api.paidOrder(one)
            let secret = RunningAPI.secret()
            try await api.account(one.id, trackingID: secret)
            #expect(try await api.complete(one.id, secret: secret, site: "https://two.example").status == 200)
            let bearer = try await api.token(one.id, secret: secret).json["access_token"]?.text
            #expect(try await api.call(.GET, "/orders/\(order)", bearer: bearer).isEnvelope(404))
            let refund = try await api.call(.POST, "/captures/\(capture)/refund", bearer: bearer)
            #expect(refund.json.at("error", "code")?.text == "capture_not_found")
        }
    }
}
