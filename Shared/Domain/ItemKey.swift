/// What was bought inside an order, as ThriveCart writes it: `product-2`, `bump-7`, `upsell-3`, `downsell-5`.
///
/// The kind is part of the key: `bump-7` and `product-7` are different things although the number is equal.
/// Source: rules D1 and D4.
package struct ItemKey: Hashable, Sendable, Comparable {
    package enum Kind: String, Sendable, CaseIterable, Codable {
        case product, bump, upsell, downsell
    }

    package let kind: Kind
    /// The provider's number without leading zeros; at most 18 digits, kept as text.
    package let number: String

    /// Reads `product-2`; blanks around it and upper case are forgiven, anything else is nil.
    ///
    /// An underscore stands for the hyphen in `item_identifier` fields.
    package init?(_ text: String) {
        let trimmed = text.trimmingBlanks().lowercased()
        guard let separator = trimmed.firstIndex(where: { $0 == "-" || $0 == "_" }) else { return nil }
        self.init(kind: String(trimmed[..<separator]), number: String(trimmed[trimmed.index(after: separator)...]))
    }

    /// Reads the two halves that later events carry apart, such as `subscription[type]` and `subscription[id]`.
    package init?(kind: String, number: String) {
        guard let kind = Kind(rawValue: kind.trimmingBlanks().lowercased()) else { return nil }
        let digits = number.trimmingBlanks()
        guard (1...18).contains(digits.utf8.count), digits.utf8.first != UInt8(ascii: "0"),
            digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        self.kind = kind
        self.number = digits
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.description < right.description
    }
}

extension ItemKey: CustomStringConvertible {
    package var description: String { "\(kind.rawValue)-\(number)" }
}

extension ItemKey: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let key = Self(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an item key")
        }
        self = key
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension String {
    /// The text without blanks, tabs and line ends around it.
    package func trimmingBlanks() -> String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
