internal import Domain
package import Foundation

/// The numbers that ThriveCart gives things.
///
/// Whoever hears of our orders remembers them longer than we do: a number must not come again after a restart. So they
/// count from the seconds of the clock, and a shop that sells less than one thing a second never meets an old one.
package struct ShopNumbers: Sendable {
    private var orders: Int
    private var subscriptions: Int
    private var records: Int

    package init(startedAt date: Date) {
        let seconds = Int(exactly: date.timeIntervalSince1970.rounded(.down)) ?? 0
        self.init(first: max(0, seconds - 1_700_000_000))
    }

    /// - Parameter first: the first order's number.
    package init(first: Int) {
        orders = first
        subscriptions = first
        records = first * 100  // an order has many transactions
    }

    /// An order's number and its invoice's: nine digits with zeros before them.
    mutating func nextOrder() -> (order: String, invoice: String) {
        defer { orders += 1 }
        return (String(orders), String(repeating: "0", count: max(0, 9 - String(orders).count)) + String(orders))
    }

    mutating func nextSubscription() -> String {
        defer { subscriptions += 1 }
        return String(subscriptions)
    }

    /// Of a transaction record.
    mutating func nextRecord() -> String {
        defer { records += 1 }
        return String(records)
    }

    /// 18 digits that are always the same for the same buyer.
    static func customer(_ email: String) -> String {
        let known = EmailAddress(email)?.normalized ?? email
        // FNV-1a: any mixture would do, but it must be the same in every process.
        let mixed = known.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return String(100_000_000_000_000_000 + mixed % 900_000_000_000_000_000)
    }
}
