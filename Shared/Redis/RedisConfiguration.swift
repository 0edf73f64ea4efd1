/// Where the server is and how patient we are with it.
package struct RedisConfiguration: Sendable {
    package enum Address: Sendable, Hashable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    /// How `rediss://` checks the server. A host that is an IP address must stand in the certificate as one.
    package struct TLS: Sendable, Hashable {
        /// A PEM file of certificate authorities instead of the system's.
        package var trustRoots: String?
        /// False accepts any certificate of any host; for nothing but a try on one's own machine.
        package var verifiesServer: Bool

        package init(trustRoots: String? = nil, verifiesServer: Bool = true) {
            self.trustRoots = trustRoots
            self.verifiesServer = verifiesServer
        }
    }

    package var address: Address
    package var user: String?
    package var password: String?
    package var database = 0
    /// Nil talks in the clear.
    package var tls: TLS?
    /// The address is one node of a Redis Cluster, and commands go to whichever node has their key's slot. All commands of a
    /// pipeline must then be about one slot, and those without a key go to the node of the address.
    package var isCluster = false
    /// Shown by `CLIENT LIST`. No spaces.
    package var clientName: String?

    /// For the address, the TLS handshake and the first answers, together.
    package var connectTimeout: Duration = .seconds(5)
    /// For a call that names no deadline of its own; also how long a server may be silent while it owes an answer.
    package var commandTimeout: Duration = .seconds(5)
    /// Commands that are accepted and not yet answered; one more is refused with `queueFull`.
    package var maximumWaiting = 16_384
    /// Bytes of those commands. A single larger one still passes when nothing else waits.
    package var maximumWaitingBytes = 256 << 20
    /// The longest wait between two tries to connect.
    package var maximumBackoff: Duration = .seconds(15)

    package init(address: Address) {
        self.address = address
    }

    /// Reads `redis://[user:password@]host[:port][/database]`, the same with `rediss://` for TLS, or
    /// `unix://[user:password@]/path[?db=n]`. `?ca=/path.pem` names the certificate authorities of a `rediss://`,
    /// `?cluster=true` says that it is a node of a Redis Cluster.
    ///
    /// User and password may be percent-encoded, and must be where they hold `/`, `?`, `#`, `:` or `%`.
    package init(url: String) throws(RedisError) {
        self = try RedisURL(url).configuration()
    }
}

extension RedisConfiguration: CustomStringConvertible, CustomReflectable {
    /// The address alone: what is logged must not hold the password.
    package var description: String {
        switch address {
        case .tcp(let host, let port):
            "\(tls == nil ? "redis" : "rediss")://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
        case .unix(let path):
            "unix://\(path)?db=\(database)"
        }
    }

    package var customMirror: Mirror { Mirror(self, children: ["address": description]) }
}
