internal import Domain
internal import Foundation
internal import ThriveCart

/// The shapes in which the read API shows the books. Ids are text, some amounts are numbers and some are text, a reference
/// has the pricing option in it unless the item was paid once.
///
/// Source: the example answers of apidocs.thrivecart.com, and the fields that were added in April 2026.
enum BookPages {
    static func row(_ row: SellersBooks.Row, of item: OrderedItem, in order: ShopOrder) -> PostValue {
        let product = order.items.first { $0.key.kind == .product } ?? item
        let subscription = item.subscription
        return [
            "event_id": .text(row.record), "base_product": .text(product.key.number), "date": .text(day(row.at)),
            "time": .text(stamp(row.at)), "timestamp": .number(unix(row.at)),
            "transaction_type": .text(row.kind.rawValue), "transaction_info": "",
            "item_type": .text(item.key.kind.rawValue), "item_id": number(item.key.number),
            "item_name": .text(item.name), "item_pricing_option_id": number(item.plan.number),
            "item_pricing_option_name": .text(item.plan.label),
            "subscription_id": subscription.map { .text($0.processorID) } ?? .null,
            "internal_subscription_id": subscription.map { .text($0.number) } ?? .null,
            "subscription_current_status": subscription.map { .text(status($0)) } ?? .null,
            "transaction_id": .text("ch_\(item.key.kind.rawValue)\(item.key.number)"),
            "amount": .number(Int(clamping: row.amount)), "order_id": .text(order.id),
            "invoice_id": .text(invoice(order)), "currency": .text(order.currency), "processor": "stripe_connect+",
            "quantity": .number(1), "coupon": .null, "campaign_id": .null,
            "customer": [
                "id": .text(order.buyer.customerID), "name": .text(name(order.buyer)),
                "email": .text(order.buyer.email),
            ],
            "reference": .text(reference(item)),
        ]
    }

    static func customer(_ orders: [ShopOrder], _ rows: [String: [SellersBooks.Row]]) -> PostValue? {
        guard let newest = orders.last else { return nil }
        var purchases: [PostValue] = []
        var subscriptions: [PostValue] = []
        var paid: [String: Int64] = [:]
        for order in orders {
            for item in order.items {
                paid[order.currency, default: 0] += item.paid - item.refunded
                if let subscription = item.subscription {
                    let own = (rows[order.id] ?? []).filter { $0.item == item.key }
                    subscriptions.append(self.subscription(subscription, to: item, in: order, own))
                } else {
                    purchases.append(purchase(item, in: order))
                }
            }
        }
        return [
            "customer": ["name": .text(name(newest.buyer)), "email": .text(newest.buyer.email)],
            "purchases": .list(purchases), "subscriptions": .list(subscriptions),
            "lifetime_value": .map(
                paid.sorted { $0.key < $1.key }.map { .init($0.key, .number(Int(clamping: $0.value))) }
            ),
        ]
    }

    private static func purchase(_ item: OrderedItem, in order: ShopOrder) -> PostValue {
        let status = item.refunded == 0 ? "paid" : item.refundable == 0 ? "refunded" : "partially_refunded"
        return [
            "status": .text(status), "order_id": .text(order.id), "invoice_id": .text(invoice(order)),
            "processor": "stripe", "amount": .number(Int(clamping: item.paid)),
            "net_amount": .number(Int(clamping: item.refundable)), "currency": .text(order.currency),
            "item_name": .text(item.name), "item_type": .text(item.key.kind.rawValue),
            "item_id": .text(item.key.number), "reference": .text(reference(item)),
        ]
    }

    private static func subscription(
        _ subscription: ShopSubscription,
        to item: OrderedItem,
        in order: ShopOrder,
        _ rows: [SellersBooks.Row]
    ) -> PostValue {
        let payments = rows.filter { $0.kind == .charge || $0.kind == .rebill }
        let isRunning = status(subscription) == "active"
        return [
            "status": .text(status(subscription)), "order_id": .text(order.id), "invoice_id": .text(invoice(order)),
            "subscription_id": .text(subscription.number), "subscription_reference": .text(reference(item)),
            "currency": .text(order.currency), "frequency": .text(subscription.frequency.rawValue),
            "amount": .text("\(item.plan.price)"), "payments": .text("\(payments.count)"),
            "payments_remaining": subscription.remaining.map { .text("\($0)") } ?? .null,
            "total_paid": .text("\(item.paid)"),
            "last_payment": payments.map(\.at).max().map { .text(stamp($0)) } ?? .null,
            "date_started": .text(stamp(order.placedAt)), "processor": "stripe", "item_name": .text(item.name),
            "item_type": .text(item.key.kind.rawValue), "item_id": .text(item.key.number),
            "next_payment": isRunning ? .text(stamp(subscription.nextDue)) : .null,
            "events": .list(
                rows.map { row in
                    [
                        "event_id": .text(row.record), "event_type": .text(row.kind.rawValue),
                        "date": .text(stamp(row.at)), "amount": .number(Int(clamping: row.amount)),
                        "reference": .text(reference(item)),
                    ]
                }
            ),
        ]
    }

    /// A decline does not show: the subscription is active until somebody ends it.
    private static func status(_ subscription: ShopSubscription) -> String {
        switch subscription.state {
        case .trialing, .active, .pastDue: "active"
        case .paused: "paused"
        case .canceled: "cancelled"
        case .completed: "completed"
        }
    }

    private static func reference(_ item: OrderedItem) -> String {
        item.subscription == nil ? item.key.description : "\(item.key)-\(item.plan.number)"
    }

    /// The account's number of it, without the zeros that webhooks have before it.
    private static func invoice(_ order: ShopOrder) -> String { Int(order.invoice).map(String.init) ?? order.invoice }
    private static func name(_ buyer: ShopBuyer) -> String { "\(buyer.firstName) \(buyer.lastName)" }
    private static func number(_ text: String) -> PostValue { Int(text).map { .number($0) } ?? .text(text) }
    private static func unix(_ moment: Date) -> Int { Int(exactly: moment.timeIntervalSince1970.rounded(.down)) ?? 0 }

    private static func stamp(_ moment: Date) -> String {
        moment.formatted(
            .iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false)
        )
    }

    private static func day(_ moment: Date) -> String { String(stamp(moment).prefix(10)) }
}
