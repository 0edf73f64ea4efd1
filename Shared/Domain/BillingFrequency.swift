package import Foundation

/// How often a subscription is paid.
package enum BillingFrequency: String, Sendable, Codable, CaseIterable {
    case day, week, month, quarter, halfYear = "half-year", year

    /// The next due date by the calendar in UTC: a month is a month, not 30 days. Source: rule F3.
    ///
    /// The last day of a shorter month stands in for a day it does not have.
    package func next(after date: Date) -> Date {
        // Because nil is for years beyond 9999.
        self.date(date, plus: 1) ?? date
    }

    /// Likewise, for one of the due dates that are counted from `anchor`: 31 January, 28 February, 31 March.
    ///
    /// - Parameter anchor: nil where nobody knows it.
    package func next(after date: Date, of anchor: Date?) -> Date {
        let (unit, isMonths) = step
        guard let anchor, isMonths else { return next(after: date) }
        // Because nil is for years beyond 9999.
        return CivilTime.adding(months: unit, to: date, onDayOf: anchor) ?? date
    }

    /// `count` steps after `anchor`, always counted from it: 31 January, 28 February, 31 March.
    ///
    /// Nil for a count so large that the calendar ends.
    package func date(_ anchor: Date, plus count: Int) -> Date? {
        let (unit, isMonths) = step
        let (value, overflow) = unit.multipliedReportingOverflow(by: count)
        guard !overflow else { return nil }
        return isMonths ? CivilTime.adding(months: value, to: anchor) : CivilTime.adding(days: value, to: anchor)
    }

    private var step: (count: Int, isMonths: Bool) {
        switch self {
        case .day: (1, false)
        case .week: (7, false)
        case .month: (1, true)
        case .quarter: (3, true)
        case .halfYear: (6, true)
        case .year: (12, true)
        }
    }

    /// Reads what the Product API takes as `recurring_times`: a fixed list, nothing else.
    package init?(recurringTimes text: String) {
        switch text {
        case "daily", "1 day": self = .day
        case "weekly", "1 week": self = .week
        case "monthly", "1 month": self = .month
        case "quarterly", "3 months": self = .quarter
        case "semi-yearly", "6 months": self = .halfYear
        case "yearly", "1 year": self = .year
        default: return nil
        }
    }

    package static let recurringTimes = [
        "daily", "1 day", "weekly", "1 week", "monthly", "1 month", "quarterly", "3 months", "semi-yearly", "6 months",
        "yearly", "1 year",
    ]
}
