package import Foundation

/// Every movement of money, in the order in which it happened: what a test asks to know whether a buyer was charged once.
package struct MoneyBook: Sendable {
    package struct Entry: Sendable {
        package enum Kind: String, Sendable {
            case capture, refund, reversal
        }

        package var number: Int
        package var at: Date
        package var kind: Kind
        package var merchant: String
        package var order: String
        package var capture: String
        package var refund: String?
        package var amount: PayPalAmount
        package var fee: PayPalAmount
        package var invoiceID: String?
        package var customID: String?
        /// The `PayPal-Request-Id` of the call that moved it.
        package var requestID: String?
        /// `paypal`, `card`, …
        package var source: String
        package var vaultID: String?
        package var payer: String?
        package var call: String
    }

    /// Oldest first; of very many the oldest are forgotten.
    package private(set) var entries: [Entry] = []
    private var made = 0
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    mutating func enter(_ entry: Entry) {
        made += 1
        entries.append(entry)
        entries[entries.count - 1].number = made
        if entries.count > limit + limit / 4 { entries.removeFirst(entries.count - limit) }
    }
}

extension MoneyBook.Entry {
    var json: SandboxJSON {
        .of([
            "number": .whole(number),
            "at": .string(PayPalTime.utc(at)),
            "kind": .string(kind.rawValue),
            "merchant_id": .string(merchant),
            "order_id": .string(order),
            "capture_id": .string(capture),
            "refund_id": refund.map { .string($0) },
            "amount": amount.json,
            "minor": .whole(amount.minor),
            "fee": fee.json,
            "invoice_id": invoiceID.map { .string($0) },
            "custom_id": customID.map { .string($0) },
            "request_id": requestID.map { .string($0) },
            "source": .string(source),
            "vault_id": vaultID.map { .string($0) },
            "payer_id": payer.map { .string($0) },
            "call": .string(call),
        ])
    }
}

/// Times as PayPal writes them.
enum PayPalTime {
    /// `2026-06-04T08:46:46Z`.
    static func utc(_ date: Date) -> String { date.ISO8601Format() }

    /// `2026-06-04T08:46:46.000Z`, in event envelopes.
    static func milliseconds(_ date: Date) -> String { String(utc(date).dropLast()) + ".000Z" }

    /// `2026-06-04T01:46:46-07:00`, on refunds.
    static func pacific(_ date: Date) -> String {
        String(utc(date.addingTimeInterval(-7 * 3600)).dropLast()) + "-07:00"
    }

    /// `2026-06-04T08:46:46+0000`, in reports.
    static func report(_ date: Date) -> String { String(utc(date).dropLast()) + "+0000" }

    /// Any of them, with or without a fraction.
    static func read(_ text: String) -> Date? {
        var text = text.replacing(" ", with: "+")  // a plus that a query turned into a blank
        if let dot = text.firstIndex(of: ".") {
            let end = text[dot...].dropFirst().firstIndex { !$0.isNumber } ?? text.endIndex
            text.removeSubrange(dot..<end)
        }
        if text.hasSuffix("+0000") || text.hasSuffix("-0000") { text = String(text.dropLast(5)) + "Z" }
        // Because what can't be read is the caller's mistake, and the caller is told so.
        return try? Date(text, strategy: .iso8601)
    }
}
