package import Foundation

/// All that decides what happens next to one subscription, and nothing else.
///
/// Of the periods only some are here: the current one, those of open attempts, and those an event speaks of.
package struct RenewalState: Sendable, Hashable {
    package enum Form: String, Sendable, Hashable, Codable, CaseIterable {
        /// One request makes the order and takes the money, as the Product API's document says.
        case oneStep = "one-step"
        /// An order without a payment source, then a capture with the vault token: PayPal captures an order once at most,
        /// for as long as the order lives.
        case twoStep = "two-step"
    }

    package var anchor: Date
    package var frequency: BillingFrequency
    /// Of charges that are begun from now on.
    package var form: Form
    /// The merchant's PayPal refuses a second payment of one invoice id: proven, not assumed.
    package var guardsInvoices: Bool

    package var status: VaultSubscription.Status
    package var isConnected: Bool
    /// The number of the period that is charged next, or is being charged.
    package var current: Int
    /// The first number that no period has.
    package var frontier: Int
    package var nextActionAt: Date?
    package var firstDeclinedAt: Date?
    package var endedAt: Date?

    package var periods: [ChargePeriod]
    package var attempts: [ChargeAttempt]

    package init(
        anchor: Date,
        frequency: BillingFrequency,
        form: Form = .oneStep,
        guardsInvoices: Bool = false,
        status: VaultSubscription.Status,
        isConnected: Bool = true,
        current: Int,
        frontier: Int,
        nextActionAt: Date?,
        firstDeclinedAt: Date? = nil,
        endedAt: Date? = nil,
        periods: [ChargePeriod] = [],
        attempts: [ChargeAttempt] = []
    ) {
        self.anchor = anchor
        self.frequency = frequency
        self.form = form
        self.guardsInvoices = guardsInvoices
        self.status = status
        self.isConnected = isConnected
        self.current = current
        self.frontier = frontier
        self.nextActionAt = nextActionAt
        self.firstDeclinedAt = firstDeclinedAt
        self.endedAt = endedAt
        self.periods = periods
        self.attempts = attempts
    }

    /// When period `number` is due: counted from the anchor, never from the period before.
    package func due(_ number: Int) -> Date? { frequency.date(anchor, plus: number) }

    /// When somebody should look again; nil when nothing is left to do without a person or an event.
    package var wakeAt: Date? {
        if let open = attempts.first(where: { $0.state.isOpen }) {
            switch open.state {
            case .sending: return open.leaseUntil ?? open.probeAt
            case .review: return nil
            default: return max(open.probeAt, open.leaseUntil ?? open.probeAt)
            }
        }
        return status.renews && endedAt == nil ? nextActionAt : nil
    }

    /// The newest decline of the current period.
    package var lastDecline: (ChargeDecline, at: Date)? {
        var newest: (ChargeDecline, at: Date)?
        for attempt in attempts where attempt.key.period == current && attempt.state == .declined {
            guard let decline = attempt.decline, let at = attempt.settledAt, at >= newest?.at ?? at else { continue }
            newest = (decline, at)
        }
        return newest
    }

    package func period(_ number: Int) -> ChargePeriod? { periods.first { $0.number == number } }
    package func attempt(_ key: ChargeAttempt.Key) -> ChargeAttempt? { attempts.first { $0.key == key } }
}

/// How PayPal knows what we charge. All derived, nothing kept: an id can't leak from one period into another.
package struct ChargeNames: Sendable, Hashable {
    /// `live`, or whatever else keeps ids of one installation apart.
    package let environment: String
    package let subscription: String

    package init(environment: String, subscription: String) {
        self.environment = environment
        self.subscription = subscription
    }

    /// `PayPal-Request-Id`, at most 108 characters.
    package func requestID(_ attempt: ChargeAttempt, rules: RenewalRules = .all) -> String {
        let key = attempt.key
        let frozen = "rn:\(environment):\(subscription):\(key.period):\(key.number):\(key.seq)"
        return rules.holds(.frozenRequestID) ? frozen : "\(frozen):\(attempt.sends)"
    }

    /// One for each period, not for each try: PayPal refuses a second payment of it wherever the merchant wants it so.
    package func invoiceID(period: Int) -> String { "\(environment)-\(subscription)-\(period)" }

    package func customID(_ key: ChargeAttempt.Key) -> String {
        "\(subscription):\(key.period):\(key.number):\(key.seq)"
    }

    /// What the first charge of a subscription has, before there are periods to count.
    package static func firstCustomID(of subscription: String) -> String { "\(subscription):first" }

    /// Whose charge it is, a first one's or a renewal's; nil for a `custom_id` that is not ours.
    package static func subscription(inCustomID text: String) -> String? {
        if let renewal = parse(customID: text) { return renewal.subscription }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let subscription = String(text[..<colon])
        return !subscription.isEmpty && text == firstCustomID(of: subscription) ? subscription : nil
    }

    /// Reads a renewal's `custom_id`; nil for one that is not ours.
    package static func parse(customID text: String) -> (subscription: String, key: ChargeAttempt.Key)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, !parts[0].isEmpty, let period = Int(parts[1]), let number = Int(parts[2]),
            let seq = Int(parts[3])
        else { return nil }
        return (String(parts[0]), ChargeAttempt.Key(period: period, number: number, seq: seq))
    }
}
