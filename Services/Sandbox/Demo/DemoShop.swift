internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1

/// A shop that uses the Product API as a plugin would: it connects, sells once and by subscription, and gives money back.
package actor DemoShop {
    /// `http://127.0.0.1:8081/api/paypal/v1`.
    let api: String
    private let inbox: HookInbox

    /// What the merchant's site keeps.
    private(set) var secret: String?
    private(set) var merchantID: String?
    private var bearer: String?
    private(set) var standing = Standing.apart
    private(set) var sales: [Sale] = []
    /// The latest calls, newest first.
    private(set) var calls: [Call] = []
    /// Where this shop's own pages are.
    private var home = ""

    enum Standing: String, Sendable {
        case apart = "not connected"
        case asked = "waiting for the merchant"
        case pending = "PayPal is still finishing"
        case connected
    }

    struct Sale: Sendable {
        var number: Int
        /// Of the order, or of the setup token.
        var id: String
        var amount: String
        var isSubscription: Bool
        var state: String
        var capture: String?
    }

    struct Call: Sendable {
        var line: String
        var status: Int
        var body: String
    }

    package init(api: String, inbox: HookInbox) {
        self.api = api
        self.inbox = inbox
    }

    // MARK: Connecting

    /// The address where the merchant agrees; nil where the Product API refused.
    func connect(home: String) async -> String? {
        self.home = home
        let made = UUID().uuidString.replacing("-", with: "").lowercased()
        let answer = await call(
            .POST,
            "/onboarding/start",
            .of(["secret": .string(made), "site_url": .string(home + "/demo")]),
            as: .nobody
        )
        guard let url = answer?["url"]?.text else { return nil }
        secret = made
        standing = .asked
        return url
    }

    /// The merchant is back.
    func complete(_ merchant: String? = nil) async {
        if let merchant { merchantID = merchant }
        guard let secret, let merchantID else { return }
        let body = SandboxJSON.of([
            "secret": .string(secret),
            "referral_token": "",
            "merchant_id": .string(merchantID),
            "site_url": .string(home + "/demo"),
            "webhooks_url": .string(home + "/hooks/demo"),
        ])
        let answer = await call(.POST, "/onboarding/complete", body, as: .nobody)
        if answer?["status"]?.text == "pending" {
            standing = .pending
        } else if let webhookSecret = answer?["webhook_secret"]?.text {
            await inbox.know(inbox.secrets.filter { $0.hasPrefix("whsec_") } + [webhookSecret])
            standing = .connected
            await renewBearer()
        }
    }

    private func renewBearer() async {
        guard let secret, let merchantID else { return }
        bearer = await call(.POST, "/auth/token", nil, as: .basic("\(merchantID):\(secret)"))?["access_token"]?.text
    }

    func disconnect() async {
        _ = await call(.DELETE, "/merchant", nil)
        bearer = nil
        standing = .apart
    }

    // MARK: Selling

    struct Wish: Sendable {
        var amount: String
        var currency: String
        var source: String
        /// Nil for "pay once".
        var every: String?
        var trialDays: Int
    }

    /// The address where the buyer agrees; nil where the Product API refused.
    func sell(_ wish: Wish) async -> String? {
        let number = sales.count + 1
        let back = home + "/demo/back/\(number)"
        var data = SandboxJSON.of([
            "intent": "CAPTURE",
            "purchase_units": .array([
                .of([
                    "amount": .of(["currency_code": .string(wish.currency), "value": .string(wish.amount)]),
                    "description": wish.every == nil ? "A harbour course" : "Harbour club",
                    "custom_id": .string("demo-\(number)"),
                ])
            ]),
            "application_context": .of(["return_url": .string(back), "cancel_url": .string(home + "/demo/checkout")]),
        ])
        if let every = wish.every {
            data.set("source", .string(wish.source))
            data.set("recurring_times", .string(every))
            data.set("thrive_order_id", .whole(number))
            if wish.trialDays > 0 { data.set("trial_days", .whole(wish.trialDays)) }
        } else if let country = Self.banks[wish.source] {
            let buyer = SandboxJSON.of([
                "country_code": .string(country), "name": "Jan Kowalski", "email": "buyer@example.com",
            ])
            data.set("payment_source", .object([.init(name: wish.source, value: buyer)]))
        }
        let path = wish.every == nil ? "/orders" : "/subscriptions"
        guard let answer = await call(.POST, path, .of(["data": data])), let id = answer["id"]?.text else { return nil }
        sales.append(
            Sale(
                number: number,
                id: id,
                amount: "\(wish.amount) \(wish.currency)",
                isSubscription: wish.every != nil,
                state: "waiting for the buyer"
            )
        )
        if sales.count > 200 { sales.removeFirst() }
        return answer["links", default: []].values
            .first { ["approve", "payer-action"].contains($0["rel"]?.text ?? "") }?["href"]?.text
    }

    static let banks = ["ideal": "NL", "bancontact": "BE", "eps": "AT", "blik": "PL", "p24": "PL"]

    /// The buyer is back: the money is taken.
    func finish(_ number: Int) async {
        guard let index = sales.firstIndex(where: { $0.number == number }) else { return }
        let sale = sales[index]
        let path = sale.isSubscription ? "/subscriptions/\(sale.id)/activate" : "/orders/\(sale.id)/capture"
        let answer = await call(.POST, path, nil)
        sales[index].state = answer?["status"]?.text ?? "not paid"
        let capture = answer?["purchase_units"]?[0]?.at("payments", "captures")?[0]?["id"]?.text
        if let capture { sales[index].capture = capture }
    }

    func refund(_ number: Int) async {
        guard let index = sales.firstIndex(where: { $0.number == number }), let capture = sales[index].capture else {
            return
        }
        let answer = await call(.POST, "/captures/\(capture)/refund", .of(["note_to_payer": "As you wished"]))
        if let status = answer?["status"]?.text { sales[index].state = "refund \(status)" }
    }

    func cancel(_ number: Int) async {
        guard let index = sales.firstIndex(where: { $0.number == number }) else { return }
        let answer = await call(.POST, "/subscriptions/\(sales[index].id)/cancel", nil)
        if answer?["ok"]?.flag == true { sales[index].state = "canceled" }
    }

    // MARK: Calling

    /// Calls that the harness offers besides, by their name on the page.
    static let offers: [(name: String, method: HTTPMethod, path: String, body: String?)] = [
        ("Merchant", .GET, "/merchant", nil),
        ("Credentials", .GET, "/merchant/credentials", nil),
        ("Client token", .POST, "/auth/client-token", nil),
        ("SDK token", .POST, "/auth/sdk-token", nil),
        ("List domains", .GET, "/merchant/domains", nil),
        ("Register shop.example.com", .POST, "/merchant/domains", #"{"domain":"shop.example.com"}"#),
        ("Remove shop.example.com", .DELETE, "/merchant/domains/shop.example.com", nil),
        ("Test webhook", .POST, "/webhooks/test", "{}"),
    ]

    func offer(_ name: String) async {
        guard let offer = Self.offers.first(where: { $0.name == name }) else { return }
        _ = await call(offer.method, offer.path, offer.body.flatMap { SandboxJSON.read($0) })
    }

    enum Caller: Sendable {
        case nobody, merchant
        case basic(String)
    }

    /// The answer's body; nil where it is a refusal. Both are kept to be looked at.
    @discardableResult
    private func call(_ method: HTTPMethod, _ path: String, _ body: SandboxJSON?, as caller: Caller = .merchant) async
        -> SandboxJSON?
    {
        var request = HTTPClientRequest(url: api + path)
        request.method = method
        request.headers = ["Accept": "application/json", "PayPal-Request-Id": UUID().uuidString]
        switch caller {
        case .nobody: break
        case .merchant: request.headers.add(name: "Authorization", value: "Bearer \(bearer ?? "")")
        case .basic(let words):
            let code = Data(words.utf8).base64EncodedString()
            request.headers.add(name: "Authorization", value: "Basic \(code)")
        }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
            let status = Int(response.status.code)
            note("\(method.rawValue) \(path)", status, text)
            return (200..<300).contains(status) ? SandboxJSON.read(text) : nil
        } catch {
            note("\(method.rawValue) \(path)", 0, "The Product API does not answer at \(api).")
            return nil
        }
    }

    private func note(_ line: String, _ status: Int, _ body: String) {
        calls.insert(Call(line: line, status: status, body: body), at: 0)
        if calls.count > 20 { calls.removeLast() }
    }
}
