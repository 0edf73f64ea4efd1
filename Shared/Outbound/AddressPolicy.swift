package import NIOCore

/// Which addresses a request may go to whose target somebody typed in.
///
/// Everything that is not plainly public is refused, and so are this machine's own addresses. What is checked is the
/// address that is then connected to, never the name.
package struct AddressPolicy: Sendable {
    private let allowed: [AddressRange]
    private let own: Set<NetworkAddress>

    /// - Parameters:
    ///   - allowed: blocks that are let through all the same, for a shop on the developer's own machine.
    ///   - own: addresses of this machine; by default those of its interfaces now.
    package init(allowing allowed: [AddressRange] = [], own: Set<NetworkAddress>? = nil) {
        self.allowed = allowed
        self.own = own ?? Self.interfaceAddresses()
    }

    package func permits(_ address: NetworkAddress) -> Bool {
        if allowed.contains(where: { $0.contains(address) }) { return true }
        if own.contains(address) || Self.blocked.contains(where: { $0.contains(address) }) { return false }
        return address.embedded.allSatisfy { !own.contains($0) && !Self.isBlocked($0) }
    }

    private static func isBlocked(_ address: NetworkAddress) -> Bool {
        blocked.contains { $0.contains(address) }
    }

    /// Not public by the IANA special-purpose registries, or multicast.
    ///
    /// Source: RFC 6890 and its registries for IPv4 and IPv6.
    private static let blocked: [AddressRange] = [
        AddressRange("0.0.0.0/8"), AddressRange("10.0.0.0/8"), AddressRange("100.64.0.0/10"),
        AddressRange("127.0.0.0/8"), AddressRange("169.254.0.0/16"), AddressRange("172.16.0.0/12"),
        AddressRange("192.0.0.0/24"), AddressRange("192.0.2.0/24"), AddressRange("192.88.99.0/24"),
        AddressRange("192.168.0.0/16"), AddressRange("198.18.0.0/15"), AddressRange("198.51.100.0/24"),
        AddressRange("203.0.113.0/24"), AddressRange("224.0.0.0/4"), AddressRange("240.0.0.0/4"),
        AddressRange("::/128"), AddressRange("::1/128"), AddressRange("64:ff9b:1::/48"), AddressRange("100::/64"),
        AddressRange("2001::/23"), AddressRange("2001:db8::/32"), AddressRange("3fff::/20"), AddressRange("5f00::/16"),
        AddressRange("fc00::/7"), AddressRange("fe80::/10"), AddressRange("fec0::/10"), AddressRange("ff00::/8"),
    ]

    private static func interfaceAddresses() -> Set<NetworkAddress> {
        // Because a machine that can't list its interfaces still has the block list.
        guard let devices = try? System.enumerateDevices() else { return [] }
        return Set(devices.compactMap { $0.address.flatMap(NetworkAddress.init) })
    }
}
