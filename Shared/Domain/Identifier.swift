package import Foundation

/// The id of one kind of thing, so that a member's id can't stand where a plan's is asked for.
///
/// On the wire and in Postgres it is a lower-case UUID. New ones are version 7: they sort by the time they were made.
package struct Identifier<Subject>: Hashable, Sendable, Comparable {
    package let uuid: UUID

    package init(_ uuid: UUID) {
        self.uuid = uuid
    }

    /// Reads a UUID as people type it; nil for anything else.
    package init?(_ text: String) {
        guard let uuid = UUID(uuidString: text) else { return nil }
        self.init(uuid)
    }

    /// A new id whose first 48 bits are the milliseconds of `now`.
    ///
    /// Source: RFC 9562, section 5.7.
    package static func new(at now: Date) -> Self {
        var bytes = UUID().uuid
        let milliseconds = UInt64(clamping: Int64(exactly: (now.timeIntervalSince1970 * 1000).rounded()) ?? 0)
        bytes.0 = UInt8(truncatingIfNeeded: milliseconds >> 40)
        bytes.1 = UInt8(truncatingIfNeeded: milliseconds >> 32)
        bytes.2 = UInt8(truncatingIfNeeded: milliseconds >> 24)
        bytes.3 = UInt8(truncatingIfNeeded: milliseconds >> 16)
        bytes.4 = UInt8(truncatingIfNeeded: milliseconds >> 8)
        bytes.5 = UInt8(truncatingIfNeeded: milliseconds)
        bytes.6 = (bytes.6 & 0x0F) | 0x70
        bytes.8 = (bytes.8 & 0x3F) | 0x80
        return Self(UUID(uuid: bytes))
    }

    /// Below every id that was made at `moment` or later.
    package static func lowest(at moment: Date) -> Self {
        var bytes = new(at: moment).uuid.uuid
        (bytes.6, bytes.7) = (0x70, 0)
        (bytes.8, bytes.9, bytes.10, bytes.11) = (0x80, 0, 0, 0)
        (bytes.12, bytes.13, bytes.14, bytes.15) = (0, 0, 0, 0)
        return Self(UUID(uuid: bytes))
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.description < right.description
    }
}

extension Identifier: CustomStringConvertible {
    /// Written by hand, because every id that is sent, stored or logged comes through here.
    package var description: String {
        withUnsafeBytes(of: uuid.uuid) { bytes in
            String(unsafeUninitializedCapacity: 36) { text in
                var place = 0
                for (index, byte) in bytes.enumerated() {
                    if index == 4 || index == 6 || index == 8 || index == 10 {
                        text[place] = UInt8(ascii: "-")
                        place += 1
                    }
                    text[place] = Self.digit(byte >> 4)
                    text[place + 1] = Self.digit(byte & 0x0F)
                    place += 2
                }
                return place
            }
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

extension Identifier: Codable {
    package init(from decoder: any Decoder) throws {
        uuid = try decoder.singleValueContainer().decode(UUID.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
