package import Domain

/// What the demo shop sells: one product with several ways to pay, an order bump, an upsell and a downsell.
package struct Catalogue: Sendable {
    package var currency: String
    package var offers: [Offer]

    package init(currency: String, offers: [Offer]) {
        self.currency = currency
        self.offers = offers
    }

    package subscript(_ key: ItemKey) -> Offer? {
        offers.first { $0.key == key }
    }

    /// The offer of a kind; the demo shop has one of each.
    package subscript(_ kind: ItemKey.Kind) -> Offer? {
        offers.first { $0.key.kind == kind }
    }
}

/// One thing that can be put in the cart.
package struct Offer: Sendable, Hashable, Encodable {
    package var key: ItemKey
    package var name: String
    package var pitch: String
    /// The first one is taken where the buyer chooses none; never empty.
    package var plans: [PricePlan]
}

/// One way to pay for an offer; ThriveCart calls it a pricing option.
package struct PricePlan: Sendable, Hashable, Encodable {
    /// The word that pages and the API choose it by.
    package var name: String
    /// What goes out as `payment_plan_id`.
    package var number: String
    package var label: String
    /// Each payment, hundredths, tax included.
    package var price: Int64
    package var billing: Billing
    /// What is charged with the order itself: nothing while a trial runs.
    package var dueNow: Int64 { if case .recurring(_, let trialDays) = billing, trialDays > 0 { 0 } else { price } }
}

package enum Billing: Sendable, Hashable {
    case once
    /// Until somebody cancels; the first payment comes with the order, or when the trial has ended.
    case recurring(BillingFrequency, trialDays: Int = 0)
    /// So many payments in all, the first one with the order.
    case instalments(Int, BillingFrequency)

    package var frequency: BillingFrequency? {
        switch self {
        case .once: nil
        case .recurring(let frequency, _), .instalments(_, let frequency): frequency
        }
    }
}

extension Billing: Encodable {
    private enum CodingKeys: CodingKey { case kind, frequency, trialDays, payments }

    /// `{"kind":"recurring","frequency":"month","trialDays":14}`
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(frequency, forKey: .frequency)
        switch self {
        case .once:
            try container.encode("once", forKey: .kind)
        case .recurring(_, let trialDays):
            try container.encode("recurring", forKey: .kind)
            try container.encode(trialDays, forKey: .trialDays)
        case .instalments(let payments, _):
            try container.encode("instalments", forKey: .kind)
            try container.encode(payments, forKey: .payments)
        }
    }
}

extension Catalogue {
    /// A sailing school. `docker/local/up` makes a plan for each of its items.
    package static let demo = Catalogue(
        currency: "USD",
        offers: [
            Offer(
                key: .of(.product, 7),
                name: "Sailing course",
                pitch: "Twelve evenings from the first knot to the first crossing.",
                plans: [
                    PricePlan(
                        name: "monthly",
                        number: "10521",
                        label: "$29 a month",
                        price: 2900,
                        billing: .recurring(.month)
                    ),
                    PricePlan(
                        name: "trial",
                        number: "10522",
                        label: "14 days free, then $29 a month",
                        price: 2900,
                        billing: .recurring(.month, trialDays: 14)
                    ),
                    PricePlan(
                        name: "yearly",
                        number: "10523",
                        label: "$290 a year",
                        price: 29_000,
                        billing: .recurring(.year)
                    ),
                    PricePlan(
                        name: "split",
                        number: "10524",
                        label: "3 payments of $109",
                        price: 10_900,
                        billing: .instalments(3, .month)
                    ),
                    PricePlan(name: "once", number: "10525", label: "$297 once", price: 29_700, billing: .once),
                    PricePlan(name: "free", number: "10526", label: "Free", price: 0, billing: .once),
                ]
            ),
            Offer(
                key: .of(.bump, 7),
                name: "Knot cards",
                pitch: "Forty knots on cards that survive a wave. Only together with the course.",
                plans: [PricePlan(name: "once", number: "10531", label: "$9", price: 900, billing: .once)]
            ),
            Offer(
                key: .of(.upsell, 3),
                name: "Coastal navigation",
                pitch: "Charts, tides and pilotage, and a live evening every month.",
                plans: [
                    PricePlan(
                        name: "monthly",
                        number: "10541",
                        label: "$15 a month",
                        price: 1500,
                        billing: .recurring(.month)
                    )
                ]
            ),
            Offer(
                key: .of(.downsell, 5),
                name: "Weather for sailors",
                pitch: "Read the sky in one weekend.",
                plans: [PricePlan(name: "once", number: "10551", label: "$27", price: 2700, billing: .once)]
            ),
        ]
    )
}

extension ItemKey {
    static func of(_ kind: Kind, _ number: Int) -> ItemKey {
        guard let key = ItemKey(kind: kind.rawValue, number: String(number)) else {
            preconditionFailure("the catalogue's numbers are written here, none of them is zero or negative")
        }
        return key
    }
}
