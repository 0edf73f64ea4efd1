import NIOCore

/// One connection that has been greeted: commands go out, answers come back in the same order.
///
/// Lives on its channel's event loop; nothing of it may be touched elsewhere.
// Because the loop is its lock, which the compiler cannot see.
final class Wire: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Event {
        /// These calls have left the wire, answered.
        case answered(count: Int, weight: Int)
        case writable
        /// It is over, once, and these calls have left it without an answer.
        case closed(RedisError, count: Int, weight: Int)
    }

    /// Succeeds when the server has answered the greeting.
    let greeted: EventLoopPromise<Void>
    /// Told of everything that happens after the greeting.
    var onEvent: (Event) -> Void = { _ in }

    private let loop: any EventLoop
    private let greeting: [[RedisArgument]]
    private var greetingsLeft: Int
    private let reader = ReplyReader()
    private var inFlight = CircularBuffer<Call>()
    private var channel: (any Channel)?
    private var isOver = false
    private var lastHeard = NIODeadline.now()

    init(on loop: any EventLoop, greeting: [[RedisArgument]]) {
        self.loop = loop
        self.greeting = greeting
        greetingsLeft = greeting.count
        greeted = loop.makePromise()
    }

    // MARK: What the owner does

    var isOpen: Bool { !isOver && greetingsLeft == 0 }
    var isIdle: Bool { inFlight.isEmpty }
    /// The server said that it is a replica now. Whoever took its place may answer to the same name.
    private(set) var isDemoted = false
    /// False when the kernel takes no more: what is not written yet can still be taken back.
    var isWritable: Bool { isOpen && channel?.isWritable == true }

    /// Sends those that somebody still waits for, as one write. Answers what the others were.
    func send(_ calls: some Collection<Call>) -> (unwanted: Int, weight: Int) {
        guard let channel, isOpen else {
            for call in calls { call.fail(.closed) }
            return calls.reduce((0, 0)) { ($0.0 + $1.count, $0.1 + $1.weight) }
        }
        var left = (unwanted: 0, weight: 0)
        var buffer = channel.allocator.buffer(capacity: calls.reduce(0) { $0 + $1.weight })
        for call in calls {
            if call.write(to: &buffer) {
                inFlight.append(call)
            } else {
                left.unwanted += call.count
                left.weight += call.weight
            }
        }
        if buffer.readableBytes > 0 { channel.writeAndFlush(buffer, promise: nil) }
        return left
    }

    /// Ends what has waited too long. The late answer will be read and dropped, so the order of the others holds.
    ///
    /// A server that was silent for `silence` while it owes the answer to a call that nobody waits for any more is taken for
    /// dead, and the connection closed. Returns the next time to look.
    func expire(at now: NIODeadline, silence: TimeAmount) -> NIODeadline? {
        var next: NIODeadline?
        for call in inFlight where call.isWanted {
            if call.deadline <= now {
                call.fail(.outcomeUnknown)
            } else {
                next = min(next ?? call.deadline, call.deadline)
            }
        }
        guard let oldest = inFlight.first, !oldest.isWanted else { return next }
        let end = max(oldest.writtenAt, lastHeard) + silence
        guard end > now else {
            close(.connect("the server was silent for too long"))
            return nil
        }
        return min(next ?? end, end)
    }

    /// Ends every call in flight, and the connection.
    func close(_ error: RedisError) {
        guard !isOver else { return }
        isOver = true
        let wasGreeted = greetingsLeft == 0
        let lost = inFlight
        inFlight = []
        channel?.close(promise: nil)
        channel = nil
        greeted.fail(error)
        let (count, weight) = lost.reduce((0, 0)) { ($0.0 + $1.count, $0.1 + $1.weight) }
        if wasGreeted { onEvent(.closed(error, count: count, weight: weight)) }
        onEvent = { _ in }
        for call in lost { call.fail(error) }
    }

    /// From any thread.
    @Sendable func closeFromAnywhere() {
        loop.execute { self.close(.closed) }
    }

    // MARK: What the channel does

    func handlerAdded(context: ChannelHandlerContext) {
        // Because it may have been given up while it was still connecting.
        guard !isOver else { return context.close(promise: nil) }
        channel = context.channel
        if context.channel.isActive { greet(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        if isOver { context.close(promise: nil) } else { greet(context) }
        context.fireChannelActive()
    }

    private func greet(_ context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 256)
        for command in greeting { buffer.writeCommand(command) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        lastHeard = .now()
        var answered: [(call: Call, answer: RedisValue)] = []
        var failure: RedisError?
        do throws(RedisError) {
            try reader.feed(unwrapInboundIn(data))
            while let answer = try reader.next() {
                if greetingsLeft > 0 {
                    try hear(answer)
                } else {
                    guard let call = inFlight.first else { throw .protocolBroken("an answer to no question") }
                    if case .error(let text) = answer, text.hasPrefix("READONLY ") { isDemoted = true }
                    guard let whole = call.receive(answer) else { continue }
                    inFlight.removeFirst()
                    answered.append((call, whole))
                }
            }
        } catch {
            failure = error
        }
        if !answered.isEmpty {
            // Because who is answered may call again at once, its place must be free before.
            let (count, weight) = answered.reduce((0, 0)) { ($0.0 + $1.call.count, $0.1 + $1.call.weight) }
            onEvent(.answered(count: count, weight: weight))
            for (call, answer) in answered { call.succeed(answer) }
        }
        if let failure { close(failure) }
    }

    /// The answer to one of the greeting's commands.
    private func hear(_ answer: RedisValue) throws(RedisError) {
        let command = greeting[greeting.count - greetingsLeft]
        if case .error(let text) = answer {
            let error = RedisError(reply: text)
            // Because a user may be allowed the queue's commands and not these; any answer shows that the server lives.
            let isHarmless = command.first == "CLIENT" || (command.first == "PING" && error.code == "NOPERM")
            if !isHarmless { throw error }
        }
        greetingsLeft -= 1
        if greetingsLeft == 0 { greeted.succeed() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if isWritable { onEvent(.writable) }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(.connect("the server closed the connection"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(.connect(Connector.reason(error)))
    }
}
