package import Foundation

/// How often a subscription is paid.
package enum BillingFrequency: String, Sendable, Codable, CaseIterable {
    case day, week, month, quarter, halfYear = "half-year", year

    /// The next due date by the calendar in UTC: a month is a month, not 30 days. Source: rule F3.
    ///
    /// The last day of a shorter month stands in for a day it does not have.
    package func next(after date: Date) -> Date {
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
        // Because the Gregorian calendar always has a date one step later; nil is for calendars with gaps.
        return calendar.date(byAdding: step.0, value: step.1, to: date) ?? date
    }
}
