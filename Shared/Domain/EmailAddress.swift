import Foundation

/// An e-mail address, compared as one person would: blanks, case and Unicode form do not matter, tags and dots do.
///
/// Source: rule G2.
package struct EmailAddress: Sendable, Hashable {
    /// As it came, trimmed: what mail is sent to.
    package let original: String
    /// Lower case, NFC, the domain in ASCII: what is compared and stored under a unique index.
    package let normalized: String

    /// Nil for what can't be an address: no `@`, an empty half, blanks or control characters inside, over 254 bytes.
    package init?(_ text: String) {
        let trimmed = text.trimmingBlanks()
        guard (3...254).contains(trimmed.utf8.count), let at = trimmed.lastIndex(of: "@") else { return nil }
        let local = trimmed[..<at]
        let domain = trimmed[trimmed.index(after: at)...]
        guard !local.isEmpty, !domain.isEmpty,
            !trimmed.unicodeScalars.contains(where: {
                $0.properties.isWhitespace || $0.value < 0x20 || $0.value == 0x7F
            })
        else { return nil }
        original = trimmed
        normalized = Self.lowered(String(local)) + "@" + Self.ascii(domain: String(domain))
    }

    package static func == (left: Self, right: Self) -> Bool { left.normalized == right.normalized }
    package func hash(into hasher: inout Hasher) { hasher.combine(normalized) }

    /// Composed again at the end, for some small letters have a code of their own where the capital has none.
    private static func lowered(_ text: String) -> String {
        text.precomposedStringWithCanonicalMapping.lowercased().precomposedStringWithCanonicalMapping
    }

    /// The domain as DNS spells it; one that IDNA refuses is only lower-cased, so that it still equals itself.
    private static func ascii(domain: String) -> String {
        let lowered = lowered(domain)
        if lowered.utf8.allSatisfy({ $0 < 0x80 }) { return lowered }
        var components = URLComponents()
        components.host = lowered
        return components.encodedHost?.lowercased() ?? lowered
    }
}

extension EmailAddress: CustomStringConvertible {
    /// Says nothing, so that no log line can: see `original` and `normalized`.
    package var description: String { "EmailAddress(…)" }
}
