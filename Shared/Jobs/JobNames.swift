package import Foundation
import Synchronization

/// The stable name of a sort of work: `renewals.charge`. Lower case letters, digits, `.`, `-`, `_`, no `.` in
/// front; 100 bytes at most.
package struct JobKind: Sendable, Hashable, Codable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let text: String

    /// Nil when `text` is no kind.
    package init?(_ text: String) {
        guard isName(text), !text.hasPrefix(".") else { return nil }
        self.text = text
    }

    /// For names in code; one that is no kind is a mistake of ours.
    package init(stringLiteral value: String) {
        precondition(isName(value), "not a job kind: \(value)")
        text = value
    }

    /// What a queue holds, which may come from a release that knows other rules.
    init(unchecked text: String) { self.text = text }

    package init(from decoder: any Decoder) throws { text = try decoder.singleValueContainer().decode(String.self) }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    package var description: String { text }
}

/// Where jobs wait: `renewals`. The same letters as a kind; it stands between the braces of every key of the queue.
/// `renewals#1` is a shard of it, see `JobQueue.shards`.
package struct QueueName: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let text: String

    /// Nil when `text` is no queue name.
    package init?(_ text: String) {
        guard isName(text) else { return nil }
        self.text = text
    }

    /// For names in code; one that is no queue name is a mistake of ours.
    package init(stringLiteral value: String) {
        precondition(isName(value), "not a queue name: \(value)")
        text = value
    }

    /// For what Redis holds, and for shards.
    init(unchecked text: String) { self.text = text }

    /// Reads a name that this type wrote, of a shard too. Nil when it is none.
    package init?(stored text: String) {
        let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        guard isName(String(parts[0])), parts.count == 1 || Int(parts[1]) != nil else { return nil }
        self.text = text
    }

    /// The queue that this is a shard of, or itself.
    package var whole: QueueName { QueueName(unchecked: String(text.prefix { $0 != "#" })) }

    package var description: String { text }
}

private func isName(_ text: String) -> Bool {
    (1...100).contains(text.utf8.count)
        && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
}

/// What names one job in its queue. A producer that has a name for the work already (a provider's event id) uses that:
/// sent again, it is a duplicate.
package struct JobID: Sendable, Hashable, Codable, CustomStringConvertible, ExpressibleByStringInterpolation {
    package let text: String

    package init(_ text: String) { self.text = text }
    package init(stringLiteral value: String) { text = value }

    private static let chance = Chance()

    /// 16 bits that are the same for all ids of a process, and 64 that never come twice in it: chance is asked for once, not
    /// by a system call for each id. Ids are unique, not secret.
    private final class Chance: Sendable {
        let process = UInt64(UInt16.random(in: 0 ... .max))
        private let counter = Atomic(UInt64.random(in: 0 ... .max))

        func next() -> UInt64 {
            // SplitMix64: a step, then a mix that maps each number to another.
            var mixed = counter.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// A new one: 48 bits of time, 80 of chance, as 22 letters that sort by time.
    package init(at now: Date = Date()) {
        let time = UInt64(clamping: Int64(clamping: now.milliseconds)) & 0xFFFF_FFFF_FFFF
        var high = time << 16 | Self.chance.process
        var low = Self.chance.next()
        text = String(unsafeUninitializedCapacity: 22) { buffer in
            // 128 bits, the last letter first: 21 letters of 6 bits, and 2 bits in front.
            for index in stride(from: 21, through: 0, by: -1) {
                buffer[index] = Self.letters[Int(low & 63)]
                low = low >> 6 | high << 58
                high >>= 6
            }
            return 22
        }
    }

    package init(from decoder: any Decoder) throws { text = try decoder.singleValueContainer().decode(String.self) }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    package var description: String { text }

    /// In the order of ASCII, so that texts sort like numbers.
    private static let letters = Array("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz".utf8)
}
