/// An address that somebody typed in and that we will post to: read by a grammar so small that no two parsers differ.
///
/// ASCII only, a DNS name and no IP literal, no user, no fragment, no percent sign in the host, a port from a short list.
/// A name in another script is given as punycode (`xn--…`).
package struct EndpointURL: Hashable, Sendable {
    /// The whole URL as it was typed, trimmed of nothing.
    package let text: String
    package let isSecure: Bool
    /// Lower case, without a trailing dot.
    package let host: String
    package let port: Int
    /// Path and query as a request line has them: what a URI can't hold is escaped, the rest stays as it was typed.
    package let path: String

    package struct Rules: Sendable {
        /// `http://` as well; for development only.
        package var allowsPlain: Bool
        package var ports: Set<Int>?
        /// Names and literals of the developer's own machine: `localhost`, `127.0.0.1` and, by RFC 6761, `*.localhost`.
        package var allowsLocal: Bool

        /// What production wants: https on 443.
        package static let strict = Rules(allowsPlain: false, ports: [443], allowsLocal: false)
        /// What a developer's machine needs: any port, plain http, loopback.
        package static let development = Rules(allowsPlain: true, ports: nil, allowsLocal: true)

        package init(allowsPlain: Bool, ports: Set<Int>?, allowsLocal: Bool) {
            self.allowsPlain = allowsPlain
            self.ports = ports
            self.allowsLocal = allowsLocal
        }
    }

    /// Why an address is refused, for the person who typed it. Says nothing about what it resolves to.
    package enum Refusal: Error, Hashable, Sendable {
        case tooLong, notASCII, scheme, user, host, literal, port, fragment
    }

    package init(_ text: String, rules: Rules = .strict) throws(Refusal) {
        guard text.utf8.count <= 2048 else { throw .tooLong }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }) else { throw .notASCII }
        let rest: Substring
        if text.hasPrefix("https://") {
            (isSecure, rest) = (true, text.dropFirst(8))
        } else if text.hasPrefix("http://"), rules.allowsPlain {
            (isSecure, rest) = (false, text.dropFirst(7))
        } else {
            throw .scheme
        }
        guard !rest.contains("#") else { throw .fragment }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard !authority.contains("@") else { throw .user }
        guard !authority.contains("[") else { throw .literal }

        let halves = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        host = (halves.first ?? "").lowercased()
        port = try Self.port(halves.count == 2 ? halves[1] : nil, secure: isSecure, rules: rules)
        try Self.check(host: host, rules: rules)
        path = Self.path(rest[authority.endIndex...])
        self.text = text
    }

    private static func path(_ rest: Substring) -> String {
        var path = rest.first == "/" ? "" : "/"
        for byte in rest.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "^"), UInt8(ascii: "`"),
                UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"):
                path += "%" + String(byte, radix: 16, uppercase: true)
            default: path.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return path
    }

    private static func port(_ digits: Substring?, secure: Bool, rules: Rules) throws(Refusal) -> Int {
        var port = secure ? 443 : 80
        if let digits {
            guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy(isDigit), digits.first != "0",
                let number = Int(digits), (1...65_535).contains(number)
            else { throw .port }
            port = number
        }
        if let ports = rules.ports, !ports.contains(port) { throw .port }
        return port
    }

    /// A DNS name of two labels or more whose last label has a letter: a number there reads as an IPv4 address.
    private static func check(host: String, rules: Rules) throws(Refusal) {
        if rules.allowsLocal, host == "localhost" || host == "127.0.0.1" { return }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard host.utf8.count <= 253, labels.count >= 2 else { throw .host }
        for label in labels {
            guard (1...63).contains(label.utf8.count), label.first != "-", label.last != "-",
                label.utf8.allSatisfy({ isDigit($0) || isLetter($0) || $0 == UInt8(ascii: "-") })
            else { throw .host }
        }
        guard let last = labels.last, last.utf8.contains(where: isLetter), !last.hasPrefix("0x") else { throw .literal }
        if rules.allowsLocal, last == "localhost" { return }
        guard host != "localhost.localdomain", last != "localhost", last != "internal", last != "local" else {
            throw .host
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
}

extension EndpointURL: CustomStringConvertible {
    /// Scheme and host only: paths and queries of an address may hold a token.
    package var description: String { "\(isSecure ? "https" : "http")://\(host)" }
}
