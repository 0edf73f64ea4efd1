package import Foundation

/// When a delivery that failed is tried again.
package enum DeliverySchedule {
    /// The wait before each try, from the first on: ten tries in a little over three days.
    ///
    /// Source: Standard Webhooks, "Retry schedule".
    package static let waits: [Duration] = [
        .zero, .seconds(5), .seconds(300), .seconds(1800), .seconds(7200), .seconds(18_000), .seconds(36_000),
        .seconds(50_400), .seconds(72_000), .seconds(86_400),
    ]

    /// The longest that a receiver may ask us to wait.
    package static let longestWait = Duration.seconds(86_400)

    /// What follows after try number `attempt` (1 is the first), or nil when it was the last.
    ///
    /// - Parameters:
    ///   - retryAfter: the receiver's header, seconds or an HTTP date; it can make the wait longer, never shorter.
    ///   - jitter: 0 ..< 1; spreads the wait over ± 10 %.
    package static func wait(after attempt: Int, retryAfter: String?, now: Date, jitter: Double) -> Duration? {
        guard attempt >= 1, attempt < waits.count else { return nil }
        let spread = waits[attempt] * (0.9 + 0.2 * min(max(jitter, 0), 1))
        guard let asked = retryAfter.flatMap({ wait(asked: $0, now: now) }) else { return spread }
        return max(spread, min(asked, longestWait))
    }

    private static func wait(asked text: String, now: Date) -> Duration? {
        let text = text.filter { !$0.isWhitespace || $0 == " " }
        if text.utf8.count <= 9, let seconds = Int64(text), seconds >= 0 { return .seconds(seconds) }
        // Because nonsense is no wish.
        guard let date = try? Date(text, strategy: Date.ParseStrategy.httpDate), date > now else { return nil }
        return .seconds(min(date.timeIntervalSince(now), 86_400))
    }
}

extension Date.ParseStrategy {
    /// `Sat, 21 Nov 2026 02:25:00 GMT`. Source: RFC 9110 § 5.6.7.
    static var httpDate: Date.ParseStrategy {
        Date.ParseStrategy(
            format: """
                \(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .defaultDigits) \
                \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\
                \(second: .twoDigits) GMT
                """,
            locale: Locale(identifier: "en_US_POSIX"),
            timeZone: .gmt
        )
    }
}
