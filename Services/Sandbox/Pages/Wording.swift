internal import Domain
internal import Foundation

/// Amounts, times and states as people read them.
enum Wording {
    /// `$29.00`; other currencies by their code.
    static func money(_ hundredths: Int64, _ currency: String) -> String {
        (currency == "USD" ? "$" : currency + " ") + plain(hundredths)
    }

    /// `29.00`
    static func plain(_ hundredths: Int64) -> String {
        let (whole, part) = hundredths.magnitude.quotientAndRemainder(dividingBy: 100)
        return (hundredths < 0 ? "-" : "") + "\(whole)." + (part < 10 ? "0" : "") + "\(part)"
    }

    /// Hundredths of `29`, `29.5` or `29.00`; nil for anything else.
    static func hundredths(_ text: String) -> Int64? {
        let parts = text.trimmingBlanks().split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), (1...12).contains(parts[0].utf8.count), let whole = UInt32(parts[0]) else {
            return nil
        }
        guard parts.count == 2 else { return Int64(whole) * 100 }
        guard (1...2).contains(parts[1].utf8.count), let part = UInt32(parts[1]) else { return nil }
        return Int64(whole) * 100 + Int64(parts[1].utf8.count == 1 ? part * 10 : part)
    }

    /// `21 Nov 2026, 14:05 UTC`
    static func time(_ date: Date) -> String {
        date.formatted(
            Date.VerbatimFormatStyle(
                format: """
                    \(day: .defaultDigits) \(month: .abbreviated) \(year: .defaultDigits), \
                    \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits) UTC
                    """,
                locale: Locale(identifier: "en_US"),
                timeZone: .gmt,
                calendar: Calendar(identifier: .gregorian)
            )
        )
    }

    /// `31 days`
    static func days(_ seconds: TimeInterval) -> String {
        let days = (seconds / 86_400).rounded()
        return days == 1 ? "1 day" : "\(Int(exactly: days) ?? 0) days"
    }

    static func size(_ count: Int, _ noun: String, _ plural: String? = nil) -> String {
        count == 1 ? "1 \(noun)" : "\(count) \(plural ?? noun + "s")"
    }
}

extension ShopSubscription.State {
    var word: String {
        switch self {
        case .trialing: "on trial"
        case .active: "active"
        case .pastDue: "past due"
        case .paused: "paused"
        case .canceled: "canceled"
        case .completed: "paid off"
        }
    }

    /// The colour of its chip, a class of the style sheet.
    var tone: String {
        switch self {
        case .trialing, .active, .completed: "good"
        case .pastDue: "bad"
        case .paused: "warn"
        case .canceled: ""
        }
    }
}
