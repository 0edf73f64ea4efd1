import NIOCore
import NIOPosix

/// Stands between a client and a server and spoils what they say to each other. Any protocol, any number of connections.
///
/// It listens on a socket in the test directory. Lives on one event loop, which is its lock.
package final class Proxy: @unchecked Sendable {
    /// Where clients connect to instead of the server.
    package let socket: String
    private let server: String
    private let loop: any EventLoop
    private var listener: (any Channel)?
    private var relays: [ObjectIdentifier: Relay] = [:]
    private var isHolding = false

    /// `server` is the path of the server's own socket, which need not exist yet.
    package init(to server: String) async throws {
        self.server = server
        socket = try TestDirectory.make("proxy") + "/s"
        loop = MultiThreadedEventLoopGroup.singleton.next()
        let listener = try await ServerBootstrap(group: loop)
            .childChannelInitializer { [self] client in join(client) }
            .bind(unixDomainSocketPath: socket).get()
        try await loop.submit { self.listener = listener }.get()
    }

    deinit {
        listener?.close(promise: nil)
    }

    // MARK: What can be done to them

    /// From now on the server hears everything and its answers are kept back.
    package func holdAnswers() async throws {
        try await loop.submit { self.isHolding = true }.get()
    }

    /// Delivers what was kept back, late, and what comes.
    package func releaseAnswers() async throws {
        try await loop.submit {
            self.isHolding = false
            for relay in self.relays.values { relay.release() }
        }.get()
    }

    /// How many bytes of answers are kept back.
    package var bytesHeld: Int {
        get async throws {
            try await loop.submit { self.relays.values.reduce(0) { $0 + $1.held.readableBytes } }.get()
        }
    }

    package var connections: Int {
        get async throws { try await loop.submit { self.relays.count }.get() }
    }

    /// Breaks all connections; what was kept back is lost. New ones are accepted.
    package func cut() async throws {
        try await loop.submit {
            for relay in self.relays.values { relay.client.close(promise: nil) }
        }.get()
    }

    /// Says something to all clients that no server said.
    package func say(_ text: String) async throws {
        try await loop.submit {
            for relay in self.relays.values { relay.client.writeAndFlush(ByteBuffer(string: text), promise: nil) }
        }.get()
    }

    package func close() async throws {
        try await loop.submit {
            self.listener?.close(promise: nil)
            for relay in self.relays.values { relay.client.close(promise: nil) }
        }.get()
    }

    // MARK: How it is done

    /// The client is heard when the server has taken the call.
    private func join(_ client: any Channel) -> EventLoopFuture<Void> {
        let relay = Relay(client)
        let id = ObjectIdentifier(client)
        return ClientBootstrap(group: loop)
            .channelInitializer { server in
                server.eventLoop.makeCompletedFuture {
                    try server.pipeline.syncOperations.addHandler(
                        Ear { [self] bytes in
                            if isHolding { relay.hold(bytes) } else { client.writeAndFlush(bytes, promise: nil) }
                        }
                    )
                }
            }
            .connect(unixDomainSocketPath: server)
            .flatMapThrowing { [self] server in
                try client.pipeline.syncOperations.addHandler(Ear { server.writeAndFlush($0, promise: nil) })
                relays[id] = relay
                server.closeFuture.whenComplete { _ in client.close(promise: nil) }
                client.closeFuture.whenComplete { [self] _ in
                    server.close(promise: nil)
                    relays[id] = nil
                }
            }
    }

    private final class Relay: @unchecked Sendable {
        let client: any Channel
        private(set) var held = ByteBuffer()

        init(_ client: any Channel) {
            self.client = client
        }

        func hold(_ bytes: ByteBuffer) {
            var bytes = bytes
            held.writeBuffer(&bytes)
        }

        func release() {
            client.writeAndFlush(held, promise: nil)
            held = ByteBuffer()
        }
    }

    private final class Ear: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let hear: (ByteBuffer) -> Void

        init(_ hear: @escaping (ByteBuffer) -> Void) {
            self.hear = hear
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            hear(unwrapInboundIn(data))
        }
    }
}
