package import Domain

/// What somebody is about to buy.
package struct Cart: Sendable, Hashable {
    package var email: String
    package var firstName: String
    package var lastName: String
    package var country: String
    package var mode: Mode
    /// In the order of the checkout; empty stands for the product alone.
    package var items: [ItemKey]
    /// Which of the product's price plans, by name; nil is its first.
    package var plan: String?

    package init(
        email: String,
        firstName: String = "Sam",
        lastName: String = "Sample",
        country: String = "US",
        mode: Mode = .live,
        items: [ItemKey] = [],
        plan: String? = nil
    ) {
        self.email = email
        self.firstName = firstName
        self.lastName = lastName
        self.country = country
        self.mode = mode
        self.items = items
        self.plan = plan
    }

    /// Offers and how each is paid, the product first; never empty.
    func lines(in catalogue: Catalogue) throws(ShopError) -> [(offer: Offer, plan: PricePlan)] {
        var lines: [(offer: Offer, plan: PricePlan)] = []
        var keys: Set<ItemKey> = []
        for key in items where keys.insert(key).inserted {
            guard let offer = catalogue[key] else { throw .unknownItem }
            lines.append((offer, offer.plans[0]))
        }
        if !lines.contains(where: { $0.offer.key.kind == .product }), let product = catalogue[.product] {
            // Nobody gets to a bump or an upsell but through a product.
            lines.insert((product, product.plans[0]), at: 0)
        }
        if let plan, let product = lines.firstIndex(where: { $0.offer.key.kind == .product }) {
            guard let chosen = lines[product].offer.plans.first(where: { $0.name == plan }) else { throw .unknownPlan }
            lines[product].plan = chosen
        }
        return lines
    }
}

/// Why the shop does not do what was asked.
package enum ShopError: Error, Hashable {
    case unknownOrder
    case unknownItem
    case unknownPlan
    /// The order has several items; the request must name one.
    case whichItem
    case notASubscription
    /// Not now, and why.
    case notPossible(String)
}
