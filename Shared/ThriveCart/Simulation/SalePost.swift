import Domain
import Foundation

extension ThriveCartPost {
    /// The one post of a sale, whatever it holds: `order.success`.
    package static func sale(_ order: SimulatedOrder) -> Self {
        var post = Self(fields: [.init("event", "order.success")])
        post.addMode(order.mode)
        post.addSeller(order.seller)
        if let product = order.frontEnd { post.addProduct(product, owner: order.seller.owner) }
        post.fields += [.init("order_id", .text(order.number)), .init("invoice_id", .text(order.invoice))]
        let recurring = order.items.filter { $0.subscription != nil }
        if !recurring.isEmpty {
            post.fields.append(.init("subscription_ids", perItem(recurring) { $0.subscription?.number ?? "false" }))
        }
        post.fields += [
            .init("order_date", .text(stamp(order.placedAt))), .init("order_timestamp", .text(unix(order.placedAt))),
            .init("currency", .text(order.currency)), .init("customer_id", .text(order.buyer.number)),
            .init("customer_identifier", .text(order.buyer.processorNumber ?? "null")),
            .init("customer", customer(order)), .init("affiliate", "null"), .init("order", details(order)),
            .init("transactions", perItem(order.items, transaction)),
            .init("subscriptions", perItem(recurring) { $0.subscription?.processorNumber ?? "false" }),
        ]
        post.addPurchases(order)
        let page = "https://\(order.seller.account).thrivecart.com/\(order.seller.page)/confirm/"
        post.fields.append(.init("fulfillment", ["url": .text(page)]))
        return post
    }

    /// A free item has no transaction at the processor, which is written as "false".
    private static func transaction(_ item: SimulatedItem) -> String {
        if item.price == 0, item.subscription == nil { return "false" }
        return "ch_\(item.key.kind.rawValue)\(item.key.number)"
    }

    private static func perItem(_ items: [SimulatedItem], _ value: (SimulatedItem) -> String) -> PostValue {
        .map(items.map { .init($0.key.description, .text(value($0))) })
    }

    private static func details(_ order: SimulatedOrder) -> PostValue {
        var details = summary(order)
        details.append(.init("charges", .list(order.items.map(charge))))
        let future = order.items.compactMap(futureCharge)
        if !future.isEmpty { details.append(.init("future_charges", .list(future))) }
        return .map(details)
    }

    /// What is paid now. A free trial is a charge of nothing, deferred to the trial's end.
    private static func charge(_ item: SimulatedItem) -> PostValue {
        let trialEnd = item.subscription.flatMap { $0.isFreeTrial ? $0.firstDue : nil }
        var charge = chargeFields(item, price: item.price, fullPrice: item.fullPrice, type: "single")
        if let trialEnd { charge.append(.init("defer_date", .text(unix(trialEnd)))) }
        return .map(charge)
    }

    /// What the first renewal will be.
    private static func futureCharge(_ item: SimulatedItem) -> PostValue? {
        guard let subscription = item.subscription else { return nil }
        var pieces = item
        pieces.quantity = 1
        var charge = chargeFields(pieces, price: subscription.price, fullPrice: subscription.price, type: "recurring")
        charge += [
            .init("frequency", .text(subscription.frequency.rawValue)),
            .init("frequency_days", .text("\(subscription.frequency.roughDays)")),
            .init("due", .text(stamp(subscription.firstDue))),
            subscription.isFreeTrial
                ? .init("defer_date", .text(unix(subscription.firstDue))) : .init("related_to_recur", "true"),
        ]
        return .map(charge)
    }

    private static func chargeFields(
        _ item: SimulatedItem,
        price: Int64,
        fullPrice: Int64,
        type: String
    ) -> [PostValue.Member] {
        var fields: [PostValue.Member] = [
            .init("name", .text(item.name)), .init("label", .text(item.name)),
            .init("reference", .text(item.key.number)), .init("item_type", .text(item.key.kind.rawValue)),
            .init("item_identifier", "\(item.key.kind.rawValue)_\(item.key.number)"),
        ]
        fields += money("amount", price) + money("original_amount", fullPrice)
        fields += [
            .init("type", .text(type)), .init("defer", item.subscription?.isFreeTrial == true ? "true" : "false"),
        ]
        fields += money("amount_gross", price) + money("tax_paid", 0)
        fields += [
            .init("payment_plan_id", .text(item.planNumber)), .init("payment_plan_name", .text(item.planName)),
            .init("quantity", "\(item.quantity)"),
        ]
        return fields + money("unit_price", price / Int64(max(item.quantity, 1)))
    }

    private mutating func addPurchases(_ order: SimulatedOrder) {
        let names = PostValue.list(order.items.map { .text($0.name) })
        let keys = order.items.map(\.key.description)
        let map = PostValue.list(keys.map { .text($0) })
        let flat = PostValue.text(keys.joined(separator: ","))
        for prefix in ["", "accessible_"] {
            fields += [
                .init("\(prefix)purchases", names), .init("\(prefix)purchase_map", map),
                .init("\(prefix)purchase_map_flat", flat),
            ]
        }
    }
}
