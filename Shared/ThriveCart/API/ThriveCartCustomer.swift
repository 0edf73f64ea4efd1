package import Domain
package import Foundation

/// What ThriveCart knows of one buyer: the only read that shows the state of a subscription.
package struct ThriveCartCustomer: Sendable {
    package var purchases: [Holding]
    package var subscriptions: [Holding]

    /// One thing that was bought.
    package struct Holding: Sendable {
        package var order: String
        package var item: ItemKey
        /// `paid`, `partially_refunded`, `refunded`; of a subscription `active`, `paused`, `cancelled`, `completed`.
        package var status: String
        package var isSubscription: Bool
        /// Hundredths; what is left of it after refunds.
        package var amount: Int64?
        package var netAmount: Int64?
        /// As it came.
        package var entry: PostValue
    }

    init(_ answer: PostValue) {
        func holdings(_ name: String, isSubscription: Bool) -> [Holding] {
            (answer[name]?.values ?? []).compactMap { Holding($0, isSubscription: isSubscription) }
        }
        purchases = holdings("purchases", isSubscription: false)
        subscriptions = holdings("subscriptions", isSubscription: true)
    }

    /// What it knows of one item of an order.
    package func holding(of item: ItemKey, in order: String) -> Holding? {
        (subscriptions + purchases).first { $0.order == order && $0.item == item }
    }
}

extension ThriveCartCustomer.Holding {
    fileprivate init?(_ entry: PostValue, isSubscription: Bool) {
        let reference = (entry["reference"] ?? entry["subscription_reference"])?.words
        guard let order = entry["order_id"]?.words,
            let item = ItemKey(typed: entry["item_type"], entry["item_id"])
                ?? reference.flatMap(ItemKey.init(reference:))
        else { return nil }
        self.order = order
        self.item = item
        self.isSubscription = isSubscription
        status = entry["status"]?.words?.lowercased() ?? ""
        amount = entry["amount"]?.words.flatMap { Int64($0) }
        netAmount = entry["net_amount"]?.words.flatMap { Int64($0) }
        self.entry = entry
    }
}

extension ItemKey {
    init?(typed kind: PostValue?, _ number: PostValue?) {
        guard let kind = kind?.words, let number = number?.words else { return nil }
        self.init(kind: kind, number: number)
    }

    /// The item of `product-222-138`, whose third part is the pricing option, and of `product-299`.
    init?(reference: String) {
        let parts = reference.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3 else { return nil }
        self.init(kind: String(parts[0]), number: String(parts[1]))
    }
}
