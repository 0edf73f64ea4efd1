import Domain
import Foundation

// The groups of fields that several posts share.

extension ThriveCartPost {
    /// What every event after the sale begins with. Only a subscription's has `subscription_id`.
    static func later(
        _ event: String,
        _ order: SimulatedOrder,
        _ item: SimulatedItem?,
        invoice: String,
        at moment: Date
    ) -> Self {
        var post = Self(fields: [.init("event", .text(event))])
        post.addMode(order.mode)
        post.addSeller(order.seller)
        post.addTime(moment)
        if let product = order.frontEnd {
            post.addProduct(product, owner: order.seller.owner)
            post.fields.append(.init("base_payment_plan", .text(product.planNumber)))
        }
        post.fields += [.init("order_id", .text(order.number)), .init("invoice_id", .text(invoice))]
        if let subscription = item?.subscription {
            post.fields.append(.init("subscription_id", .text(subscription.number)))
        }
        post.fields += [
            .init("currency", .text(order.currency)), .init("customer_id", .text(order.buyer.number)),
            .init("customer", customer(order)), .init("affiliate", "null"), .init("order", .map(summary(order))),
        ]
        return post
    }

    mutating func addMode(_ mode: Mode) {
        fields += [.init("mode", .text(mode.rawValue)), .init("mode_int", mode == .live ? "2" : "1")]
    }

    mutating func addSeller(_ seller: SimulatedSeller) {
        fields += [
            .init("thrivecart_account", .text(seller.account)), .init("thrivecart_secret", .text(seller.secret)),
        ]
    }

    mutating func addProduct(_ product: SimulatedItem, owner: String) {
        fields += [
            .init("base_product", .text(product.key.number)), .init("base_product_name", .text(product.name)),
            .init("base_product_label", .text(product.name)), .init("base_product_owner", .text(owner)),
        ]
    }

    mutating func addTime(_ moment: Date) { fields += Self.time(moment) }

    static func time(_ moment: Date) -> [PostValue.Member] {
        [
            .init("date", .text(stamp(moment))), .init("date_iso8601", .text(iso8601(moment))),
            .init("date_unix", .text(unix(moment))),
        ]
    }

    static func customer(_ order: SimulatedOrder) -> PostValue {
        let buyer = order.buyer
        return [
            "id": .text(buyer.number), "client_user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
            "client_meta_fbp": "fb.1.\(unix(order.placedAt))000.1", "origin": "vanity", "email": .text(buyer.email),
            "ip_address": .text(buyer.address), "address": ["country": .text(buyer.country)], "name": .text(buyer.name),
            "checkbox_confirmation": "false", "first_name": .text(buyer.firstName), "last_name": .text(buyer.lastName),
        ]
    }

    /// The order itself, which has the sale's time on every event.
    static func summary(_ order: SimulatedOrder) -> [PostValue.Member] {
        var summary: [PostValue.Member] = [
            .init("id", .text(order.number)), .init("invoice_id", .text(order.invoice)),
            .init("processor", .text(order.processor)),
        ]
        summary += money("total", order.total) + money("total_gross", order.total) + time(order.placedAt)
        summary += [.init("tracking_id", "null"), .init("tax", "null"), .init("payment_method", "card")]
        return summary
    }

    /// The item that an event is about; `product_id` is the front-end product's.
    func affected(_ item: SimulatedItem, in order: SimulatedOrder) -> [PostValue.Member] {
        [
            .init("type", .text(item.key.kind.rawValue)), .init("id", .text(item.key.number)),
            .init("product_id", .text(order.frontEnd?.key.number ?? item.key.number)), .init("name", .text(item.name)),
            .init("label", .text(item.name)), .init("processor", .text(order.processor)),
            .init("currency", .text(order.currency)),
        ]
    }

    func subscription(of item: SimulatedItem, in order: SimulatedOrder, remaining: Int? = nil) -> [PostValue.Member] {
        let price = item.subscription?.price ?? item.price
        let frequency = item.subscription?.frequency ?? .month
        var fields = affected(item, in: order)
        fields.append(.init("invoice_id", .text(order.invoice)))
        fields += Self.money("amount", price) + Self.money("original_amount", price) + Self.money("amount_gross", price)
        fields += Self.money("tax_paid", 0)
        let left = remaining ?? item.subscription?.renewals
        fields += [
            .init("frequency", .text(frequency.rawValue)), .init("frequency_days", .text("\(frequency.roughDays)")),
            .init("remaining_rebills", .text(left.map(String.init) ?? "null")),
        ]
        if item.key.kind != .product {
            fields.append(.init("\(item.key.kind.rawValue)_id", .text(item.key.number)))
        }
        return fields
    }

    static func remaining(after n: Int, of item: SimulatedItem) -> Int? {
        item.subscription?.renewals.map { max($0 - n, 0) }
    }

    static func numbered(_ n: Int, _ order: SimulatedOrder) -> [PostValue.Member] {
        [.init("invoice_str", "\(order.invoice)-\(n)"), .init("recurring_payment_idx", "\(n)")]
    }

    static func end(_ periodEnd: Date?) -> [PostValue.Member] {
        guard let periodEnd else { return [] }
        return [
            .init("billing_period_end", .text(unix(periodEnd))),
            .init("billing_period_end_iso8601", .text(iso8601(periodEnd))),
        ]
    }

    /// Hundredths, and the same as people write them.
    static func money(_ name: String, _ hundredths: Int64) -> [PostValue.Member] {
        let cents = String(100 + (hundredths % 100).magnitude).dropFirst()
        let sign = hundredths < 0 ? "-" : ""
        return [
            .init(name, "\(hundredths)"), .init("\(name)_str", "\(sign)\((hundredths / 100).magnitude).\(cents)"),
        ]
    }

    // MARK: Times, in UTC

    static func unix(_ moment: Date) -> String {
        "\(Int64(exactly: moment.timeIntervalSince1970.rounded(.down)) ?? 0)"
    }

    static func stamp(_ moment: Date) -> String {
        moment.formatted(
            .iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false)
        )
    }

    static func iso8601(_ moment: Date) -> String { stamp(moment).replacing(" ", with: "T") + "+00:00" }
}

extension BillingFrequency {
    /// What ThriveCart writes into `frequency_days`; the calendar decides, not this.
    var roughDays: Int {
        switch self {
        case .day: 1
        case .week: 7
        case .month: 30
        case .quarter: 90
        case .halfYear: 180
        case .year: 365
        }
    }
}
