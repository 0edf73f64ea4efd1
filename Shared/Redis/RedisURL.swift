/// The parts of a Redis URL, still as text. Its errors never repeat the URL, which may hold a password.
struct RedisURL {
    private var scheme: String
    private var user: String?
    private var password: String?
    /// `host:port` or nothing.
    private var host: Substring
    /// With its slash.
    private var path: String
    private var query: [(name: String, value: String)] = []

    init(_ text: String) throws(RedisError) {
        guard let colon = text.firstRange(of: "://") else {
            throw .badURL("it must begin with redis://, rediss:// or unix://")
        }
        scheme = text[..<colon.lowerBound].lowercased()
        var rest = text[colon.upperBound...]
        if rest.contains("#") { throw .badURL("a # must be written as %23") }

        if let mark = rest.firstIndex(of: "?") {
            for pair in rest[rest.index(after: mark)...].split(separator: "&") {
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                query.append((try Self.decoded(sides[0]), sides.count == 2 ? try Self.decoded(sides[1]) : ""))
            }
            rest = rest[..<mark]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        path = try Self.decoded(rest[slash...])
        host = rest[..<slash]
        if let at = host.lastIndex(of: "@") {
            let sides = host[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let (name, secret) = (try Self.decoded(sides[0]), sides.count == 2 ? try Self.decoded(sides[1]) : "")
            user = name.isEmpty ? nil : name
            password = secret.isEmpty ? nil : secret
            host = host[host.index(after: at)...]
        }
        if user != nil, password == nil { throw .badURL("a user needs a password") }
    }

    func configuration() throws(RedisError) -> RedisConfiguration {
        var configuration = RedisConfiguration(address: try address())
        configuration.user = user
        configuration.password = password
        if scheme == "rediss" { configuration.tls = .init() }
        if scheme != "unix", path.count > 1 { configuration.database = try Self.database(path.dropFirst()) }
        for (name, value) in query {
            switch name {
            case "db":
                configuration.database = try Self.database(value[...])
            case "ca" where scheme == "rediss":
                configuration.tls?.trustRoots = value
            case "cluster" where scheme != "unix":
                guard let isCluster = Bool(value) else { throw .badURL("cluster is true or false") }
                configuration.isCluster = isCluster
            default:
                // Because a setting that is silently ignored is one that somebody relies on.
                throw .badURL("there is no setting “\(name)” for \(scheme)://")
            }
        }
        guard !configuration.isCluster || configuration.database == 0 else {
            throw .badURL("a cluster has no databases but 0")
        }
        return configuration
    }

    private func address() throws(RedisError) -> RedisConfiguration.Address {
        switch scheme {
        case "redis", "rediss":
            var (name, port) = (host, Substring())
            if host.hasPrefix("[") {
                guard let bracket = host.firstIndex(of: "]") else { throw .badURL("a [ needs its ]") }
                name = host[host.index(after: host.startIndex)..<bracket]
                let rest = host[host.index(after: bracket)...]
                guard rest.isEmpty || rest.hasPrefix(":") else { throw .badURL("only a port may follow the ]") }
                port = rest.dropFirst()
            } else if let colon = host.firstIndex(of: ":") {
                (name, port) = (host[..<colon], host[host.index(after: colon)...])
            }
            guard !name.isEmpty else { throw .badURL("it names no host") }
            guard port.isEmpty || (1...65535).contains(Int(port) ?? 0) else {
                throw .badURL("a port is a number from 1 to 65535")
            }
            return .tcp(host: String(name), port: Int(port) ?? 6379)
        case "unix":
            guard host.isEmpty, path.count > 1 else { throw .badURL("unix:// needs an absolute path") }
            // Because sun_path has 108 bytes with its final zero; longer ones cannot be named to the kernel.
            guard path.utf8.count < 108 else { throw .badURL("a socket's path has at most 107 bytes") }
            return .unix(path: path)
        default:
            throw .badURL("it must begin with redis://, rediss:// or unix://")
        }
    }

    private static func database(_ text: Substring) throws(RedisError) -> Int {
        guard let number = Int(text), number >= 0 else { throw .badURL("a database is a number from 0 up") }
        return number
    }

    private static func decoded(_ text: Substring) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var source = text.utf8.makeIterator()
        while let byte = source.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = source.next(), let low = source.next(),
                let high = Character(UnicodeScalar(high)).hexDigitValue,
                let low = Character(UnicodeScalar(low)).hexDigitValue
            else { throw .badURL("a % needs two hexadecimal digits") }
            bytes.append(UInt8(high << 4 | low))
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw .badURL("it is not UTF-8") }
        return decoded
    }
}
