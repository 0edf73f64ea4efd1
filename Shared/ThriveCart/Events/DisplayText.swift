import Domain

extension String {
    /// The text as people should see it: HTML entities decoded once, on one line, without control characters, at most
    /// `limit` scalars. Nil when nothing is left.
    ///
    /// For display only; nothing is matched by it. Source: rule G5.
    func displayed(limit: Int = 200) -> String? {
        var text = String.UnicodeScalarView()
        var count = 0
        var isAfterBlank = true
        let start = String(String.UnicodeScalarView(unicodeScalars.prefix(limit * 10)))
        for scalar in start.decodingEntities().unicodeScalars where count < limit {
            if scalar.properties.isWhitespace || scalar.value < 0x20 {
                guard !isAfterBlank else { continue }
                text.append(" ")
                isAfterBlank = true
            } else if scalar.properties.generalCategory != .control {
                text.append(scalar)
                isAfterBlank = false
            } else {
                continue
            }
            count += 1
        }
        let displayed = String(text).trimmingBlanks()
        return displayed.isEmpty ? nil : displayed
    }

    /// What PHP's htmlspecialchars did, undone once: `&amp;lt;` becomes `&lt;`.
    private func decodingEntities() -> String {
        guard utf8.contains(UInt8(ascii: "&")) else { return self }
        var decoded = ""
        var rest = self[...]
        while let ampersand = rest.firstIndex(of: "&") {
            decoded += rest[..<ampersand]
            rest = rest[ampersand...]
            let body = rest.dropFirst().prefix(9)
            if let semicolon = body.firstIndex(of: ";"), let scalar = Self.entity(body[..<semicolon]) {
                decoded.unicodeScalars.append(scalar)
                rest = rest[rest.index(after: semicolon)...]
            } else {
                decoded += "&"
                rest = rest.dropFirst()
            }
        }
        return decoded + rest
    }

    private static func entity(_ name: Substring) -> Unicode.Scalar? {
        switch name {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        case "nbsp": return " "
        default:
            guard name.hasPrefix("#") else { return nil }
            let digits = name.dropFirst()
            let isHex = digits.hasPrefix("x") || digits.hasPrefix("X")
            guard let number = isHex ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits), number >= 0x20 else {
                return nil
            }
            return Unicode.Scalar(number)
        }
    }
}
