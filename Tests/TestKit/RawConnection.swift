import NIOCore
import NIOPosix
import Synchronization

/// A TCP connection that sends exactly the bytes it is given: for requests that no HTTP client would make.
package final class RawConnection: Sendable {
    private let channel: any Channel
    private let inbox: Inbox

    /// - Parameter source: the address it connects from, any of 127.0.0.0/8.
    package static func open(port: Int, from source: String = "127.0.0.1") async throws -> RawConnection {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(inbox) }
            }
            .bind(to: SocketAddress(ipAddress: source, port: 0))
            .connect(host: "127.0.0.1", port: port).get()
        return RawConnection(channel: channel, inbox: inbox)
    }

    private init(channel: any Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    /// Returns when the kernel has taken the bytes; throws when the other side is gone.
    package func send(_ bytes: some Sequence<UInt8>) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    package func send(_ text: String) async throws {
        try await send(text.utf8)
    }

    /// Says that nothing more will be sent.
    package func finishSending() async throws {
        try await channel.close(mode: .output).get()
    }

    package func close() async {
        // Because it may be closed already, which is what was wanted.
        try? await channel.close().get()
    }

    /// Everything that came so far, less the answers already taken.
    package var received: String { inbox.state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
    /// The other side said that it sends nothing more.
    package var isEnded: Bool { inbox.state.withLock { $0.isEnded } }

    /// Waits for the next whole answer.
    package func answer(within limit: Duration = .seconds(10), toHEAD: Bool = false) async throws -> RawAnswer {
        let deadline = ContinuousClock.now + limit
        while true {
            let (answer, isEnded) = inbox.state.withLock { state -> (RawAnswer?, Bool) in
                guard let (answer, length) = RawAnswer.parse(state.bytes, toHEAD: toHEAD) else {
                    return (nil, state.isEnded)
                }
                state.bytes.removeFirst(length)
                return (answer, state.isEnded)
            }
            if let answer { return answer }
            guard !isEnded else { throw RawConnectionError.ended(after: received) }
            guard ContinuousClock.now < deadline else { throw RawConnectionError.noAnswer(soFar: received) }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// True when the other side hangs up before the limit.
    package func ends(within limit: Duration) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while !isEnded, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(2)) }
        return isEnded
    }

    private final class Inbox: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        let state = Mutex((bytes: [UInt8](), isEnded: false))

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            state.withLock { $0.bytes.append(contentsOf: bytes.readableBytesView) }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .some(.inputClosed) = event as? ChannelEvent { state.withLock { $0.isEnded = true } }
            context.fireUserInboundEventTriggered(event)
        }

        func channelInactive(context: ChannelHandlerContext) {
            state.withLock { $0.isEnded = true }
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

package enum RawConnectionError: Error {
    case noAnswer(soFar: String)
    case ended(after: String)
}

/// An HTTP/1.1 answer with a known length.
package struct RawAnswer: Sendable {
    package var status: Int
    /// Names in lower case; the last of several wins.
    package var headers: [String: String]
    package var body: String

    fileprivate static func parse(_ bytes: [UInt8], toHEAD: Bool) -> (RawAnswer, length: Int)? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            headers[pair[0].lowercased()] = pair.count == 2 ? String(pair[1].drop(while: { $0 == " " })) : ""
        }
        let length = toHEAD ? 0 : headers["content-length"].flatMap { Int($0) } ?? 0
        guard bytes.count >= end.upperBound + length else { return nil }
        let body = String(decoding: bytes[end.upperBound..<(end.upperBound + length)], as: UTF8.self)
        return (RawAnswer(status: status, headers: headers, body: body), end.upperBound + length)
    }
}
