import NIOCore
import NIOPosix
import Outbound
import Synchronization

/// A TCP server on loopback that counts who connects and plays one answer.
final class Canary: Sendable {
    let port: Int
    private let channel: any Channel
    private let counter: Counter

    var connects: Int { counter.value.load(ordering: .sequentiallyConsistent) }

    /// - Parameter answer: written as soon as the request's first bytes are in, then the connection is closed; a nil
    ///   answer hangs; with `repeating` the last chunk is sent until the client goes away.
    static func start(answering answer: String?, repeating: String? = nil) async throws -> Canary {
        let counter = Counter()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                counter.value.add(1, ordering: .sequentiallyConsistent)
                return child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.addHandler(Player(answer: answer, repeating: repeating))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return Canary(channel: channel, counter: counter)
    }

    private init(channel: any Channel, counter: Counter) {
        self.channel = channel
        self.counter = counter
        port = channel.localAddress?.port ?? 0
    }

    func stop() async throws {
        try await channel.close()
    }

    final class Counter: Sendable {
        let value = Atomic(0)
    }

    private final class Player: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let answer: String?
        let repeating: String?
        var played = false

        init(answer: String?, repeating: String?) {
            self.answer = answer
            self.repeating = repeating
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !played, let answer else { return }
            played = true
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            if let repeating { pour(repeating, context) } else { context.close(promise: nil) }
        }

        private func pour(_ text: String, _ context: ChannelHandlerContext) {
            let loop = context.loopBound
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenSuccess {
                self.pour(text, loop.value)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

/// A resolver with a script: each call answers the next list, the last one for ever.
final class ScriptedResolver: AddressResolver {
    private let script: [[String]]
    private let calls = Atomic(0)

    init(_ script: [[String]]) {
        self.script = script
    }

    var asked: Int { calls.load(ordering: .sequentiallyConsistent) }

    func addresses(of host: String, port: Int) async throws -> [SocketAddress] {
        let call = calls.add(1, ordering: .sequentiallyConsistent).oldValue
        return try script[min(call, script.count - 1)].map { try SocketAddress(ipAddress: $0, port: port) }
    }
}
