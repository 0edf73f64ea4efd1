internal import Glibc

/// An IPv4 or IPv6 address without port or zone; an IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is the IPv4 one.
package struct IPAddress: Sendable, Hashable {
    /// 4 or 16 bytes, in network order.
    package let bytes: [UInt8]

    /// Reads one address; nil for anything else, a port included.
    package init?(_ text: some StringProtocol) {
        let text = String(text)
        // Because inet_pton reads C strings, in which a NUL would hide what follows it.
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        var v4 = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, text, &v4) == 1 {
            bytes = v4
            return
        }
        var v6 = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
        bytes = Self.mapped(v6) ?? v6
    }

    /// Nil for anything but 4 or 16 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = Self.mapped(bytes) ?? bytes
    }

    private init(v4 bytes: [UInt8]) {
        self.bytes = bytes
    }

    fileprivate static let any = IPAddress(v4: [0, 0, 0, 0])

    private static func mapped(_ bytes: [UInt8]) -> [UInt8]? {
        let prefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return bytes.starts(with: prefix) ? Array(bytes.suffix(4)) : nil
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "unknown" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A block of addresses: `10.0.0.0/8`, `2001:db8::/32`, or a single address.
package struct IPNetwork: Sendable, Hashable {
    private let address: IPAddress
    private let prefix: Int

    /// Nil where the address or the length is none. Bits behind the prefix are ignored.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(first) else { return nil }
        self.address = address
        guard parts.count == 2 else {
            prefix = address.bytes.count * 8
            return
        }
        guard parts[1].allSatisfy(\.isNumber), let prefix = Int(parts[1]), prefix <= address.bytes.count * 8 else {
            return nil
        }
        self.prefix = prefix
    }

    /// A block that stands in the code. One that can't be read would be a mistake there, and holds every IPv4 address.
    package init(known text: StaticString) {
        self = IPNetwork("\(text)") ?? IPNetwork(address: .any, prefix: 0)
    }

    private init(address: IPAddress, prefix: Int) {
        self.address = address
        self.prefix = prefix
    }

    package func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        let whole = prefix / 8
        guard other.bytes.prefix(whole) == address.bytes.prefix(whole) else { return false }
        let rest = prefix % 8
        guard rest > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> rest)
        return other.bytes[whole] & mask == address.bytes[whole] & mask
    }
}
