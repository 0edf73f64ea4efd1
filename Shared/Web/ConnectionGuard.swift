internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Hangs up on who is too slow, and on who keeps sending after the answer.
///
/// A request that is answered before it has arrived whole (too large, unknown path) is answered with `Connection: close`;
/// then the rest is thrown away for a moment, because closing at once would reset the connection and the client might never
/// read the answer. One for each connection, behind the HTTP decoder; `RequestClock` decides, this one does.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// What whoever reads the body is told.
    enum Failure: Error, Hashable {
        case bodyTooSlow
        /// The client hung up in the middle of a request.
        case bodyCutShort
    }

    private var clock: RequestClock
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var isLingering = false
    private var discarded = 0

    /// How much, and for how long, of a request that nobody wants is read after its answer.
    private static let lingerBytes = 4 << 20
    private static let lingerTime = TimeAmount.seconds(2)

    init(limits: WebLimits) {
        clock = RequestClock(limits: limits)
    }

    // MARK: Coming and going

    func handlerAdded(context: ChannelHandlerContext) {
        // Because parts of a header are not seen behind the decoder, somebody in front of it must tell of them.
        self.context = context
        let watcher = FirstByteWatcher(tell: self)
        // Because adding fails only where the channel is closed already.
        try? context.pipeline.syncOperations.addHandler(watcher, position: .first)
        if context.channel.isActive { arm(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        arm(context)
        context.fireChannelActive()
    }

    // MARK: In

    fileprivate func bytesArrived() {
        guard let context, clock.bytesArrived() else { return }
        arm(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isLingering {
            if case .body(let bytes) = unwrapInboundIn(data) { discarded += bytes.readableBytes }
            if case .end = unwrapInboundIn(data) { context.close(promise: nil) }
            if discarded > Self.lingerBytes { context.close(promise: nil) }
            return
        }
        switch unwrapInboundIn(data) {
        case .head:
            clock.headArrived()
            arm(context)
        case .body: break
        case .end:
            clock.requestEnded()
            arm(context)
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isLingering { context.read() }
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent {
            if isLingering { context.close(promise: nil) }
            if clock.isReadingBody { context.fireErrorCaught(Failure.bodyCutShort) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where clock.answersEarly:
            head.headerFields[.connection] = "close"
            clock.closesAfterAnswer = true
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .head, .body:
            context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            clock.answerEnded()
            if clock.closesAfterAnswer { linger(context) } else { arm(context) }
        }
    }

    private func linger(_ context: ChannelHandlerContext) {
        isLingering = true
        timer?.cancel()
        context.flush()
        context.close(mode: .output, promise: nil)
        schedule(in: Self.lingerTime, context) { $0.close(promise: nil) }
        context.read()
    }

    // MARK: The timer

    private func arm(_ context: ChannelHandlerContext) {
        guard !isLingering else { return }
        timer?.cancel()
        guard let wait = clock.wait else { return }
        schedule(in: TimeAmount(wait), context) { [self] context in
            guard clock.isReadingBody else { return context.close(promise: nil) }
            context.fireErrorCaught(Failure.bodyTooSlow)
            // The answer, if there still is one to give, gets as long as lingering takes.
            schedule(in: Self.lingerTime, context) { $0.close(promise: nil) }
        }
    }

    private func schedule(
        in wait: TimeAmount,
        _ context: ChannelHandlerContext,
        _ body: @escaping (ChannelHandlerContext) -> Void
    ) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: wait) { body(context) }
    }
}

/// Tells the guard that bytes came, before the decoder makes parts of them.
private final class FirstByteWatcher: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let tell: ConnectionGuard

    init(tell: ConnectionGuard) {
        self.tell = tell
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        tell.bytesArrived()
        context.fireChannelRead(data)
    }
}

/// Which deadline a connection is under: a pure count of what was read and answered.
struct RequestClock {
    private let limits: WebLimits
    private var reading = Reading.nothing
    private var heads = 0
    private var ends = 0
    private var answers = 0
    var closesAfterAnswer = false

    private enum Reading { case nothing, head, body }

    init(limits: WebLimits) {
        self.limits = limits
    }

    /// Time until the connection is closed unless something happens first; nil while we are the ones who are waited for.
    var wait: Duration? {
        switch reading {
        case .body: limits.bodyDeadline
        case _ where answers < heads: nil
        case .nothing: heads == 0 ? limits.headerDeadline : limits.idle
        case .head: limits.headerDeadline
        }
    }

    var isReadingBody: Bool { reading == .body }

    /// The request that is being answered has not arrived whole.
    var answersEarly: Bool { ends <= answers }

    /// True where this starts a new request, so that its deadline begins.
    mutating func bytesArrived() -> Bool {
        guard reading == .nothing else { return false }
        reading = .head
        return heads > 0  // the first request's deadline runs since connecting
    }

    mutating func headArrived() {
        heads += 1
        reading = .body
    }

    mutating func requestEnded() {
        ends += 1
        reading = .nothing
    }

    mutating func answerEnded() {
        answers += 1
    }
}
