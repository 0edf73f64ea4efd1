package import Domain
package import Foundation
package import Store

/// A letter as mail programs read it: ASCII throughout, so that no program on the way has anything to change.
///
/// Source: RFC 5322, RFC 2045 (quoted-printable), RFC 2046 (multipart/alternative), RFC 2047 (encoded words), RFC 3834.
package enum MailMessage {
    /// Nil when the address can't be written so that one address is read: only ASCII can, and no control characters.
    package static func bytes(of mail: Mail, from sender: EmailAddress, at now: Date) -> [UInt8]? {
        guard let to = mailbox(mail.recipient), let from = mailbox(sender) else { return nil }
        let boundary = "=_\(mail.id)"
        let domain = sender.normalized.split(separator: "@").last ?? "localhost"
        let lines = [
            "From: \(from)",
            "To: \(to)",
            "Subject: \(header(mail.subject))",
            "Date: \(date(now))",
            "Message-ID: <\(mail.id)@\(domain)>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: multipart/alternative;",
            " boundary=\"\(boundary)\"",
            "",
            "--\(boundary)",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            quotedPrintable(mail.text),
            "--\(boundary)",
            "Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            quotedPrintable(mail.html),
            "--\(boundary)--",
            "",
        ]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// `<ana@example.com>`; a local part that is no plain word is quoted, so that no comma or bracket in it splits it.
    static func mailbox(_ address: EmailAddress) -> String? {
        let text = address.original
        guard let at = text.lastIndex(of: "@") else { return nil }
        let local = text[..<at]
        // The domain in its ASCII form, which `normalized` has.
        guard let domain = address.normalized.split(separator: "@").last,
            domain.utf8.allSatisfy({ isWordByte($0) || $0 == UInt8(ascii: ".") }),
            local.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        let isPlain =
            local.utf8.allSatisfy { isWordByte($0) || "!#$%&'*+/=?^_`{|}~.".utf8.contains($0) }
            && !local.hasPrefix(".") && !local.hasSuffix(".") && !local.contains("..")
        if isPlain { return "<\(local)@\(domain)>" }
        let quoted = local.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
        return "<\"\(quoted)\"@\(domain)>"
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Plain where it is short ASCII, else encoded words of at most 75 characters, folded. Line ends become blanks.
    static func header(_ text: String) -> String {
        let text = String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 })
        )
        if text.utf8.count <= 60, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), !text.contains("=?") {
            return text
        }
        // Whole characters only: a word must be readable on its own. 45 bytes make 60 of base64.
        var words: [[UInt8]] = [[]]
        for character in text.unicodeScalars {
            let bytes = Array(String(character).utf8)
            if words[words.count - 1].count + bytes.count > 42 { words.append([]) }
            words[words.count - 1] += bytes
        }
        return words.map { "=?utf-8?B?\(Data($0).base64EncodedString())?=" }.joined(separator: "\n ")
    }

    /// Lines of at most 76, each byte that is not plain as `=XX`, blanks at line ends too.
    static func quotedPrintable(_ text: String) -> String {
        let unified = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        return unified.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let bytes = Array(line.utf8)
            var out = ""
            var width = 0
            for (index, byte) in bytes.enumerated() {
                let isLast = index == bytes.count - 1
                let piece: String
                switch byte {
                case UInt8(ascii: " ") where !isLast, 0x21...0x3C, 0x3E...0x7E:
                    // A dot alone on a line, or "From " at its beginning, would be changed on the way.
                    let isRisky = index == 0 && (byte == UInt8(ascii: ".") || byte == UInt8(ascii: "F"))
                    piece = isRisky ? escaped(byte) : String(UnicodeScalar(byte))
                default: piece = escaped(byte)
                }
                if width + piece.utf8.count > 75 {
                    out += "=\n"
                    width = 0
                }
                out += piece
                width += piece.utf8.count
            }
            return out
        }
        .joined(separator: "\n")
    }

    private static func escaped(_ byte: UInt8) -> String {
        let hex = String(byte, radix: 16, uppercase: true)
        return "=" + (hex.count == 1 ? "0" + hex : hex)
    }

    /// `Sat, 21 Nov 2026 02:25:00 +0000`
    private static func date(_ now: Date) -> String {
        let format = Date.VerbatimFormatStyle(
            format: """
                \(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .defaultDigits) \
                \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\
                \(second: .twoDigits) +0000
                """,
            locale: Locale(identifier: "en_US_POSIX"),
            timeZone: .gmt,
            calendar: Calendar(identifier: .gregorian)
        )
        return format.format(now)
    }
}
