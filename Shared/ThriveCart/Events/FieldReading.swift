import Domain
package import Foundation

// How single fields are read. On the wire every scalar may be text, also in JSON: "5900", "true", and "null" or "false"
// where there is nothing. Source: rule A4.

extension PayloadNode {
    /// Text that says something: without blanks around it, not empty, not "null".
    ///
    /// Not for people's names: somebody is called Null.
    package var value: String? {
        guard let text = text?.trimmingBlanks(), !text.isEmpty, text.lowercased() != "null" else { return nil }
        return text
    }

    /// An id: printable, at most 100 bytes, and neither "false", which stands for no transaction, nor nought, which PHP
    /// has where there is none: as a customer's number it would make one person of strangers.
    package var identifier: String? {
        guard let value, value.lowercased() != "false", value.utf8.count <= 100,
            value.utf8.contains(where: { $0 != UInt8(ascii: "0") }),
            value.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
        else { return nil }
        return value
    }

    /// An amount in hundredths. Nil for anything but a whole number within 64 bits. Source: rule E1.
    package var hundredths: Int64? { value.flatMap { $0.utf8.count <= 20 ? Int64($0) : nil } }

    /// A small count, 0 or more.
    package var count: Int? {
        guard let value, value.utf8.count <= 9, let count = Int(value), count >= 0 else { return nil }
        return count
    }

    /// A moment: unix seconds, `Y-m-d H:i:s` in UTC, or ISO 8601. Source: rule C2.
    package var time: Date? { value.flatMap(Date.init(thriveCart:)) }
}

extension Date {
    /// The end of the year 9999: milliseconds and other nonsense are beyond it.
    private static let lastSecond: Int64 = 253_402_300_799

    /// Reads unix seconds, `2026-09-21 14:13:20`, `2026-09-21T14:13:20+00:00` (or `Z`), or `2026-09-21`.
    ///
    /// What has no zone is UTC. Nil for anything else, for a day that does not exist, and for moments before 1970.
    package init?(thriveCart text: String) {
        let bytes = Array(text.utf8)
        if let seconds = bytes.allSatisfy(\.isDigit) ? Int64(text) : nil {
            guard (1...Self.lastSecond).contains(seconds) else { return nil }
            self.init(timeIntervalSince1970: TimeInterval(seconds))
            return
        }
        guard let seconds = Self.seconds(of: bytes), (1...Self.lastSecond).contains(seconds) else { return nil }
        self.init(timeIntervalSince1970: TimeInterval(seconds))
    }

    private static func seconds(of bytes: [UInt8]) -> Int64? {
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count, bytes[range].allSatisfy(\.isDigit) else { return nil }
            return bytes[range].reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        }
        func isByte(_ byte: Unicode.Scalar, at index: Int) -> Bool {
            index < bytes.count && bytes[index] == UInt8(ascii: byte)
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            isByte("-", at: 4), isByte("-", at: 7), let days = Self.days(year: year, month: month, day: day)
        else { return nil }
        if bytes.count == 10 { return days * 86_400 }

        guard isByte(" ", at: 10) || isByte("T", at: 10), isByte(":", at: 13), isByte(":", at: 16),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let local = days * 86_400 + hour * 3_600 + minute * 60 + second

        var rest = 19
        if isByte(".", at: rest) {
            rest += 1
            while rest < bytes.count, bytes[rest].isDigit { rest += 1 }
        }
        if rest == bytes.count || (rest + 1 == bytes.count && isByte("Z", at: rest)) { return local }
        let isBehind = isByte("-", at: rest)
        let minutesAt = isByte(":", at: rest + 3) ? rest + 4 : rest + 3
        guard isBehind || isByte("+", at: rest), bytes.count == minutesAt + 2, let hours = number(rest + 1..<rest + 3),
            let minutes = number(minutesAt..<minutesAt + 2), hours < 24, minutes < 60
        else { return nil }
        let offset = hours * 3_600 + minutes * 60
        return isBehind ? local + offset : local - offset
    }

    /// Days since 1970 of a day in the Gregorian calendar; nil for one that does not exist.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        guard (1...12).contains(month) else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length: Int64 = [2: isLeap ? 29 : 28, 4: 30, 6: 30, 9: 30, 11: 30][month] ?? 31
        guard (1...length).contains(day) else { return nil }
        // Years begin in March, so that the leap day is the last one.
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
