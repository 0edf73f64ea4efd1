package import Foundation

/// All we have been told about one item of one order: the ledger that access is worked out from.
///
/// Deliveries come late, twice and out of order, so nothing here depends on which came first. Each aspect is merged so
/// that order and repetition do not matter (commutative, associative, idempotent): sets by the facts' keys, registers
/// by the provider's time. An event for an item whose sale has not come yet is a tombstone that the sale merges into.
/// Source: rules C3 and C4.
package struct OrderItem: Sendable, Hashable {
    package typealias ID = Identifier<OrderItem>

    package var sale: ItemSale?
    /// Renewals that were paid, by what tells one from another.
    package var payments: [String: ItemPayment] = [:]
    package var failures: [String: ItemFailure] = [:]
    package var refunds: [String: ItemRefund] = [:]
    /// Paused or resumed, whichever was last.
    package var suspension: Suspension?
    /// The last cancellation.
    package var cancellation: ItemCancellation?
    /// When the last instalment was paid. Source: rule F7.
    package var completedAt: Date?
    /// The provider's own number of the subscription; its API asks for it.
    package var subscription: String?

    package init() {}

    /// Takes in what `other` knows.
    package mutating func merge(_ other: Self) {
        sale = joined(sale, other.sale)
        payments.merge(other.payments) { $0.joined(with: $1) }
        failures.merge(other.failures) { $0.joined(with: $1) }
        refunds.merge(other.refunds) { $0.joined(with: $1) }
        suspension = joined(suspension, other.suspension)
        cancellation = joined(cancellation, other.cancellation)
        completedAt = earliest(completedAt, other.completedAt)
        subscription = latest(subscription, other.subscription)
    }
}

/// The item as it was sold.
package struct ItemSale: Sendable, Hashable, Joinable {
    package var soldAt: Date
    package var name: String?
    /// Hundredths, tax included.
    package var paidGross: Int64?
    /// Whether it is paid for again and again, or in instalments.
    package var recurs: Bool
    package var nextDue: Date?
    package var frequency: BillingFrequency?

    package init(
        soldAt: Date,
        name: String? = nil,
        paidGross: Int64? = nil,
        recurs: Bool = false,
        nextDue: Date? = nil,
        frequency: BillingFrequency? = nil
    ) {
        self.soldAt = soldAt
        self.name = name
        self.paidGross = paidGross
        self.recurs = recurs
        self.nextDue = nextDue
        self.frequency = frequency
    }

    func joined(with other: Self) -> Self {
        Self(
            soldAt: min(soldAt, other.soldAt),
            name: latest(name, other.name),
            paidGross: latest(paidGross, other.paidGross),
            recurs: recurs || other.recurs,
            nextDue: latest(nextDue, other.nextDue),
            frequency: latest(frequency, other.frequency)
        )
    }
}

/// A renewal that was paid.
package struct ItemPayment: Sendable, Hashable, Joinable {
    package var paidAt: Date
    /// False: the provider gave no time, so `paidAt` is when we heard, and proves no order among events.
    package var isTimed: Bool
    package var invoice: String?
    /// Hundredths, tax included.
    package var amountGross: Int64?
    package var nextDue: Date?
    package var frequency: BillingFrequency?
    /// Instalments still to come; nil is open-ended.
    package var remaining: Int?

    package init(
        paidAt: Date,
        isTimed: Bool = true,
        invoice: String? = nil,
        amountGross: Int64? = nil,
        nextDue: Date? = nil,
        frequency: BillingFrequency? = nil,
        remaining: Int? = nil
    ) {
        self.paidAt = paidAt
        self.isTimed = isTimed
        self.invoice = invoice
        self.amountGross = amountGross
        self.nextDue = nextDue
        self.frequency = frequency
        self.remaining = remaining
    }

    func joined(with other: Self) -> Self {
        Self(
            paidAt: isTimed == other.isTimed ? min(paidAt, other.paidAt) : isTimed ? paidAt : other.paidAt,
            isTimed: isTimed || other.isTimed,
            invoice: latest(invoice, other.invoice),
            amountGross: latest(amountGross, other.amountGross),
            nextDue: latest(nextDue, other.nextDue),
            frequency: latest(frequency, other.frequency),
            remaining: earliest(remaining, other.remaining)
        )
    }
}

/// A renewal that was declined.
package struct ItemFailure: Sendable, Hashable, Joinable {
    package var failedAt: Date
    package var invoice: String?

    package init(failedAt: Date, invoice: String? = nil) {
        self.failedAt = failedAt
        self.invoice = invoice
    }

    func joined(with other: Self) -> Self {
        Self(failedAt: min(failedAt, other.failedAt), invoice: latest(invoice, other.invoice))
    }
}

package struct ItemRefund: Sendable, Hashable, Joinable {
    package var refundedAt: Date
    package var invoice: String?
    /// Hundredths, tax included.
    package var amountGross: Int64?
    /// What the refund said the whole order had cost.
    package var orderTotalGross: Int64?

    package init(
        refundedAt: Date,
        invoice: String? = nil,
        amountGross: Int64? = nil,
        orderTotalGross: Int64? = nil
    ) {
        self.refundedAt = refundedAt
        self.invoice = invoice
        self.amountGross = amountGross
        self.orderTotalGross = orderTotalGross
    }

    func joined(with other: Self) -> Self {
        Self(
            refundedAt: min(refundedAt, other.refundedAt),
            invoice: latest(invoice, other.invoice),
            amountGross: latest(amountGross, other.amountGross),
            orderTotalGross: latest(orderTotalGross, other.orderTotalGross)
        )
    }
}

/// A pause or its end.
package struct Suspension: Sendable, Hashable, Joinable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case paused, resumed
    }

    package var kind: Kind
    package var at: Date
    /// For a pause the end of what is paid, for a resume the next charge.
    package var periodEnd: Date?

    package init(_ kind: Kind, at: Date, periodEnd: Date? = nil) {
        self.kind = kind
        self.at = at
        self.periodEnd = periodEnd
    }

    /// The newer; in one second the pause, for end states beat start states. Source: rule C5.
    func joined(with other: Self) -> Self {
        if at != other.at { return at > other.at ? self : other }
        if kind != other.kind { return kind == .paused ? self : other }
        return Self(kind, at: at, periodEnd: latest(periodEnd, other.periodEnd))
    }
}

package struct ItemCancellation: Sendable, Hashable, Joinable {
    package var at: Date
    /// The end of what is paid; nil where the provider does not say.
    package var periodEnd: Date?

    package init(at: Date, periodEnd: Date? = nil) {
        self.at = at
        self.periodEnd = periodEnd
    }

    func joined(with other: Self) -> Self {
        if at != other.at { return at > other.at ? self : other }
        return Self(at: at, periodEnd: latest(periodEnd, other.periodEnd))
    }
}

// MARK: Joining

/// Two accounts of one thing become one, whichever comes first and however often.
protocol Joinable {
    func joined(with other: Self) -> Self
}

func joined<Value: Joinable>(_ left: Value?, _ right: Value?) -> Value? {
    guard let left, let right else { return left ?? right }
    return left.joined(with: right)
}

/// The greater of two where both are known: of two accounts, the one that says more.
func latest<Value: Comparable>(_ left: Value?, _ right: Value?) -> Value? {
    guard let left, let right else { return left ?? right }
    return max(left, right)
}

func earliest<Value: Comparable>(_ left: Value?, _ right: Value?) -> Value? {
    guard let left, let right else { return left ?? right }
    return min(left, right)
}

extension BillingFrequency: Comparable {
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
