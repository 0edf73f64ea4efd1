import Foundation

/// Times as operators read and write them: UTC, ISO 8601, whole seconds.
enum Moment {
    static func text(_ date: Date) -> String { date.formatted(.iso8601) }

    /// Reads `2026-03-01`, `2026-03-01T10:00:00Z` or an age such as `15m`, `2h`, `7d` before `now`.
    static func parse(_ text: String, now: Date) -> Date? {
        if let age = Span.parse(text) { return now.addingTimeInterval(-age.inSeconds) }
        if let moment = try? Date(text, strategy: .iso8601) { return moment }  // Because nil is the answer for others.
        return try? Date(text, strategy: .iso8601.year().month().day())  // Because nil is the answer for others.
    }
}

/// Spans of time as operators write them.
enum Span {
    /// Reads `500ms`, `10s`, `15m`, `2h`, `7d`; nil for anything else, and for more than 10 000 of a unit.
    static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let count = Int(digits), count <= 10_000 else { return nil }
        return switch text.dropFirst(digits.count) {
        case "ms": .milliseconds(count)
        case "s": .seconds(count)
        case "m": .seconds(count * 60)
        case "h": .seconds(count * 3600)
        case "d": .seconds(count * 86_400)
        default: nil
        }
    }

    /// `340 ms`, `2.1 s`, `3 m 10 s`, `5 h 3 m`, `2 d 7 h`.
    static func text(_ span: Duration) -> String {
        let seconds = min(max(0, span.inSeconds), 1e12)
        if seconds < 1 { return "\(Int((seconds * 1000).rounded())) ms" }
        if seconds < 60 { return "\((seconds * 10).rounded() / 10) s" }
        let whole = Int(seconds)
        if whole < 3600 { return "\(whole / 60) m \(whole % 60) s" }
        if whole < 86_400 { return "\(whole / 3600) h \(whole / 60 % 60) m" }
        return "\(whole / 86_400) d \(whole / 3600 % 24) h"
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
