/// An amount in the smallest unit of its currency, as payment providers count it.
///
/// Two decimals, but none for HUF, JPY and TWD, in which providers take whole units only.
/// Source: PayPal, "Currency codes".
package struct Money: Sendable, Hashable, Codable {
    package var minorUnits: Int64
    /// Three capitals of ISO 4217.
    package var currency: String

    package init(minorUnits: Int64, currency: String) {
        self.minorUnits = minorUnits
        self.currency = currency.uppercased()
    }

    /// Reads `17.5` and `17.50` as 1750, `100` and `100.00` yen as 100; nil for what is no amount of the currency.
    ///
    /// Digits, one point, a minus sign in front; no exponent, no blanks, no thousands separators.
    package init?(_ text: String, _ currency: String) {
        let currency = currency.uppercased()
        guard currency.utf8.count == 3, currency.utf8.allSatisfy({ (65...90).contains($0) }) else { return nil }
        let isNegative = text.hasPrefix("-")
        let halves = text.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(halves.count), halves.allSatisfy(Self.isDigits) else { return nil }

        let decimals = Self.decimals(of: currency)
        let fraction = halves.count == 2 ? halves[1] : "0"
        guard fraction.dropFirst(decimals).allSatisfy({ $0 == "0" }) else { return nil }
        let shown = fraction.prefix(decimals)
        let padded = halves[0] + shown + String(repeating: "0", count: decimals - shown.count)
        guard let units = Int64(padded) else { return nil }
        self.init(minorUnits: isNegative ? -units : units, currency: currency)
    }

    package static func decimals(of currency: String) -> Int {
        ["HUF", "JPY", "TWD"].contains(currency) ? 0 : 2
    }

    /// As the wire wants it: `17.50`, and `100` yen.
    package var text: String {
        let decimals = Self.decimals(of: currency)
        guard decimals > 0 else { return String(minorUnits) }
        let digits = String(minorUnits.magnitude)
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return (minorUnits < 0 ? "-" : "") + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }

    private static func isDigits(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.count <= 18 && text.utf8.allSatisfy { (48...57).contains($0) }
    }
}

extension Money: CustomStringConvertible {
    package var description: String { text + " " + currency }
}
