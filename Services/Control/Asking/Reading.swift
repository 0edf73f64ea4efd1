import ArgumentParser
import Domain
import Foundation
import Jobs

/// Reads what operators type into what we mean, and says what was wanted instead.
enum Reading {
    /// The short name of a site or a plan.
    static func slug(_ text: String) throws -> Slug {
        try Slug(text)
            ?? fail("a short name has up to 63 lower case letters, digits and hyphens, such as sailing-course")
    }

    /// An External ID. Exact but for case: one that is nearly right must not be taken for another. Source: rule D4.
    static func item(_ text: String) throws -> ItemKey {
        guard let key = ItemKey(text), key.description == text.lowercased() else {
            return try fail("an External ID is product-2, bump-7, upsell-3 or downsell-5, with ThriveCart's number")
        }
        return key
    }

    /// The name of a ThriveCart account.
    static func thriveCartAccount(_ text: String) throws -> String {
        let account = text.trimmingBlanks().lowercased()
        let isName =
            (1...100).contains(account.utf8.count) && !account.contains { $0 == "." || $0 == "/" || $0.isWhitespace }
        return isName ? account : try fail("an account's name is demoshop, not demoshop.thrivecart.com or an address")
    }

    static func email(_ text: String) throws -> EmailAddress {
        try EmailAddress(text) ?? fail("an e-mail address is name@example.com")
    }

    /// The id of one of our things.
    static func id<Subject>(_ text: String) throws -> Identifier<Subject> {
        try Identifier(text) ?? fail("an id has 36 characters, such as 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e")
    }

    static func queue(_ text: String) throws -> QueueName {
        try QueueName(text)
            ?? fail("a queue's name has lower case letters, digits, dots and hyphens, such as fulfillment")
    }

    static func kind(_ text: String) throws -> JobKind {
        try JobKind(text) ?? fail("a kind is a queue and a verb, such as fulfillment.apply")
    }

    /// A provider's order id.
    static func order(_ text: String) throws -> String {
        let isNumber = (1...18).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        return isNumber ? text : try fail("an order's number has up to 18 digits, such as 40000001")
    }

    /// An amount, as hundredths.
    static func money(_ text: String) throws -> Int64 {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isDigits = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        guard isDigits, parts.count == 1 || (parts.count == 2 && parts[1].utf8.count == 2), parts[0].utf8.count <= 9,
            let amount = Int64(parts[0] + (parts.count == 2 ? parts[1] : "00"))
        else { return try fail("an amount is 49 or 49.00") }
        return amount
    }

    /// A span of time.
    static func span(_ text: String) throws -> Duration {
        try Span.parse(text) ?? fail("a time is 500ms, 10s, 15m, 2h or 7d")
    }

    /// So many in a time, or no limit.
    static func rate(_ text: String) throws -> RateChange {
        if text == "off" { return RateChange() }
        let parts = text.split(separator: "/")
        guard parts.count == 2, let count = Int(parts[0]), (1...1_000_000).contains(count),
            let period = Span.parse(String(parts[1])), period > .zero
        else { return try fail("a rate is 10/1s, 100/1m or off") }
        return RateChange(rate: Rate(count, per: period, burst: count))
    }

    /// A moment, or an age.
    static func moment(_ text: String) throws -> Date {
        try Moment.parse(text, now: .now)
            ?? fail("a moment is 2026-03-01, 2026-03-01T10:00:00Z, or an age such as 2h or 7d")
    }

    private static func fail<Value>(_ message: String) throws -> Value { throw ValidationError(message) }
}

/// A rate that is set, or taken away.
struct RateChange: Sendable, Hashable {
    var rate: Rate?
}
