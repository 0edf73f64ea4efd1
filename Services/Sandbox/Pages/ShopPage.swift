internal import Domain
internal import Foundation
package import Hummingbird
package import Web

/// The checkout: one product and what goes with it, a buyer, a button.
package struct ShopPage: Sendable {
    let shop: Shop
    let renderer: PageRenderer

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("/", use: show)
            .post("buy", use: buy)
            .post("leave", use: leave)
    }

    // MARK: GET /

    private struct Choice {
        var name: String
        var label: String
        var isFirst: Bool
    }

    private struct OfferView {
        var key: String
        var name: String
        var price: String
        var pitch: String

        init(_ offer: Offer) {
            key = offer.key.description
            name = offer.name
            price = offer.plans[0].label
            pitch = offer.pitch
        }
    }

    private struct Country {
        var code: String
        var name: String
        var isChosen: Bool
    }

    private static let countries = [
        ("US", "United States"), ("GB", "United Kingdom"), ("DE", "Germany"), ("ES", "Spain"), ("IN", "India"),
        ("AU", "Australia"), ("BR", "Brazil"),
    ]

    @Sendable func show(_ request: Request, _ context: WebContext) async throws -> Response {
        try await page(CheckoutForm(), problem: nil)
    }

    private func page(_ form: CheckoutForm, problem: String?) async throws -> Response {
        let catalogue = shop.ledger.catalogue
        guard let product = catalogue[.product] else { throw APIError(.notFound, "no_product", "Nothing is for sale.") }
        let count = await shop.postman.destinations.count
        var values: [String: Any] = [
            "product": OfferView(product),
            "plans": product.plans.enumerated().map { Choice(name: $1.name, label: $1.label, isFirst: $0 == 0) },
            "buyer": form,
            "isLive": form.mode != .test,
            "countries": Self.countries.map { Country(code: $0.0, name: $0.1, isChosen: $0.0 == form.country) },
            "destinations": count == 0
                ? "No webhook leaves: there is no destination yet."
                : "Webhooks go to "
                    + Wording.size(count, "destination") + ".",
        ]
        for kind in [ItemKey.Kind.bump, .upsell, .downsell] {
            values[kind.rawValue] = catalogue[kind].map(OfferView.init)
        }
        values["problem"] = problem
        return try await renderer.page("shop", at: .shop, status: problem == nil ? .ok : .unprocessableContent, values)
    }

    // MARK: POST /buy

    struct CheckoutForm: Decodable {
        var email = "sam@example.com"
        var firstName = "Sam"
        var lastName = "Sample"
        var country = "US"
        var mode = Mode.live
        var plan: String?
        var bump: ItemKey?
        var upsell: ItemKey?
        var downsell: ItemKey?

        func cart(of product: ItemKey?) -> Cart {
            Cart(
                email: email,
                firstName: firstName,
                lastName: lastName,
                country: country,
                mode: mode,
                items: [product, bump, upsell, downsell].compactMap(\.self),
                plan: plan
            )
        }
    }

    /// Buys, and goes to the order's page.
    @Sendable func buy(_ request: Request, _ context: WebContext) async throws -> Response {
        try await checkOut(request) { cart in
            let order = try await shop.buy(cart)
            await shop.postman.settle(within: .seconds(1))
            return .redirect(to: "/orders/\(order.id)", type: .normal)
        }
    }

    // MARK: POST /leave

    /// Abandons the cart, and goes to the deliveries.
    @Sendable func leave(_ request: Request, _ context: WebContext) async throws -> Response {
        try await checkOut(request) { cart in
            try await shop.abandon(cart)
            await shop.postman.settle(within: .seconds(1))
            return .redirect(to: "/deliveries?left=yes", type: .normal)
        }
    }

    private func checkOut(_ request: Request, _ body: (Cart) async throws -> Response) async throws -> Response {
        let form = try await request.form(CheckoutForm.self)
        guard EmailAddress(form.email) != nil else {
            return try await page(form, problem: "“\(form.email)” is not an e-mail address.")
        }
        do {
            return try await body(form.cart(of: shop.ledger.catalogue[.product]?.key))
        } catch let error as ShopError {
            return try await page(form, problem: APIError(error).message)
        }
    }
}
