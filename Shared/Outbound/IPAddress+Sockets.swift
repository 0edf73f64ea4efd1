package import Addresses
package import NIOCore

extension IPAddress {
    /// Without port and scope: what a policy decides about.
    package init?(_ address: SocketAddress) {
        // A sockaddr_in has its address after family and port, a sockaddr_in6 after the flow label too.
        let place: Range<Int>
        switch address {
        case .v4: place = 4..<8
        case .v6: place = 8..<24
        case .unixDomainSocket: return nil
        }
        self.init(
            bytes: address.withSockAddr { pointer, size in
                Array(UnsafeRawBufferPointer(start: pointer, count: size)[place])
            }
        )
    }

    /// The IPv4 addresses hidden in this IPv6 address: compatible, NAT64 and 6to4 forms reach that host in the end.
    ///
    /// Source: RFC 4291 § 2.5.5, RFC 6052, RFC 8215, RFC 3056.
    package var embedded: [IPAddress] {
        var found: [[UInt8]] = []
        if Self.endingInIPv4.contains(where: { $0.contains(self) }) { found.append(Array(bytes[12..<16])) }
        if Self.beginningWithIPv4.contains(self) { found.append(Array(bytes[2..<6])) }
        return found.compactMap { IPAddress(bytes: $0) }
    }

    private static let endingInIPv4 = [
        IPNetwork(known: "::/96"), IPNetwork(known: "64:ff9b::/96"), IPNetwork(known: "64:ff9b:1::/48"),
    ]
    private static let beginningWithIPv4 = IPNetwork(known: "2002::/16")
}
