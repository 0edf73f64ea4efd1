package import Domain
package import Foundation

/// A post as ThriveCart would make it, field by field and in its order.
///
/// The shapes are those of the captured bodies in `Tests/Fixtures/thrivecart/events`; a test builds them again.
package struct ThriveCartPost: Sendable, Hashable {
    package var fields: [PostValue.Member]

    package var formBody: [UInt8] { fields.formEncoded() }
    package var jsonBody: [UInt8] { fields.jsonEncoded() }

    package static let formContentType = "application/x-www-form-urlencoded"
    package static let jsonContentType = "application/json"

    package var event: String {
        guard case .text(let name) = value(of: "event") else { return "" }
        return name
    }

    // MARK: What happens after the sale

    /// A renewal was paid. `n` counts renewals, 1 for the first; the sale is not one.
    package static func renewal(
        _ n: Int,
        of item: SimulatedItem,
        in order: SimulatedOrder,
        at moment: Date,
        nextDue: Date?,
        record: String
    ) -> Self {
        var post = later("order.subscription_payment", order, item, invoice: "\(order.invoice)-\(n)", at: moment)
        var subscription = post.subscription(of: item, in: order, remaining: remaining(after: n, of: item))
        subscription += numbered(n, order)
        subscription.append(.init("next_payment_date", .text(nextDue.map(unix) ?? "null")))
        subscription.append(.init("next_payment_date_iso8601", .text(nextDue.map(iso8601) ?? "null")))
        post.fields += [
            .init("recurring_payment_idx", "\(n)"), .init("event_id", .text(record)),
            .init("subscription", .map(subscription)),
        ]
        return post
    }

    /// Renewal `n` was declined; the processor will try again.
    package static func decline(
        _ n: Int,
        of item: SimulatedItem,
        in order: SimulatedOrder,
        at moment: Date
    ) -> Self {
        var post = later("order.rebill_failed", order, item, invoice: "\(order.invoice)-\(n)", at: moment)
        let subscription = post.subscription(of: item, in: order, remaining: remaining(after: n - 1, of: item))
        post.fields += [
            .init("recurring_payment_idx", "\(n)"),
            .init("subscription", .map(subscription + numbered(n, order))),
        ]
        return post
    }

    /// - Parameter periodEnd: until when is paid; some processors' events leave it out.
    package static func cancellation(
        of item: SimulatedItem,
        in order: SimulatedOrder,
        at moment: Date,
        periodEnd: Date?,
        record: String
    ) -> Self {
        var post = later("order.subscription_cancelled", order, item, invoice: order.invoice, at: moment)
        post.fields += [
            .init("event_id", .text(record)),
            .init("subscription", .map(post.subscription(of: item, in: order) + end(periodEnd))),
        ]
        return post
    }

    package static func pause(
        of item: SimulatedItem,
        in order: SimulatedOrder,
        at moment: Date,
        periodEnd: Date?
    ) -> Self {
        var post = later("order.subscription_paused", order, item, invoice: order.invoice, at: moment)
        post.fields.append(.init("subscription", .map(post.subscription(of: item, in: order) + end(periodEnd))))
        return post
    }

    package static func resume(
        of item: SimulatedItem,
        in order: SimulatedOrder,
        at moment: Date,
        nextDue: Date
    ) -> Self {
        var post = later("order.subscription_resumed", order, item, invoice: order.invoice, at: moment)
        var subscription = post.subscription(of: item, in: order)
        subscription.append(.init("next_payment_date", .text(unix(nextDue))))
        subscription.append(.init("next_payment_date_iso8601", .text(iso8601(nextDue))))
        post.fields.append(.init("subscription", .map(subscription)))
        return post
    }

    /// Money given back for one item, all or a part.
    ///
    /// - Parameters:
    ///   - amount: hundredths.
    ///   - record: the number of the transaction record, by which a repeat is known.
    package static func refund(
        _ amount: Int64,
        of item: SimulatedItem,
        in order: SimulatedOrder,
        at moment: Date,
        record: String
    ) -> Self {
        var post = later("order.refund", order, nil, invoice: order.invoice, at: moment)
        var refund = post.affected(item, in: order)
        refund += money("amount", amount) + money("amount_gross", amount) + money("tax_paid", 0)
        post.fields += [
            .init("refund", .map(refund)), .init("event_id", .text(record)), .init("pro-rata", "false"),
        ]
        return post
    }

    package static func abandonment(_ cart: SimulatedCart) -> Self {
        let buyer = cart.buyer
        let person: PostValue = [
            "name": .text(buyer.name), "email": .text(buyer.email), "ip_address": .text(buyer.address),
            "address": ["country": .text(buyer.country)], "first_name": .text(buyer.firstName),
            "last_name": .text(buyer.lastName), "checkbox_confirmation": "false",
        ]
        var post = Self(fields: [.init("event", "cart.abandoned")])
        post.addSeller(cart.seller)
        post.addProduct(cart.product, owner: cart.seller.owner)
        post.fields += [.init("viewer", person), .init("customer", person)]
        post.addTime(cart.leftAt)
        return post
    }

    // MARK: The Event Subscription API

    /// The same fact as an Event Subscription posts it: another name, a delivery id, and the mode as a JSON number.
    ///
    /// - Parameter name: `order_payment_bump` and its like for one item of a sale; else the event's usual twin.
    package func subscribed(webhook: String, name: String? = nil) -> Self {
        let twins = [
            "order.success": "order_created", "order.subscription_payment": "order_rebill",
            "order.rebill_failed": "order_rebill_failed", "order.subscription_cancelled": "order_rebill_cancelled",
            "order.subscription_paused": "subscription_paused", "order.subscription_resumed": "subscription_resumed",
            "order.refund": "order_refund", "cart.abandoned": "cart_abandoned",
        ]
        var post = self
        post.set("event", .text(name ?? twins[event] ?? event))
        if case .text(let mode) = value(of: "mode_int"), let number = Int(mode) {
            post.set("mode_int", .number(number))
        }
        post.set("webhook_id", .text(webhook))
        return post
    }

    /// Changes a field at the top level, or adds it at the end.
    package mutating func set(_ key: String, _ value: PostValue) {
        if let index = fields.firstIndex(where: { $0.key == key }) {
            fields[index].value = value
        } else {
            fields.append(.init(key, value))
        }
    }

    private func value(of key: String) -> PostValue? { fields.first { $0.key == key }?.value }
}
