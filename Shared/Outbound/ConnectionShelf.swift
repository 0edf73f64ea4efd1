import Addresses
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A client's open connections that wait for their next use, a shelf for each event loop.
final class ConnectionShelves: Sendable {
    private let shelves = Mutex<[ObjectIdentifier: ConnectionShelf]>([:])
    private let security: Security

    /// What speaks TLS; made once, because reading the roots takes milliseconds, and only when it is needed.
    final class Security: Sendable {
        private let trustedCertificates: String?
        private let made = Mutex<NIOSSLContext?>(nil)

        init(trustedCertificates: String?) { self.trustedCertificates = trustedCertificates }

        func context() throws -> NIOSSLContext {
            try made.withLock { made in
                if let made { return made }
                var tls = TLSConfiguration.makeClientConfiguration()
                tls.applicationProtocols = ["http/1.1"]
                if let trustedCertificates { tls.trustRoots = .file(trustedCertificates) }
                let context = try NIOSSLContext(configuration: tls)
                made = context
                return context
            }
        }
    }

    init(trustedCertificates: String?) { security = Security(trustedCertificates: trustedCertificates) }

    deinit {
        for shelf in shelves.withLock({ Array($0.values) }) { shelf.clear() }
    }

    func shelf(of loop: any EventLoop) -> ConnectionShelf {
        shelves.withLock { shelves in
            if let shelf = shelves[ObjectIdentifier(loop)] { return shelf }
            let shelf = ConnectionShelf(on: loop, security)
            shelves[ObjectIdentifier(loop)] = shelf
            return shelf
        }
    }
}

/// Connections of one event loop.
// Because what changes is only touched on that loop.
final class ConnectionShelf: @unchecked Sendable {
    let loop: any EventLoop
    private let security: ConnectionShelves.Security
    private var idle: [Target.Key: [PinnedConnection]] = [:]
    private var count = 0
    private var isSweeping = false

    private static let limit = 512
    private static let patience = TimeAmount.seconds(10)

    init(on loop: any EventLoop, _ security: ConnectionShelves.Security) {
        self.loop = loop
        self.security = security
    }

    /// The one that was used last.
    func take(_ key: Target.Key) -> PinnedConnection? {
        guard let connection = idle[key]?.popLast() else { return nil }
        count -= 1
        if idle[key]?.isEmpty == true { idle[key] = nil }
        return connection
    }

    func put(_ connection: PinnedConnection) {
        guard count < Self.limit else { return connection.close() }
        connection.idleSince = .now()
        idle[connection.key, default: []].append(connection)
        count += 1
        sweepLater()
    }

    /// It is closed by the other side.
    func remove(_ connection: PinnedConnection) {
        guard let place = idle[connection.key]?.firstIndex(where: { $0 === connection }) else { return }
        idle[connection.key]?.remove(at: place)
        count -= 1
        if idle[connection.key]?.isEmpty == true { idle[connection.key] = nil }
    }

    func clear() {
        loop.execute {
            for connection in self.idle.values.joined() { connection.close() }
            (self.idle, self.count) = ([:], 0)
        }
    }

    private func sweepLater() {
        guard !isSweeping else { return }
        isSweeping = true
        loop.scheduleTask(in: Self.patience) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        isSweeping = false
        let limit = NIODeadline.now() - Self.patience
        for connection in idle.values.joined() where connection.idleSince <= limit {
            remove(connection)
            connection.close()
        }
        if count > 0 { sweepLater() }
    }

    /// Goes to the target's address, whatever its name leads to by now.
    func connect(to target: Target, within time: TimeAmount) -> EventLoopFuture<PinnedConnection> {
        let connection = PinnedConnection(target.key, on: self)
        return ClientBootstrap(group: loop)
            .connectTimeout(time)
            .channelInitializer { [security] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if target.key.isSecure {
                        // SNI knows names only; a literal is checked as the address that it is.
                        let isName = IPAddress(target.key.host) == nil
                        try pipeline.addHandler(
                            NIOSSLClientHandler(
                                context: security.context(),
                                serverHostname: isName ? target.key.host : nil
                            )
                        )
                    }
                    // Because headers are checked where they are put together.
                    try pipeline.addHTTPClientHandlers(enableOutboundHeaderValidation: false)
                    try pipeline.addHandler(connection)
                }
            }
            .connect(to: target.address)
            .map { _ in connection }
    }
}
