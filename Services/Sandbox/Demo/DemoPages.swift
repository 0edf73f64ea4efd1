internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Web

/// A checkout and a test harness in front of the Product API: everything that a plugin does, by clicks.
struct DemoPages: Sendable {
    let demo: DemoShop
    let renderer: PageRenderer

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("demo", use: harness)
            .post("demo/connect", use: connect)
            .post("demo/complete", use: complete)
            .post("demo/disconnect", use: disconnect)
            .post("demo/call", use: call)
            .get("demo/checkout", use: checkout)
            .post("demo/checkout", use: sell)
            .get("demo/back/:number", use: back)
            .post("demo/sales/:number/:verb", use: change)
    }

    // MARK: GET /demo

    private struct CallView {
        var line: String
        var status: String
        var tone: String
        var body: String
    }

    private struct SaleView {
        var number: Int
        var id: String
        var amount: String
        var kind: String
        var state: String
        var canRefund: Bool
        var canCancel: Bool
    }

    /// PayPal sends the merchant back to the site's own address, so this page takes them in.
    @Sendable private func harness(_ request: Request, _ context: WebContext) async throws -> Response {
        let query = request.fields
        if let merchant = query["merchantIdInPayPal"], query["permissionsGranted"] == "true" {
            await demo.complete(merchant)
            return .redirect(to: "/demo", type: .normal)
        }
        let standing = await demo.standing
        return try await page(
            "demo",
            [
                "api": demo.api,
                "standing": standing.rawValue,
                "tone": standing == .connected ? "good" : standing == .apart ? "" : "warn",
                "merchant": await demo.merchantID ?? "",
                "hasMerchant": await demo.merchantID != nil,
                "isConnected": standing == .connected,
                "isPending": standing == .pending,
                "declined": query["permissionsGranted"] == "false",
                "offers": DemoShop.offers.map(\.name),
                "sales": await sales(),
                "calls": await demo.calls.map { call in
                    CallView(
                        line: call.line,
                        status: call.status == 0 ? "no answer" : String(call.status),
                        tone: (200..<300).contains(call.status) ? "good" : "bad",
                        body: Self.readable(call.body)
                    )
                },
            ]
        )
    }

    private func sales() async -> [SaleView] {
        await demo.sales.reversed().map { sale in
            SaleView(
                number: sale.number,
                id: sale.id,
                amount: sale.amount,
                kind: sale.isSubscription ? "subscription" : "once",
                state: sale.state,
                canRefund: sale.capture != nil && !sale.state.hasPrefix("refund"),
                canCancel: sale.isSubscription && sale.state != "canceled"
            )
        }
    }

    private static func readable(_ text: String) -> String {
        // Because anything else is shown raw.
        guard let value = try? JSONSerialization.jsonObject(with: Data(text.utf8)),
            let data = try? JSONSerialization.data(
                withJSONObject: value,
                options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            )
        else { return text }
        return String(decoding: data, as: UTF8.self)
    }

    // MARK: What the harness does

    @Sendable private func connect(_ request: Request, _ context: WebContext) async throws -> Response {
        try request.comesFromOurPages()
        let home = "http://\(request.head.authority ?? "127.0.0.1")"
        return .redirect(to: await demo.connect(home: home) ?? "/demo", type: .normal)
    }

    @Sendable private func complete(_ request: Request, _ context: WebContext) async throws -> Response {
        try request.comesFromOurPages()
        await demo.complete()
        return .redirect(to: "/demo", type: .normal)
    }

    @Sendable private func disconnect(_ request: Request, _ context: WebContext) async throws -> Response {
        try request.comesFromOurPages()
        await demo.disconnect()
        return .redirect(to: "/demo", type: .normal)
    }

    @Sendable private func call(_ request: Request, _ context: WebContext) async throws -> Response {
        struct Fields: Decodable { var name: String }
        await demo.offer(try await request.form(Fields.self).name)
        return .redirect(to: "/demo", type: .normal)
    }

    @Sendable private func change(_ request: Request, _ context: WebContext) async throws -> Response {
        try request.comesFromOurPages()
        let number = context.parameters.get("number").flatMap { Int($0) } ?? 0
        switch context.parameters.get("verb") {
        case "refund": await demo.refund(number)
        case "cancel": await demo.cancel(number)
        default: throw APIError(.notFound, "no_such_verb", "There is no such button.")
        }
        return .redirect(to: "/demo", type: .normal)
    }

    // MARK: The checkout

    @Sendable private func checkout(_ request: Request, _ context: WebContext) async throws -> Response {
        let wasRefused = request.fields["problem"] == "refused"
        return try await page(
            "checkout",
            [
                "isConnected": await demo.standing == .connected,
                "wasRefused": wasRefused,
                "banks": DemoShop.banks.keys.sorted(),
            ]
        )
    }

    @Sendable private func sell(_ request: Request, _ context: WebContext) async throws -> Response {
        struct Fields: Decodable {
            var amount: String
            var currency: String
            var source: String
            var every: String?
            var trial: String?
        }
        let fields = try await request.form(Fields.self)
        let wish = DemoShop.Wish(
            amount: fields.amount,
            currency: fields.currency,
            source: fields.source,
            every: fields.every.flatMap { $0.isEmpty ? nil : $0 },
            trialDays: fields.trial.flatMap { Int($0) } ?? 0
        )
        return .redirect(to: await demo.sell(wish) ?? "/demo/checkout?problem=refused", type: .normal)
    }

    @Sendable private func back(_ request: Request, _ context: WebContext) async throws -> Response {
        await demo.finish(context.parameters.get("number").flatMap { Int($0) } ?? 0)
        return .redirect(to: "/demo", type: .normal)
    }

    private func page(_ template: String, _ values: [String: Any]) async throws -> Response {
        var response = try await renderer.page(template, at: .demo, values)
        // Because the answer to these forms sends the browser on to PayPal.
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
        return response
    }
}

extension Request {
    /// Errors: 403 `not_our_page` when a page of another site sends it.
    fileprivate func comesFromOurPages() throws(APIError) {
        guard headers[HTTPField.Name("Sec-Fetch-Site")!] != "cross-site" else {
            throw APIError(.forbidden, "not_our_page", "This form is on another site's page.")
        }
    }
}
