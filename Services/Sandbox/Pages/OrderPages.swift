internal import Domain
internal import Foundation
package import Hummingbird
package import Web

/// Orders as pages, with a button for everything that can happen to one.
package struct OrderPages: Sendable {
    let shop: Shop
    let renderer: PageRenderer

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("orders", use: list)
            .get("orders/:id", use: show)
            .post("orders/:id/:change", use: change)
    }

    // MARK: GET /orders

    private struct OrderLine {
        var id: String
        var isTest: Bool
        var name: String
        var email: String
        var placed: String
        var invoice: String
        var paid: String
        var items: [ItemView]

        init(_ order: ShopOrder) {
            id = order.id
            isTest = order.mode == .test
            name = order.buyer.firstName + " " + order.buyer.lastName
            email = order.buyer.email
            placed = Wording.time(order.placedAt)
            invoice = order.invoice
            paid = Wording.money(order.items.reduce(0) { $0 + $1.paid - $1.refunded }, order.currency)
            items = order.items.map { ItemView($0, of: order) }
        }
    }

    @Sendable func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let orders = await shop.ledger.orders.reversed().map(OrderLine.init)
        return try await renderer.page("orders", at: .orders, ["orders": orders, "hasOrders": !orders.isEmpty])
    }

    // MARK: GET /orders/{id}

    private struct ItemView {
        struct Action {
            var order: String
            var key: String
            var verb: String
            var label: String
            var isQuiet: Bool
        }

        var order: String
        var key: String
        var name: String
        var plan: String
        var paid: String
        var refunded: String?
        /// Bare, as the field of the form takes it; nil where nothing is left.
        var refundable: String?
        var state: String?
        var tone: String
        var due: String?
        var actions: [Action]

        init(_ item: OrderedItem, of order: ShopOrder) {
            self.order = order.id
            key = item.key.description
            name = item.name
            plan = item.plan.label
            paid = Wording.money(item.paid, order.currency)
            refunded = item.refunded > 0 ? Wording.money(item.refunded, order.currency) : nil
            refundable = item.refundable > 0 ? Wording.plain(item.refundable) : nil
            state = item.subscription?.state.word
            tone = item.subscription?.state.tone ?? ""
            due = item.subscription.flatMap(Self.due)
            actions = Self.verbs(of: item.subscription).enumerated().map { index, verb in
                Action(order: order.id, key: item.key.description, verb: verb.0, label: verb.1, isQuiet: index > 0)
            }
        }

        private static func due(_ subscription: ShopSubscription) -> String? {
            let day = Wording.time(subscription.nextDue)
            return switch subscription.state {
            case .completed: nil
            case .canceled, .paused: "paid until \(day)"
            case .trialing, .active, .pastDue:
                "due \(day)" + (subscription.remaining.map { ", \(Wording.size($0, "payment")) to come" } ?? "")
            }
        }

        private static func verbs(of subscription: ShopSubscription?) -> [(String, String)] {
            switch subscription?.state {
            case nil, .canceled, .completed: []
            case .paused: [("resume", "Resume"), ("cancel", "Cancel")]
            case .trialing, .active, .pastDue:
                [("renew", "Renew"), ("decline", "Fail payment"), ("pause", "Pause"), ("cancel", "Cancel")]
            }
        }
    }

    @Sendable func show(_ request: Request, _ context: WebContext) async throws -> Response {
        try await page(try context.parameters.require("id"), problem: nil)
    }

    private func page(_ id: String, problem: String?) async throws -> Response {
        let order = OrderLine(try await answering { try await shop.ledger.order(id) })
        let deliveries = await shop.postman.deliveries.filter { $0.order == id }
        var values: [String: Any] = [
            "order": order,
            "items": order.items,
            "deliveries": deliveries.map(DeliveryLine.init),
            "hasDeliveries": !deliveries.isEmpty,
            "isWaiting": deliveries.contains { $0.state == .waiting },
        ]
        values["problem"] = problem
        return try await renderer.page("order", at: .orders, status: problem == nil ? .ok : .conflict, values)
    }

    // MARK: POST /orders/{id}/renew, decline, refund, cancel, pause, resume

    struct ChangeForm: Decodable {
        var item: ItemKey?
        /// Of a refund: `12.50`.
        var amount: String?
    }

    /// Makes it happen, and goes back to the order's page.
    @Sendable func change(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = try context.parameters.require("id")
        let form = try await request.form(ChangeForm.self)
        let amount = form.amount.flatMap(Wording.hundredths)
        guard (form.amount == nil) == (amount == nil) else {
            return try await page(id, problem: "An amount looks like 12.50.")
        }
        guard let change = Shop.Change(named: try context.parameters.require("change"), amount: amount) else {
            throw APIError(.notFound, "change_not_found", "That can't happen to an order.")
        }
        do {
            _ = try await shop.change(id, form.item, change)
        } catch let error as ShopError where error != .unknownOrder {
            return try await page(id, problem: APIError(error).message)
        }
        await shop.postman.settle(within: .seconds(1))
        return .redirect(to: "/orders/\(id)", type: .normal)
    }
}
