package import Seeds

/// What one buyer does, from the sale on, and what must be true of that buyer in the end.
///
/// It is the harness's own record. The checker compares the books with it and with nothing that the system says of itself.
package struct Life: Sendable {
    /// The order's number; one buyer has one order.
    package let order: Int
    package let email: String
    package private(set) var steps: [Step] = []

    package enum Step: Hashable, Sendable {
        case sale
        case renewal(number: Int)
        case decline(number: Int)
        case cancellation
        case fullRefund
    }

    package static let month = 30 * 86_400
    /// Two days and the paid months before the run, so that nothing lapses while it lasts.
    package let soldAt: Int

    /// A sale and then, by the dice, up to three renewals, a decline before some of them, and an end.
    package init(order: Int, now: Int, random: inout SeededRandom) {
        self.order = order
        email = "buyer-\(order)@example.com"
        var number = 0
        while number < 3, random.chance(45) {
            number += 1
            if random.chance(20) { steps.append(.decline(number: number)) }
            steps.append(.renewal(number: number))
        }
        if random.chance(10) {
            steps.append(.cancellation)
        } else if number == 0, random.chance(10) {
            steps.append(.fullRefund)
        }
        steps.insert(.sale, at: 0)
        soldAt = now - 2 * 86_400 - number * Self.month
    }

    /// How many renewals were paid, which is how many the books must hold.
    package var renewals: Int {
        steps.count { if case .renewal = $0 { true } else { false } }
    }

    package var declines: Int {
        steps.count { if case .decline = $0 { true } else { false } }
    }

    /// The status that the buyer's entitlement must have when all is applied.
    package var status: String {
        if steps.contains(.fullRefund) { return "refunded" }
        if steps.contains(.cancellation) { return "ending" }
        return "active"
    }

    package var hasAccess: Bool { status != "refunded" }

    /// The end of what is paid, by the last renewal or by the sale.
    package var paidThrough: Int { soldAt + (renewals + 1) * Self.month }

    /// When a step happened, by the provider's clock.
    package func time(of step: Step) -> Int {
        switch step {
        case .sale: soldAt
        case .renewal(let number): soldAt + number * Self.month
        case .decline(let number): soldAt + number * Self.month - 7200
        case .cancellation: paidThrough - Self.month + 3600
        case .fullRefund: soldAt + 7200
        }
    }
}
