package import NIOCore
import NIOHTTP1
import NIOPosix

/// Requests to one checked address, a few at a time, all on one event loop: between two of them no thread is woken.
// Because what changes is only touched on its event loop.
package final class Line: @unchecked Sendable {
    private let target: Target
    private let width: Int
    private let shelf: ConnectionShelf
    private let limits: GuardedClient.Limits
    private let next: @Sendable () -> GuardedClient.Request?
    private let ended: @Sendable (Int, GuardedClient.Outcome, Duration) -> Void
    private let over: EventLoopPromise<Void>

    /// Of the first request, since resolving the name is part of its time.
    private var firstDeadline: NIODeadline?
    private var underWay: [ObjectIdentifier: Exchange] = [:]
    private var isEnding = false
    private var isCancelled = false

    private var loop: any EventLoop { shelf.loop }

    init(
        to target: Target,
        width: Int,
        over shelf: ConnectionShelf,
        limits: GuardedClient.Limits,
        firstDeadline: NIODeadline,
        next: @escaping @Sendable () -> GuardedClient.Request?,
        ended: @escaping @Sendable (Int, GuardedClient.Outcome, Duration) -> Void
    ) {
        self.target = target
        self.width = width
        self.shelf = shelf
        self.limits = limits
        self.firstDeadline = firstDeadline
        self.next = next
        self.ended = ended
        over = shelf.loop.makePromise()
        wake()
    }

    /// There may be more to send.
    package func wake() { loop.execute { self.fill() } }

    /// Nothing more will come but what `next` has yet. Returns when all of it has ended; cancelled, it breaks off what is
    /// under way and returns soon.
    package func end() async {
        loop.execute {
            self.isEnding = true
            self.fill()
        }
        await withTaskCancellationHandler {
            // Because nothing fails it.
            try? await over.futureResult.get()
        } onCancel: {
            loop.execute { self.cancel() }
        }
    }

    private func fill() {
        while !isCancelled, underWay.count < width, let request = next() {
            start(Exchange(request, limits: limits, deadline: deadline()))
        }
        if underWay.isEmpty, isEnding { over.succeed() }
    }

    private func deadline() -> NIODeadline {
        defer { firstDeadline = nil }
        return firstDeadline ?? .now() + TimeAmount(limits.timeout)
    }

    private func cancel() {
        isCancelled = true
        for exchange in underWay.values { exchange.breakOff() }
        underWay = [:]
        over.succeed()
    }

    private func start(_ exchange: Exchange) {
        underWay[ObjectIdentifier(exchange)] = exchange
        guard let head = exchange.head(for: target) else { return finish(exchange, .failed(.brokenRequest)) }
        if let connection = shelf.take(target.key) {
            // A connection that waited for its next use may be closed by the other side at that very moment.
            connection.send(head, exchange) { outcome in
                guard let outcome else { return self.connect(head, exchange) }
                self.finish(exchange, outcome)
            }
        } else {
            connect(head, exchange)
        }
    }

    private func connect(_ head: HTTPRequestHead, _ exchange: Exchange) {
        let left = exchange.deadline - .now()
        guard left > .zero else { return finish(exchange, .failed(.timedOut)) }
        shelf.connect(to: target, within: min(left, .seconds(10))).whenComplete { result in
            switch result {
            case .success(let connection) where self.isCancelled: connection.close()
            case .success(let connection):
                connection.send(head, exchange) { self.finish(exchange, $0 ?? .failed(.brokenAnswer)) }
            case .failure(let error): self.finish(exchange, .failed(Exchange.failure(for: error)))
            }
        }
    }

    private func finish(_ exchange: Exchange, _ outcome: GuardedClient.Outcome) {
        guard underWay.removeValue(forKey: ObjectIdentifier(exchange)) != nil else { return }
        ended(exchange.request.number, outcome, .nanoseconds((NIODeadline.now() - exchange.started).nanoseconds))
        fill()
    }
}

/// One request and what has come of it so far.
// Because only its line's event loop touches it.
final class Exchange: @unchecked Sendable {
    let request: GuardedClient.Request
    let limits: GuardedClient.Limits
    let started = NIODeadline.now()
    let deadline: NIODeadline
    var answer: HTTPResponseHead?
    var body: [UInt8] = []
    /// On which it is under way.
    weak var connection: PinnedConnection?

    init(_ request: GuardedClient.Request, limits: GuardedClient.Limits, deadline: NIODeadline) {
        self.request = request
        self.limits = limits
        self.deadline = deadline
    }

    func breakOff() { connection?.close() }

    /// Nil when a header would not be one.
    func head(for target: Target) -> HTTPRequestHead? {
        var headers = HTTPHeaders()
        headers.reserveCapacity(request.headers.count + 2)
        headers.add(name: "host", value: target.authority)
        for (name, value) in request.headers {
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isPlain), value.utf8.allSatisfy(Self.isPrintable) else {
                return nil
            }
            headers.add(name: name, value: value)
        }
        if let body = request.body { headers.add(name: "content-length", value: String(body.count)) }
        return HTTPRequestHead(
            version: .http1_1,
            method: request.body == nil ? .GET : .POST,
            uri: target.path,
            headers: headers
        )
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && byte != UInt8(ascii: ":")
    }

    private static func isPrintable(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t")
    }

    /// The answer, as far as it is wanted.
    var outcome: GuardedClient.Outcome {
        guard let answer else { return .failed(.brokenAnswer) }
        return .answered(
            .init(
                status: Int(answer.status.code),
                body: body,
                retryAfter: answer.headers.first(name: "retry-after")
            )
        )
    }
}
