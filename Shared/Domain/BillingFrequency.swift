package import Foundation

/// How often a subscription is paid.
package enum BillingFrequency: String, Sendable, Codable, CaseIterable {
    case day, week, month, quarter, halfYear = "half-year", year

    /// The next due date by the calendar in UTC: a month is a month, not 30 days. Source: rule F3.
    ///
    /// The last day of a shorter month stands in for a day it does not have.
    package func next(after date: Date) -> Date {
        // Because the Gregorian calendar always has a date one step later; nil is for calendars with gaps.
        self.date(date, plus: 1) ?? date
    }

    /// `count` steps after `anchor`, always counted from it: 31 January, 28 February, 31 March.
    ///
    /// Nil for a count so large that the calendar ends.
    package func date(_ anchor: Date, plus count: Int) -> Date? {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let step: (Calendar.Component, Int) =
            switch self {
            case .day: (.day, 1)
            case .week: (.day, 7)
            case .month: (.month, 1)
            case .quarter: (.month, 3)
            case .halfYear: (.month, 6)
            case .year: (.year, 1)
            }
        let (value, overflow) = step.1.multipliedReportingOverflow(by: count)
        guard !overflow, abs(value) < 1_000_000 else { return nil }
        return calendar.date(byAdding: step.0, value: value, to: anchor)
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
