import Glibc
package import NIOCore
package import NIOPosix

/// Finds the addresses of a name; asked once per request, so that the answer checked is the answer used.
package protocol AddressResolver: Sendable {
    func addresses(of host: String, port: Int) async throws -> [SocketAddress]
}

/// The system's resolver, on its own threads because it blocks.
package struct SystemResolver: AddressResolver {
    private let threads: NIOThreadPool

    package init(threads: NIOThreadPool = .singleton) {
        self.threads = threads
    }

    package func addresses(of host: String, port: Int) async throws -> [SocketAddress] {
        // Because a literal asks nobody, and so needs no thread that may wait.
        if let literal = try? SocketAddress(ipAddress: host, port: port) { return [literal] }
        return try await threads.runIfActive { try Self.lookUp(host, port) }
    }

    private static func lookUp(_ host: String, _ port: Int) throws -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &first) == 0 else { throw UnknownHost() }
        defer { freeaddrinfo(first) }
        var found: [SocketAddress] = []
        var next = first
        while let entry = next {
            if let address = entry.pointee.ai_addr {
                switch entry.pointee.ai_family {
                case AF_INET:
                    found.append(
                        address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
                    )
                case AF_INET6:
                    found.append(
                        address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
                    )
                default: break
                }
            }
            next = entry.pointee.ai_next
        }
        return found
    }

    private struct UnknownHost: Error {}
}
