import AsyncHTTPClient
import Domain
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Outbound
import PayPal
import ProductAPIRoutes
import Redis
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing
import Web

typealias JSON = SandboxJSON
typealias Answer = RunningPayPal.Answer

/// A shop, the Product API and a PayPal, all of them at real sockets.
struct RunningAPI: Sendable {
    let payPal: RunningPayPal
    let api: ProductAPI
    /// `http://127.0.0.1:…/api/paypal/v1`
    let address: String
    let log: CapturedLog

    var store: Store { api.store }

    static let site = "https://merchant.example"

    /// A secret as shops make them: 32 hex digits.
    static func secret() -> String {
        var random = SystemRandomNumberGenerator()
        return Digest.hex((0..<16).map { _ in UInt8.random(in: 0 ... .max, using: &random) })
    }

    func call(
        _ method: HTTPMethod,
        _ path: String,
        _ body: String? = nil,
        bearer: String? = nil,
        headers: HTTPHeaders = [:]
    ) async throws -> Answer {
        var headers = headers
        if let bearer { headers.add(name: "Authorization", value: "Bearer " + bearer) }
        return try await payPal.ask(method, address + path, body, headers: headers, timeout: .seconds(60))
    }

    // MARK: Merchants

    /// Makes an account at PayPal that was connected with the secret.
    func account(_ id: String, trackingID: String, more: String = "") async throws {
        let body = #"{"id": "\#(id)", "tracking_id": "\#(trackingID)"\#(more)}"#
        let answer = try await payPal.ask(.POST, "/_sandbox/merchants", body)
        try #require(answer.status == 201)
    }

