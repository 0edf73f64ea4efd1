internal import Domain
internal import Foundation
package import Hummingbird
package import Web

/// Orders by JSON: buy, look, and let something happen to them.
package struct OrderRoutes: Sendable {
    let shop: Shop

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("api/orders", use: buy)
            .get("api/orders", use: list)
            .get("api/orders/:id", use: show)
            .post("api/orders/:id/:change", use: change)
            .post("api/carts/abandon", use: abandon)
            .post("api/reset", use: reset)
    }

    // MARK: POST /api/orders

    struct CartBody: Decodable {
        var email: String
        var firstName: String?
        var lastName: String?
        var country: String?
        /// `live` where it is left out.
        var mode: Mode?
        /// `["product-7","bump-7"]`; the product alone where it is left out.
        var items: [ItemKey]?
        /// `monthly`, `trial`, `yearly`, `split`, `once` or `free`.
        var plan: String?

        var cart: Cart {
            get throws {
                guard EmailAddress(email) != nil else {
                    throw APIError(.unprocessableContent, "bad_email", "That is not an e-mail address.")
                }
                var cart = Cart(email: email, mode: mode ?? .live, items: items ?? [], plan: plan)
                if let firstName { cart.firstName = firstName }
                if let lastName { cart.lastName = lastName }
                if let country { cart.country = country }
                return cart
            }
        }
    }

    /// Buys; the webhooks are on their way when it answers 201.
    ///
    /// Errors: 422 `bad_email`, 404 `item_not_found`, 404 `plan_not_found`.
    @Sendable func buy(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.decode(as: CartBody.self, context: context)
        let order = try await answering { try await shop.buy(body.cart) }
        return .json(OrderAnswer(order), status: .created)
    }

    // MARK: GET /api/orders

    struct Orders: ResponseEncodable {
        /// Newest first.
        var orders: [OrderAnswer]
    }

    @Sendable func list(_ request: Request, _ context: WebContext) async throws -> Response {
        .json(Orders(orders: await shop.ledger.orders.reversed().map(OrderAnswer.init)))
    }

    // MARK: GET /api/orders/{id}

    /// Errors: 404 `order_not_found`.
    @Sendable func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = try context.parameters.require("id")
        return .json(OrderAnswer(try await answering { try await shop.ledger.order(id) }))
    }

    // MARK: POST /api/orders/{id}/renew, decline, refund, cancel, pause, resume

    struct ChangeBody: Decodable {
        /// `product-7`; may be left out where the order has only one that fits.
        var item: ItemKey?
        /// Of a refund, hundredths; all that is left where it is left out.
        var amount: Int64?
    }

    /// Answers with the order as it then is. The body may be empty.
    ///
    /// Errors: 404 `order_not_found`, 404 `item_not_found`, 404 `change_not_found`, 409 `not_a_subscription`,
    /// 409 `not_possible`, 422 `item_missing`.
    @Sendable func change(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = try context.parameters.require("id")
        let bytes = try await request.bytes(limit: 64 << 10)
        let body = bytes.isEmpty ? ChangeBody() : try JSONDecoder().decode(ChangeBody.self, from: Data(bytes))
        guard let change = Shop.Change(named: try context.parameters.require("change"), amount: body.amount) else {
            throw APIError(.notFound, "change_not_found", "One of renew, decline, refund, cancel, pause, resume.")
        }
        return .json(OrderAnswer(try await answering { try await shop.change(id, body.item, change) }))
    }

    // MARK: POST /api/carts/abandon

    /// Leaves the checkout before the button; 202. Takes what buying takes.
    @Sendable func abandon(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.decode(as: CartBody.self, context: context)
        try await answering { try await shop.abandon(body.cart) }
        return Response(status: .accepted)
    }

    // MARK: POST /api/reset

    /// Forgets orders and deliveries; 204.
    @Sendable func reset(_ request: Request, _ context: WebContext) async throws -> Response {
        await shop.reset()
        return Response(status: .noContent)
    }
}

extension Shop.Change {
    /// By the last word of the path.
    init?(named name: String, amount: Int64?) {
        switch name {
        case "renew": self = .renew
        case "decline": self = .decline
        case "refund": self = .refund(amount)
        case "cancel": self = .cancel
        case "pause": self = .pause
        case "resume": self = .resume
        default: return nil
        }
    }
}
