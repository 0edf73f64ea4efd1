package import Domain
package import Foundation

/// A purchase as the shop's own books have it.
package struct ShopOrder: Sendable, Hashable {
    /// As ThriveCart counts: `40000001`.
    package let id: String
    /// The account's counter, padded: `000000101`. A renewal's has `-1`, `-2`, … after it.
    package let invoice: String
    package let buyer: ShopBuyer
    package let mode: Mode
    package let currency: String
    package let placedAt: Date
    package var items: [OrderedItem]
    /// When its newest event happened.
    package var newestEvent: Date
    /// The earliest time of its next one: ThriveCart counts seconds, and of two events in one second nobody could tell
    /// which came first.
    var nextMoment: Date { newestEvent.addingTimeInterval(1) }

    package var total: Int64 { items.reduce(0) { $0 + $1.plan.dueNow } }

    package subscript(_ key: ItemKey) -> OrderedItem? {
        items.first { $0.key == key }
    }
}

/// Who fills in the checkout. The address is what was typed: capitals and all.
package struct ShopBuyer: Sendable, Hashable {
    package var email: String
    package var firstName: String
    package var lastName: String
    /// ISO 3166, two letters.
    package var country: String
    /// 18 digits; the same buyer keeps it from order to order.
    package var customerID: String
}

package struct OrderedItem: Sendable, Hashable {
    package let key: ItemKey
    package let name: String
    package let plan: PricePlan
    /// Hundredths, all payments together.
    package var paid: Int64
    package var refunded: Int64
    /// Nil for what was paid once.
    package var subscription: ShopSubscription?

    package var refundable: Int64 { paid - refunded }
}

/// The agreement to pay again.
package struct ShopSubscription: Sendable, Hashable {
    package enum State: String, Sendable, Codable {
        case trialing, active, pastDue = "past_due", paused, canceled, completed
    }

    /// ThriveCart's own number, `5440501`: its API asks for it.
    package let number: String
    package let frequency: BillingFrequency
    package var state: State
    /// What due dates are counted from, so that the 31st comes back after February.
    package var anchor: Date
    /// How many intervals after the anchor the next payment is due.
    package var intervals: Int
    /// Payments after the order's own: the last one's number, 0 before the first.
    package var rebills: Int
    /// Payments still to come; nil is without end.
    package var remaining: Int?
    /// Declines of the payment that is due.
    package var declines: Int
    /// On Stripe a pause ends the subscription, and a resume makes another one: how often.
    package var resumes = 0

    /// The processor's own name of it.
    package var processorID: String { "sub_\(number)" + (resumes > 0 ? "r\(resumes)" : "") }

    /// The end of what was paid before the last resume, with which due dates begin anew.
    var paidBefore: Date?

    /// When the next payment is due, which is the end of what the last one paid.
    package var nextDue: Date { frequency.date(after: anchor, intervals: intervals) }

    /// The end of all that is paid. Who paid on the last of a month and again on resuming, a minute later, has paid a day
    /// more than until the next payment is due.
    package var paidUntil: Date { paidBefore.map { max($0, nextDue) } ?? nextDue }

    package var isOver: Bool { state == .canceled || state == .completed }
}

extension BillingFrequency {
    /// The due date so many intervals after the first, by the calendar in UTC.
    ///
    /// Counted from the first and not step by step: a subscription of 31 January is due on 28 February and 31 March.
    func date(after anchor: Date, intervals: Int) -> Date {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let step: (component: Calendar.Component, count: Int) =
            switch self {
            case .day: (.day, 1)
            case .week: (.day, 7)
            case .month: (.month, 1)
            case .quarter: (.month, 3)
            case .halfYear: (.month, 6)
            case .year: (.year, 1)
            }
        // Because the Gregorian calendar always has such a date; nil is for calendars with gaps.
        return calendar.date(byAdding: step.component, value: step.count * intervals, to: anchor) ?? anchor
    }
}

/// Something that happened in the shop, with the books as they stood right after it.
package struct ShopEvent: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case sale
        /// A renewal was paid.
        case payment
        /// A renewal was declined.
        case decline
        /// The last instalment was paid. Account webhooks have no event of its own for it.
        case completion
        case cancellation
        case pause
        case resume
        /// Money back, hundredths.
        case refund(Int64)
    }

    package var kind: Kind
    package var order: ShopOrder
    /// Which item it is about; nil for a sale, which is about all of them.
    package var item: OrderedItem?
    package var occurredAt: Date
    /// The number of the transaction record, `1325600001`.
    package var recordID: String
}

/// A checkout that was left before the button.
package struct LeftCart: Sendable, Hashable {
    package var buyer: ShopBuyer
    /// The front-end product, as it would have been bought.
    package var product: OrderedItem
    package var leftAt: Date
}
