internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Mustache
internal import Web

/// PayPal's own pages: where a buyer pays, leaves a way to pay, or a merchant connects.
///
/// They need no script. A test that has no browser posts the same form: `token=…&action=approve`.
extension PayPalRoutes {
    func addPages(to collection: RouteCollection<WebContext>) {
        for path in ["/checkoutnow", "/payment/:bank"] {
            collection.get(RouterPath(prefix + path), use: askBuyer)
            collection.post(RouterPath(prefix + path), use: hearBuyer)
        }
        collection.get(RouterPath(prefix + "/agreements/approve"), use: askForVault)
        collection.post(RouterPath(prefix + "/agreements/approve"), use: hearAboutVault)
        for path in ["/bizsignup/partner/entry", "/partnerexp/appEntry"] {
            collection.get(RouterPath(prefix + path), use: askMerchant)
            collection.post(RouterPath(prefix + path), use: hearMerchant)
        }
    }

    // MARK: Paying

    @Sendable private func askBuyer(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = request.fields["token"] ?? ""
        guard let order = sandbox.withBooks({ $0.orders[id] }) else { return try page(.gone, status: .notFound) }
        let store = sandbox.withBooks { $0.merchants[order.merchant]?.legalName } ?? "the partner"
        let vaults = if case .wanted? = order.source?.vaulting { true } else { false }
        let isOpen = order.status == .created || order.status == .payerActionRequired
        return try page(
            PayPalPage(
                token: id,
                title: vaults ? "Link and pay \(store)" : "Pay \(store)",
                sum: order.units.map { "\($0.amount.value) \($0.amount.currency)" }.joined(separator: " + "),
                facts: order.units.compactMap { $0.json["description"]?.text },
                problem: isOpen ? nil : "There is nothing to agree to: this order is \(order.status.rawValue).",
                fields: Self.fields(order.source?.kind),
                yes: vaults ? "Link and Review" : "Pay",
                no: "Cancel and return"
            )
        )
    }

    private static func fields(_ kind: PaymentSource.Kind?) -> [PayPalPage.Field] {
        guard kind == .card else { return kind?.isBank == true ? [] : [.email] }
        return [
            .init(label: "Card number", name: "number", value: "4111 1111 1111 1111"),
            .init(label: "Name on card", name: "name", value: "John Doe"),
            .init(label: "Expires", name: "expiry", value: "2031-12"),
        ]
    }

    @Sendable private func hearBuyer(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await answers(request)
        let card = Self.card(form)
        return try go(
            sandbox.withBooks { books in
                let id = form["token"] ?? ""
                return form["action"] == "cancel"
                    ? books.cancelOrder(id) : books.approveOrder(id, email: form["email"], card: card)
            }
        )
    }

    private static func card(_ form: [String: String]) -> (name: String?, number: String, expiry: String?)? {
        form["number"].flatMap { $0.isEmpty ? nil : (form["name"], $0, form["expiry"]) }
    }

    // MARK: Leaving a way to pay

    @Sendable private func askForVault(_ request: Request, _ context: WebContext) async throws -> Response {
        let query = request.fields
        let id = query["approval_session_id"] ?? query["token"] ?? ""
        guard let token = sandbox.withBooks({ $0.setupTokens[id] }) else { return try page(.gone, status: .notFound) }
        let store = sandbox.withBooks { $0.merchants[token.merchant]?.legalName } ?? "the partner"
        let isOpen = token.status == .payerActionRequired || token.status == .created
        return try page(
            PayPalPage(
                token: id,
                title: "Link a way to pay with \(store)",
                facts: ["Nothing is paid now. \(store) may charge you later."],
                problem: isOpen ? nil : "There is nothing to agree to: this token is \(token.status.rawValue).",
                fields: Self.fields(token.kind),
                yes: "Agree and continue",
                no: "Cancel and return"
            )
        )
    }

    @Sendable private func hearAboutVault(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await answers(request)
        let card = Self.card(form)
        return try go(
            sandbox.withBooks { books in
                let id = form["token"] ?? ""
                return form["action"] == "cancel"
                    ? books.cancelSetupToken(id) : books.approveSetupToken(id, email: form["email"], card: card)
            }
        )
    }

    // MARK: Connecting

    @Sendable private func askMerchant(_ request: Request, _ context: WebContext) async throws -> Response {
        let query = request.fields
        let id = query["referralToken"] ?? query["token"] ?? ""
        guard sandbox.withBooks({ $0.referrals[id] }) != nil else { return try page(.gone, status: .notFound) }
        return try page(
            PayPalPage(
                token: id,
                title: "Connect your business account",
                facts: ["The partner may take payments and give refunds for you, and see your account's status."],
                fields: [
                    .init(label: "Account id (empty for a new account)", name: "merchant_id", value: ""),
                    .init(label: "Country", name: "country", value: "US"),
                    .init(
                        label: "E-mail",
                        name: "email",
                        value: "",
                        type: "email",
                        placeholder: "merchant@example.com"
                    ),
                ],
                yes: "Agree and connect",
                no: "Not now"
            )
        )
    }

    @Sendable private func hearMerchant(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await answers(request)
        let own = base(request)
        return try go(
            sandbox.withBooks { books in
                if books.base.isEmpty { books.base = own }
                let id = form["token"] ?? ""
                return form["action"] == "cancel"
                    ? books.declineReferral(id)
                    : books.approveReferral(
                        id,
                        merchant: form["merchant_id"],
                        country: form["country"],
                        email: form["email"]
                    )
            }
        )
    }

    // MARK: Pages

    private func answers(_ request: Request) async throws -> [String: String] {
        PayPalForm.fields(String(decoding: try await request.bytes(limit: 64 << 10), as: UTF8.self))
    }

    private func go(_ address: String?) throws -> Response {
        guard let address else { return try page(.gone, status: .notFound) }
        return Response(status: .seeOther, headers: [.location: address])
    }

    private func page(_ page: PayPalPage, status: HTTPResponse.Status = .ok) throws -> Response {
        let template = try MustacheTemplate(string: String(decoding: PackageResources.paypal_mustache, as: UTF8.self))
        var response = Response.text(template.render(page), type: "text/html; charset=utf-8")
        response.status = status
        // Any form action, because the answer to a form sends the browser back to the shop.
        response.headers[.contentSecurityPolicy] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        return response
    }
}

/// What a page asks.
struct PayPalPage: Sendable {
    struct Field: Sendable {
        var label: String
        var name: String
        var value: String
        var type = "text"
        var placeholder: String?

        static let email = Field(label: "E-mail", name: "email", value: Buyer.usual.email, type: "email")
    }

    var style = String(decoding: PackageResources.style_css, as: UTF8.self)
    var token = ""
    var title: String
    var sum: String?
    var facts: [String] = []
    var problem: String?
    var fields: [Field] = []
    var yes = ""
    var no = ""

    static let gone = PayPalPage(title: "Not here", problem: "This link is not known, was used, or is too old.")
}
