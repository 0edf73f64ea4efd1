import AsyncHTTPClient
import FaultKit
import Foundation
import NIOCore
import NIOHTTP1
import Postgres
import Store
import TestKit

/// A Product API and a pretended PayPal, each a process, on durable servers; and one shop that is connected.
final class ProductAPIGround: Sendable {
    let productAPI: ServerProcess
    /// Where PayPal is.
    let payPal: String
    private let base: String
    private let bearer: String
    private let payPalToken: String
    private let sandbox: ServerProcess
    private let postgres: PostgresServer
    private let redis: RedisServer
    private let http: HTTPClient

    private static let merchant = "BENCHMERCHNT2"

    init() async throws {
        try await Programs.build(["product-api", "sandbox"])
        postgres = try await PostgresServer(.init(isDurable: true))
        redis = try await RedisServer(.init(isDurable: true, more: ["--maxmemory-policy", "noeviction"]))
        let pool = try postgres.pool()
        try await Schema.migrations.apply(to: pool)
        await pool.close()
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)

        let (api, pages, payPalPort) = (try freePort(), try freePort(), try freePort())
        let directory = try TestDirectory.make("product-api")
        payPal = "http://127.0.0.1:\(payPalPort)"
        base = "http://127.0.0.1:\(api)/api/paypal/v1"
        let word = directory + "/word"
        try "BENCHWORD".write(toFile: word, atomically: true, encoding: .utf8)
        let settings = [
            "DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "LOG_LEVEL": "info", "HOST": "127.0.0.1",
            "APP_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "PRODUCT_API_PORT": "\(api)",
            "SANDBOX_PORT": "\(pages)", "SANDBOX_PAYPAL_PORT": "\(payPalPort)", "SANDBOX_THRIVECART_ACCOUNT": "bench",
            "SANDBOX_THRIVECART_SECRET_FILE": word, "PAYPAL_ENV": "sandbox", "PAYPAL_BASE_URL": payPal,
            "PAYPAL_CLIENT_ID": "sandbox-partner", "PAYPAL_CLIENT_SECRET": "sandbox-partner-secret",
            "PAYPAL_PARTNER_MERCHANT_ID": "SANDBXPARTNR2",
        ]
        func launch(_ name: String) throws -> ServerProcess {
            try ServerProcess(
                .init(builtProgram(name), [], environment: settings, log: "\(directory)/\(name).log")
            )
        }
        sandbox = try launch("sandbox")
        productAPI = try launch("product-api")
        let http = http
        for port in [payPalPort, api] {
            try await eventually {
                try await Self.ask(http, .GET, "http://127.0.0.1:\(port)/readyz").isEmpty == false
            }
        }
        (bearer, payPalToken) = try await Self.connect(http, payPal, base)
    }

    private static func connect(_ http: HTTPClient, _ payPal: String, _ base: String) async throws -> (String, String) {
        let secret = (0..<32).map { _ in String("0123456789abcdef".randomElement() ?? "0") }.joined()
        let account = #"{"id": "\#(merchant)", "tracking_id": "\#(secret)"}"#
        _ = try await ask(http, .POST, payPal + "/_sandbox/merchants", account)
        let complete = #"""
            {"secret": "\#(secret)", "referral_token": "", "merchant_id": "\#(merchant)", "site_url": "https://shop.example"}
            """#
        _ = try await ask(http, .POST, base + "/onboarding/complete", complete)
        struct Token: Decodable { var access_token: String }
        func token(_ url: String, _ pair: String, _ body: String?) async throws -> String {
            let code = Data(pair.utf8).base64EncodedString()
            let answer = try await ask(http, .POST, url, body, ["Authorization": "Basic \(code)"])
            return try JSONDecoder().decode(Token.self, from: answer).access_token
        }
        return (
            try await token(base + "/auth/token", "\(merchant):\(secret)", nil),
            try await token(
                payPal + "/v1/oauth2/token",
                "sandbox-partner:sandbox-partner-secret",
                "grant_type=client_credentials"
            )
        )
    }

    // MARK: The shop

    private static let order = #"""
        {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "USD", "value": "49.00"},
        "payee": {"merchant_id": "BENCHMERCHNT2"}, "description": "A course", "custom_id": "local-42"}],
        "application_context": {"return_url": "https://shop.example/back", "cancel_url": "https://shop.example/no"}}
        """#

    /// By the Product API.
    var api: OpenLoop.Shop {
        shop(base + "/orders", #"{"data": \#(Self.order)}"#, ["Authorization": "Bearer \(bearer)"])
    }

    /// The same calls, with the headers that the Product API adds.
    var straight: OpenLoop.Shop {
        let claims = Data(#"{"iss":"sandbox-partner","payer_id":"\#(Self.merchant)"}"#.utf8).base64EncodedString()
        return shop(
            payPal + "/v2/checkout/orders",
            Self.order,
            [
                "Authorization": "Bearer \(payPalToken)", "PayPal-Auth-Assertion": "eyJhbGciOiJub25lIn0=.\(claims).",
                "Prefer": "return=representation",
            ]
        )
    }

    private func shop(_ orders: String, _ body: String, _ headers: [String: String]) -> OpenLoop.Shop {
        struct Order: Decodable {
            var id: String
            var status: String
        }
        return OpenLoop.Shop(
            create: { id in
                let answer = try await self.ask(.POST, orders, body, headers.merging(["PayPal-Request-Id": id]) { $1 })
                return try JSONDecoder().decode(Order.self, from: answer).id
            },
            approve: { order in
                let buyer = #"{"email": "buyer@example.com"}"#
                _ = try await self.ask(.POST, self.payPal + "/_sandbox/orders/\(order)/approve", buyer)
            },
            capture: { order, id in
                let answer = try await self.ask(
                    .POST,
                    orders + "/\(order)/capture",
                    "{}",
                    headers.merging(["PayPal-Request-Id": id]) { $1 }
                )
                let captured = try JSONDecoder().decode(Order.self, from: answer)
                guard captured.status == "COMPLETED" else { throw Unreadable(text: captured.status) }
            }
        )
    }

    // MARK: Asking

    func ask(_ method: HTTPMethod, _ url: String, _ body: String? = nil, _ headers: [String: String] = [:]) async throws
        -> Data
    {
        try await Self.ask(http, method, url, body, headers)
    }

    private static func ask(
        _ http: HTTPClient,
        _ method: HTTPMethod,
        _ url: String,
        _ body: String? = nil,
        _ headers: [String: String] = [:]
    ) async throws -> Data {
        var request = HTTPClientRequest(url: url)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            let isJSON = body.hasPrefix("{")
            let type = isJSON ? "application/json" : "application/x-www-form-urlencoded"
            request.headers.add(name: "Content-Type", value: type)
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await http.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 32 << 20)
        guard (200...299).contains(response.status.code) else {
            throw Unreadable(text: "\(method) \(url): \(response.status.code) \(String(buffer: bytes).prefix(300))")
        }
        return Data(bytes.readableBytesView)
    }

    // MARK: The end

    func stop() async throws {
        await productAPI.stop(within: .seconds(20))
        await sandbox.stop(within: .seconds(20))
        await redis.stop()
        await postgres.stop()
        try await http.shutdown()
    }
}
