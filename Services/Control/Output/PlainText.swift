/// Text from outside, made harmless for a terminal, and how much room text takes there.
enum PlainText {
    /// The text with every character that could move the cursor, change colours or turn the reading direction replaced.
    ///
    /// Names and bodies come from strangers: an escape sequence in a buyer's name must not reach the operator's screen.
    /// With `keepingLines`, line feeds and tabs stay.
    static func shown(_ text: String, keepingLines: Bool = false) -> String {
        guard text.unicodeScalars.contains(where: { isUnsafe($0) }) else { return text }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let stays = keepingLines && (scalar == "\n" || scalar == "\t")
            shown.append(!stays && isUnsafe(scalar) ? "\u{FFFD}" : scalar)
        }
        return String(shown)
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0: true
        case 0x200E, 0x200F, 0x061C, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// Columns the text takes: two for East Asian wide characters and emoji, one for the rest.
    static func width(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + width($1) }
    }

    private static func width(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        switch first.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
            0x20000...0x3FFFD:
            return 2
        default:
            return first.properties.generalCategory == .nonspacingMark ? 0 : 1
        }
    }

    /// The text cut to that many columns, its end marked with `…` where something is missing.
    static func cut(_ text: String, to columns: Int) -> String {
        guard width(text) > columns else { return text }
        guard columns > 1 else { return columns == 1 ? "…" : "" }
        var kept = ""
        var used = 1
        for character in text {
            used += width(character)
            if used > columns { break }
            kept.append(character)
        }
        return kept + "…"
    }

    /// The text with blanks after (or before) it up to that many columns.
    static func padded(_ text: String, to columns: Int, flushRight: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, columns - width(text)))
        return flushRight ? blanks + text : text + blanks
    }

    /// The text in lines of at most that many columns, broken at blanks; nil is one line. Longer words stay whole.
    static func wrapped(_ text: String, to columns: Int?) -> [String] {
        guard let columns, width(text) > columns else { return [text] }
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, width(line) + 1 + width(String(word)) > columns {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [line]
    }
}
