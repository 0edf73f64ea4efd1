package import Addresses
package import HTTPTypes

/// The proxies in front of us whose word about the client's address we take.
///
/// Without any, the address is the one that connected, whatever the headers say.
package struct TrustedProxies: Sendable, Hashable {
    private var networks: [IPNetwork]

    package static let none = TrustedProxies(networks: [])

    /// Reads a list as it stands in `TRUSTED_PROXIES`: addresses and networks with commas between, and the words
    /// `loopback` and `private`.
    ///
    /// Errors: the entry that is none of these.
    package init(parsing text: String) throws(NotANetwork) {
        networks = []
        for entry in text.split(separator: ",") {
            let entry = entry.filter { !$0.isWhitespace }
            switch entry {
            case "": continue
            case "loopback": networks += ["127.0.0.0/8", "::1"].compactMap { IPNetwork($0) }
            case "private":
                networks += ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"].compactMap { IPNetwork($0) }
            default:
                guard let network = IPNetwork(entry) else { throw NotANetwork(entry: entry) }
                networks.append(network)
            }
        }
    }

    package struct NotANetwork: Error, Hashable {
        package let entry: String

        package init(entry: String) {
            self.entry = entry
        }
    }

    private init(networks: [IPNetwork]) {
        self.networks = networks
    }

    package func trusts(_ address: IPAddress) -> Bool {
        networks.contains { $0.contains(address) }
    }

    /// Who really sent the request: the nearest address that is not one of our proxies.
    ///
    /// `X-Forwarded-For` is read from the right, because each proxy adds who connected to it at the end; what stands
    /// further left may be a lie. `Forwarded` (RFC 7239) is read the same way where the other header is missing. A hop
    /// that is no address ends the walk at the proxy that passed it on.
    package func client(connectedFrom peer: IPAddress, _ headers: HTTPFields) -> IPAddress {
        guard trusts(peer) else { return peer }
        var nearest = peer
        for hop in Self.hops(headers).reversed() {
            guard let address = hop.flatMap({ IPAddress(hop: $0) }) else { return nearest }
            nearest = address
            guard trusts(address) else { return nearest }
        }
        return nearest
    }

    /// As written, the nearest last; nil for an element of `Forwarded` that hides the address.
    private static func hops(_ headers: HTTPFields) -> [Substring?] {
        let forwardedFor = headers[values: .xForwardedFor]
        guard forwardedFor.isEmpty else {
            return forwardedFor.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
                .map { trimmed($0) }
        }
        return headers[values: .forwarded].flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
            .map(address(inElement:))
    }

    /// `for=192.0.2.1`, `For="[2001:db8::1]:4711"` among the parameters of one element.
    private static func address(inElement element: Substring) -> Substring? {
        for parameter in element.split(separator: ";") {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, trimmed(pair[0]).lowercased() == "for" else { continue }
            let value = trimmed(pair[1])
            return value.hasPrefix("\"") && value.hasSuffix("\"") ? value.dropFirst().dropLast() : value
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let head = text.drop(while: \.isWhitespace)
        guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return head[...last]
    }
}

extension IPAddress {
    /// Reads an address as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
    package init?(hop text: some StringProtocol) {
        let hop = text.drop(while: \.isWhitespace)
        if hop.hasPrefix("[") {
            guard let end = hop.firstIndex(of: "]") else { return nil }
            let rest = hop[hop.index(after: end)...]
            guard rest.isEmpty || Self.isPort(rest) else { return nil }
            self.init(hop[hop.index(after: hop.startIndex)..<end])
        } else if let colon = hop.firstIndex(of: ":"), colon == hop.lastIndex(of: ":") {
            guard Self.isPort(hop[colon...]) else { return nil }
            self.init(hop[..<colon])
        } else {
            self.init(hop)
        }
    }

    private static func isPort(_ text: some StringProtocol) -> Bool {
        text.hasPrefix(":") && UInt16(text.dropFirst()) != nil
    }
}

extension HTTPField.Name {
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!  // Because the literal is a token, it is never nil.
    static let forwarded = HTTPField.Name("Forwarded")!  // Because, likewise.
    static let requestID = HTTPField.Name("X-Request-Id")!  // Because, likewise.
}
