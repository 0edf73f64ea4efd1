import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One connection to a checked address, for one request after another.
///
/// What is used again goes to the address that it was opened to, and who asks for it has just had the name resolved to
/// that address and checked: reuse saves handshakes, never a check.
// Because it is only touched on its event loop.
final class PinnedConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    let key: Target.Key
    /// Since when it waits for its next use.
    var idleSince = NIODeadline.now()
    private weak var shelf: ConnectionShelf?
    private var context: ChannelHandlerContext?
    private var uses = 0
    private var exchange: Exchange?
    private var done: ((GuardedClient.Outcome?) -> Void)?
    /// Looks at the deadline of what is under way then; one look serves many requests.
    private var look: (at: NIODeadline, scheduled: Scheduled<Void>)?

    private static let maximumUses = 1000

    init(_ key: Target.Key, on shelf: ConnectionShelf) {
        self.key = key
        self.shelf = shelf
    }

    /// `done` hears nil when a connection that was used before was closed without a byte of an answer: the request may be
    /// sent over another one.
    func send(_ head: HTTPRequestHead, _ exchange: Exchange, done: @escaping (GuardedClient.Outcome?) -> Void) {
        guard let context, context.channel.isActive else { return done(uses > 0 ? nil : .failed(.unreachable)) }
        uses += 1
        exchange.connection = self
        self.exchange = exchange
        self.done = done
        watch(until: exchange.deadline, context)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body = exchange.request.body, !body.isEmpty {
            context.write(
                wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: body)))),
                promise: nil
            )
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Breaks off what is under way, without a word to whom it belongs.
    func close() {
        (exchange, done) = (nil, nil)
        look?.scheduled.cancel()
        look = nil
        context?.close(promise: nil)
    }

    private func watch(until deadline: NIODeadline, _ context: ChannelHandlerContext) {
        if let look, look.at <= deadline { return }
        look?.scheduled.cancel()
        look = (deadline, context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.checkTime() })
    }

    private func checkTime() {
        look = nil
        guard let exchange, let context else { return }
        guard exchange.deadline <= .now() else { return watch(until: exchange.deadline, context) }
        end(.failed(.timedOut))
    }

    /// The request is over, and so is the connection unless it may be used again.
    private func end(_ outcome: GuardedClient.Outcome?, isReusable: Bool = false) {
        let done = done
        (exchange, self.done) = (nil, nil)
        if isReusable, uses < Self.maximumUses, let shelf {
            shelf.put(self)
        } else {
            close()
        }
        done?(outcome)
    }

    // MARK: What the channel says

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let exchange else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): exchange.answer = head
        case .body(let part):
            let room = exchange.limits.answer - exchange.body.count
            exchange.body.append(contentsOf: part.readableBytesView.prefix(room))
            if exchange.body.count >= exchange.limits.answer { end(exchange.outcome) }
        case .end: end(exchange.outcome, isReusable: exchange.answer?.isKeepAlive ?? false)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        shelf?.remove(self)
        if let exchange {
            let isUnheard = uses > 1 && exchange.answer == nil
            end(isUnheard ? nil : .failed(exchange.answer == nil && uses == 0 ? .unreachable : .brokenAnswer))
        } else {
            close()
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The end without a farewell, which plain HTTP doesn't know at all; what follows is the end.
        if case .uncleanShutdown? = error as? NIOSSLError { return }
        shelf?.remove(self)
        if let exchange {
            let isUnheard = uses > 1 && exchange.answer == nil && error is IOError
            end(isUnheard ? nil : .failed(Exchange.failure(for: error)))
        } else {
            close()
        }
    }
}

extension Exchange {
    static func failure(for error: any Error) -> GuardedClient.Failure {
        switch error {
        case let error as ChannelError:
            if case .connectTimeout = error { .timedOut } else { .unreachable }
        case is HTTPParserError, is NIOHTTPDecoderError: .brokenAnswer
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: .certificate
        default: .unreachable
        }
    }
}
