internal import Domain
internal import Foundation
internal import Hummingbird
internal import Web

// The shapes that the JSON API answers with. Amounts are hundredths, times ISO 8601 in UTC.

struct OrderAnswer: ResponseEncodable {
    struct Item: Encodable {
        var item: ItemKey
        var name: String
        var plan: String
        var paid: Int64
        var refunded: Int64
        var subscription: Subscription?
    }

    struct Subscription: Encodable {
        var number: String
        var state: ShopSubscription.State
        var nextDue: Date
        var rebills: Int
        /// Left out where the subscription has no end.
        var remaining: Int?
        var declines: Int
    }

    var id: String
    var invoice: String
    var email: String
    var mode: Mode
    var currency: String
    var placedAt: Date
    var newestEvent: Date
    var total: Int64
    var items: [Item]

    init(_ order: ShopOrder) {
        id = order.id
        invoice = order.invoice
        email = order.buyer.email
        mode = order.mode
        currency = order.currency
        placedAt = order.placedAt
        newestEvent = order.newestEvent
        total = order.total
        items = order.items.map { item in
            Item(
                item: item.key,
                name: item.name,
                plan: item.plan.name,
                paid: item.paid,
                refunded: item.refunded,
                subscription: item.subscription.map {
                    Subscription(
                        number: $0.number,
                        state: $0.state,
                        nextDue: $0.nextDue,
                        rebills: $0.rebills,
                        remaining: $0.remaining,
                        declines: $0.declines
                    )
                }
            )
        }
    }
}

struct DeliveryAnswer: ResponseEncodable {
    var id: Int
    var order: String?
    var event: String
    var destination: Destination
    var webhookID: String
    var state: Delivery.State
    var madeAt: Date
    /// Of the latest attempt; left out where no answer came.
    var status: Int?
    var answer: String?
    var attempts: [DeliveryAttempt]

    init(_ delivery: Delivery) {
        id = delivery.id
        order = delivery.order
        event = delivery.event
        destination = delivery.destination
        webhookID = delivery.webhookID
        state = delivery.state
        madeAt = delivery.madeAt
        status = delivery.latest?.status
        answer = delivery.latest?.answer
        attempts = delivery.attempts
    }
}

extension APIError {
    init(_ error: ShopError) {
        switch error {
        case .unknownOrder: self.init(.notFound, "order_not_found", "There is no such order.")
        case .unknownItem: self.init(.notFound, "item_not_found", "There is no such item.")
        case .unknownPlan: self.init(.notFound, "plan_not_found", "The product has no such price plan.")
        case .whichItem: self.init(.unprocessableContent, "item_missing", "The order has several; name the item.")
        case .notASubscription: self.init(.conflict, "not_a_subscription", "That was paid once.")
        case .notPossible(let reason): self.init(.conflict, "not_possible", "Not now: \(reason).")
        }
    }
}

/// Lets the shop's own refusals leave as API errors.
func answering<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
    do {
        return try await body()
    } catch let error as ShopError {
        throw APIError(error)
    }
}
