package import Addresses
internal import NIOCore

/// Which addresses a request may go to whose target somebody typed in.
///
/// Everything that is not plainly public is refused, and so are this machine's own addresses. What is checked is the
/// address that is then connected to, never the name.
package struct AddressPolicy: Sendable {
    private let allowed: [IPNetwork]
    private let own: Set<IPAddress>

    /// - Parameters:
    ///   - allowed: blocks that are let through all the same, for a shop on the developer's own machine.
    ///   - own: addresses of this machine; by default those of its interfaces now.
    package init(allowing allowed: [IPNetwork] = [], own: Set<IPAddress>? = nil) {
        self.allowed = allowed
        self.own = own ?? Self.interfaceAddresses()
    }

    package func permits(_ address: IPAddress) -> Bool {
        if allowed.contains(where: { $0.contains(address) }) { return true }
        if own.contains(address) || Self.blocked.contains(where: { $0.contains(address) }) { return false }
        return address.embedded.allSatisfy { !own.contains($0) && !Self.isBlocked($0) }
    }

    private static func isBlocked(_ address: IPAddress) -> Bool {
        blocked.contains { $0.contains(address) }
    }

    /// Not public by the IANA special-purpose registries, or multicast.
    ///
    /// Source: RFC 6890 and its registries for IPv4 and IPv6.
    private static let blocked = blocks.map { IPNetwork(known: $0) }

    private static let blocks: [StaticString] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
        "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    ]

    private static func interfaceAddresses() -> Set<IPAddress> {
        // Because a machine that can't list its interfaces still has the block list.
        guard let devices = try? System.enumerateDevices() else { return [] }
        return Set(devices.compactMap { $0.address.flatMap { IPAddress($0) } })
    }
}
