package import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A shop's server on loopback: keeps every request as it came, and answers as it is told.
package final class Receiver: Sendable {
    package struct Request: Sendable, Hashable {
        package var path: String
        /// Names in lower case; the first of equal ones counts.
        package var headers: [String: String]
        package var body: [UInt8]
        package var at: ContinuousClock.Instant

        package var id: String { headers["webhook-id"] ?? "" }
    }

    package struct Answer: Sendable {
        package var status = 200
        package var headers: [(String, String)] = []
        package var body = "thank you"
        /// Nil: never answers.
        package var delay: TimeAmount? = .zero

        package init(
            status: Int = 200,
            headers: [(String, String)] = [],
            body: String = "thank you",
            delay: TimeAmount? = .zero
        ) {
            self.status = status
            self.headers = headers
            self.body = body
            self.delay = delay
        }

        package static func status(_ status: Int, _ headers: [(String, String)] = []) -> Answer {
            Answer(status: status, headers: headers)
        }
        package static let never = Answer(delay: nil)
    }

    package let port: Int
    private let channel: any Channel
    private let state: State

    package var requests: [Request] { state.requests.withLock { $0 } }
    package func requests(at path: String) -> [Request] { requests.filter { $0.path == path } }

    /// - Parameters:
    ///   - keeps: false where only counting matters.
    ///   - answer: what to say to a request, with how many came to its path before it.
    package static func start(
        keeps: Bool = true,
        answering answer: @escaping @Sendable (Request, Int) -> Answer = { _, _ in Answer() }
    ) async throws -> Receiver {
        let state = State(keeps: keeps, answer: answer)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.configureHTTPServerPipeline()
                    try child.pipeline.syncOperations.addHandler(Handler(state: state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return Receiver(channel: channel, state: state)
    }

    private init(channel: any Channel, state: State) {
        self.channel = channel
        self.state = state
        port = channel.localAddress?.port ?? 0
    }

    package func url(_ path: String = "/") -> String { "http://127.0.0.1:\(port)\(path)" }

    package func stop() async throws { try await channel.close() }

    fileprivate final class State: Sendable {
        let requests = Mutex<[Request]>([])
        let counts = Mutex<[String: Int]>([:])
        let keeps: Bool
        let answer: @Sendable (Request, Int) -> Answer

        init(keeps: Bool, answer: @escaping @Sendable (Request, Int) -> Answer) {
            self.keeps = keeps
            self.answer = answer
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let state: State
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(state: State) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): (self.head, body) = (head, [])
            case .body(let part): body += part.readableBytesView
            case .end: finish(context)
            }
        }

        private func finish(_ context: ChannelHandlerContext) {
            guard let head else { return }
            let headers = Dictionary(
                head.headers.map { ($0.name.lowercased(), $0.value) },
                uniquingKeysWith: { first, _ in first }
            )
            let request = Request(path: head.uri, headers: headers, body: body, at: .now)
            let before = state.counts.withLock { counts in
                counts[head.uri, default: 0] += 1
                return counts[head.uri, default: 1] - 1
            }
            if state.keeps { state.requests.withLock { $0.append(request) } }
            let answer = state.answer(request, before)
            guard let delay = answer.delay else { return }
            let bound = context.loopBound
            if delay == .zero { return write(answer, head, context) }
            context.eventLoop.assumeIsolated().scheduleTask(in: delay) { self.write(answer, head, bound.value) }
        }

        private func write(_ answer: Answer, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
            guard context.channel.isActive else { return }
            var headers = HTTPHeaders(answer.headers)
            headers.add(name: "content-length", value: "\(answer.body.utf8.count)")
            let status = HTTPResponseStatus(statusCode: answer.status)
            context.write(
                wrapOutboundOut(.head(.init(version: head.version, status: status, headers: headers))),
                promise: nil
            )
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            if !head.isKeepAlive { context.close(promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