    func complete(
        _ id: String,
        secret: String,
        site: String = RunningAPI.site,
        webhooksURL: String? = nil
    ) async throws -> Answer {
        let hook = webhooksURL.map { #", "webhooks_url": "\#($0)""# } ?? ""
        return try await call(
            .POST,
            "/onboarding/complete",
            #"{"secret": "\#(secret)", "referral_token": "", "merchant_id": "\#(id)", "site_url": "\#(site)"\#(hook)}"#
        )
    }

    func token(_ id: String, secret: String) async throws -> Answer {
        let pair = Data("\(id):\(secret)".utf8).base64EncodedString()
        return try await call(.POST, "/auth/token", headers: ["Authorization": "Basic \(pair)"])
    }

    struct Connected: Sendable {
        var id: String
        var secret: String
        var bearer: String
        var webhookSecret: String
    }

    func connect(_ id: String = "MERCHANTAAA22", webhooksURL: String? = nil) async throws -> Connected {
        let secret = Self.secret()
        try await account(id, trackingID: secret)
        let answer = try await complete(id, secret: secret, webhooksURL: webhooksURL)
        try #require(answer.status == 200, "\(answer.text)")
        let bearer = try await token(id, secret: secret).json["access_token"]?.text
        return Connected(
            id: id,
            secret: secret,
            bearer: try #require(bearer),
            webhookSecret: try #require(answer.json["webhook_secret"]?.text)
        )
    }

    // MARK: Orders

    static func order(_ value: String = "49.00", currency: String = "USD", more: String = "") -> String {
        #"""
        {"data": {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "\#(currency)", "value": "\#(value)"},
        "description": "A course", "custom_id": "local-42"}]\#(more)}}
        """#
    }

    static func subscription(_ source: String, trialDays: Int? = nil, more: String = "") -> String {
        let trial = trialDays.map { #", "trial_days": \#($0)"# } ?? ""
        return order(
            "9.99",
            more: #", "source": "\#(source)", "recurring_times": "1 month", "thrive_order_id": 42\#(trial)\#(more)"#
        )
    }

    func createOrder(_ merchant: Connected, _ body: String = order(), key: String? = nil) async throws -> Answer {
        let headers: HTTPHeaders = key.map { ["PayPal-Request-Id": $0] } ?? [:]
        return try await call(.POST, "/orders", body, bearer: merchant.bearer, headers: headers)
    }

    func approve(order id: String, _ body: String = #"{"email": "buyer@example.com"}"#) async throws {
        let answer = try await payPal.ask(.POST, "/_sandbox/orders/\(id)/approve", body)
        try #require(answer.status == 200, "\(answer.text)")
    }

    func approve(setupToken id: String, _ body: String = #"{"email": "buyer@example.com"}"#) async throws {
        let answer = try await payPal.ask(.POST, "/_sandbox/setup-tokens/\(id)/approve", body)
        try #require(answer.status == 200, "\(answer.text)")
    }

    /// An order that was paid; its id and its capture's.
    func paidOrder(_ merchant: Connected) async throws -> (order: String, capture: String) {
        let order = try await createOrder(merchant)
        try await approve(order: order.id)
        let paid = try await call(.POST, "/orders/\(order.id)/capture", bearer: merchant.bearer)
        try #require(paid.status == 200, "\(paid.text)")
        return (order.id, try #require(paid.captureID))
    }

    // MARK: PayPal

    func fault(_ json: String) async throws {
        let answer = try await payPal.ask(.POST, "/_sandbox/faults", json)
        try #require((200...299).contains(answer.status), "\(answer.text)")
    }

    /// What moved money at PayPal: `capture`, `refund`.
    func ledger(_ kind: String = "capture") async throws -> [JSON] {
        let answer = try await payPal.ask(.GET, "/_sandbox/ledger?kind=\(kind)")
        return answer.json["entries"]?.values ?? []
    }

    /// What PayPal was asked, by the call's name.
    func requests(_ call: String) async throws -> [JSON] {
        let answer = try await payPal.ask(.GET, "/_sandbox/requests?call=\(call)")
        return answer.json["requests"]?.values ?? []
    }
}

extension RunningPayPal.Answer {
    var captureID: String? { json["purchase_units"]?[0]?.at("payments")?["captures"]?[0]?["id"]?.text }
    var statusText: String? { json["status"]?.text }
    /// The text of a plain error.
    var error: String? { json["error"]?.text }
    /// Whether it is a plain error: `{"error": "…", "status": …}`.
    func isEnvelope(_ status: Int) -> Bool {
        self.status == status && error?.isEmpty == false && json["status"]?.integer == status
    }

    /// Whether it is `{"message": "…", "errors": {field: […]}}` with this field.
    func complains(of field: String) -> Bool {
        status == 422 && json["error"] == nil && json["message"]?.text?.isEmpty == false
            && json["errors"]?[field]?[0]?.text?.isEmpty == false
    }
}

/// Runs the Product API against a PayPal while `body` runs.
func withAPI<Result: Sendable>(
    settings: PayPalHabits = PayPalHabits(),
    limits: ProductAPI.Limits = .quick,
    proxies: TrustedProxies = .none,
    now: @escaping @Sendable () -> Date = { .now },
    _ body: @Sendable (RunningAPI) async throws -> Result
) async throws -> Result {
    let database = try #require(TestDatabase.current)
    let redis = try await TestRedis()
    let log = CapturedLog()
    let keys = try SealingKeys(parsing: SealingKeys.newEntry(id: "k1"))
    return try await withPayPal(settings: settings) { payPal in
        let client = PayPalClient(
            PayPal.PayPalSettings(
                environment: .sandbox,
                pretendedAt: payPal.address,
                clientID: RunningPayPal.clientID,
                clientSecret: RunningPayPal.clientSecret,
                partnerMerchantID: RunningPayPal.partner,
                attributionID: "Example_SP"
            ),
            logger: log.logger
        )
        let api = ProductAPI(
            store: database.store,
            payPal: client,
            redis: redis.client,
            sealer: Sealer(keys),
            rules: .development,
            limits: limits,
            logger: log.logger,
            now: now
        )
        return try await withServer(
            [api.routes],
            proxies: proxies,
            logger: log.logger,
            envelope: ProductAPI.envelope
        ) { port in
            let address = "http://127.0.0.1:\(port)" + ProductAPI.base
            return try await body(RunningAPI(payPal: payPal, api: api, address: address, log: log))
        }
    }
}

extension ProductAPI.Limits {
    /// Waits that a test does not mind, and no limit that a test meets by accident.
    static var quick: Self {
        var limits = Self()
        limits.integrationPause = .milliseconds(20)
        limits.tokenTries = 2
        limits.tokenPause = .milliseconds(20)
        limits.tokensPerMinute = 10_000
        limits.onboardingsPerMinute = 10_000
        return limits
    }
}

// MARK: Subscriptions

extension RunningAPI {
    func subscribe(_ merchant: Connected, _ body: String, key: String? = nil) async throws -> Answer {
        let headers: HTTPHeaders = key.map { ["PayPal-Request-Id": $0] } ?? [:]
        return try await call(.POST, "/subscriptions", body, bearer: merchant.bearer, headers: headers)
    }

    func activate(_ merchant: Connected, _ id: String) async throws -> Answer {
        try await call(.POST, "/subscriptions/\(id)/activate", bearer: merchant.bearer)
    }
}

extension RunningPayPal.Answer {
    func vault(_ source: String) -> String? {
        json["payment_source"]?[source]?["attributes"]?["vault"]?["id"]?.text
    }
}
