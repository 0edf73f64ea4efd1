package import NIOCore

/// The bytes of an IP address, without port and scope: what a policy decides about.
package struct NetworkAddress: Hashable, Sendable {
    /// 4 bytes for IPv4, 16 for IPv6, in network order.
    package let bytes: [UInt8]

    package init?(_ address: SocketAddress) {
        // A sockaddr_in has its address after family and port, a sockaddr_in6 after the flow label too.
        let place: Range<Int>
        switch address {
        case .v4: place = 4..<8
        case .v6: place = 8..<24
        case .unixDomainSocket: return nil
        }
        bytes = address.withSockAddr { pointer, size in
            Array(UnsafeRawBufferPointer(start: pointer, count: size)[place])
        }
    }

    /// Reads `192.0.2.1` or `2001:db8::1`.
    package init?(_ text: String) {
        // Because nil says it all.
        guard let address = try? SocketAddress(ipAddress: text, port: 0) else { return nil }
        self.init(address)
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The IPv4 addresses hidden in this IPv6 address: mapped, NAT64 and 6to4 forms reach that host in the end.
    ///
    /// Source: RFC 4291 § 2.5.5, RFC 6052, RFC 8215, RFC 3056.
    package var embedded: [NetworkAddress] {
        guard bytes.count == 16 else { return [] }
        var found: [NetworkAddress] = []
        if AddressRange("::ffff:0:0/96").contains(self) || AddressRange("::/96").contains(self)
            || AddressRange("64:ff9b::/96").contains(self) || AddressRange("64:ff9b:1::/48").contains(self)
        {
            found.append(NetworkAddress(bytes: Array(bytes[12..<16])))
        }
        if AddressRange("2002::/16").contains(self) {
            found.append(NetworkAddress(bytes: Array(bytes[2..<6])))
        }
        return found
    }
}

/// A block of addresses in CIDR notation.
package struct AddressRange: Hashable, Sendable {
    private let prefix: [UInt8]
    private let length: Int

    /// Reads `10.0.0.0/8`; a bare address is a block of one. Nil for anything else.
    package init?(parsing text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = NetworkAddress(String(parts[0])) else { return nil }
        let bits = address.bytes.count * 8
        guard parts.count == 1 || Int(parts[1]).map({ (0...bits).contains($0) }) == true else { return nil }
        prefix = address.bytes
        length = parts.count == 2 ? Int(parts[1]) ?? bits : bits
    }

    /// A block known when this was written; one that can't be read would be a mistake here and blocks everything.
    init(_ text: StaticString) {
        self = AddressRange(parsing: "\(text)") ?? AddressRange(prefix: [0, 0, 0, 0], length: 0)
    }

    private init(prefix: [UInt8], length: Int) {
        self.prefix = prefix
        self.length = length
    }

    package func contains(_ address: NetworkAddress) -> Bool {
        guard address.bytes.count == prefix.count else { return false }
        let whole = length / 8
        guard address.bytes.prefix(whole) == prefix.prefix(whole) else { return false }
        let rest = length % 8
        guard rest > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> rest)
        return address.bytes[whole] & mask == prefix[whole] & mask
    }
}
