import Logging
import NIOCore
import Synchronization

/// Many callers, one connection: takes calls from any thread, and keeps a wire for them, again and again.
///
/// Calls gather in an inbox; the event loop empties it once a turn into one write. That is the pipelining: the busier the
/// loop, the more goes out together. What is not marked otherwise is touched on the event loop alone.
// Because the loop and the mutex are its locks, which the compiler cannot see.
final class Multiplexer: @unchecked Sendable {
    private enum State {
        case connecting
        case connected(Wire, since: NIODeadline)
        case waiting(Scheduled<Void>, until: NIODeadline)
        case ended
    }

    private struct Inbox {
        var calls: [Call] = []
        /// The loop has been told and has not looked yet.
        var isAnnounced = false
        /// Accepted and not yet off the wire, in commands and bytes.
        var count = 0
        var weight = 0
        var isClosed = false
    }

    private let connector: Connector
    private let loop: any EventLoop
    private let logger: Logger
    /// From any thread.
    private let inbox = Mutex(Inbox())
    private let connected = Atomic(false)
    let ended: EventLoopPromise<Void>

    private var state = State.connecting
    private var waiting = CircularBuffer<Call>()
    private var tries = 0
    private var lastFailure: RedisError?
    private var isClosing = false
    private var sweep: (task: Scheduled<Void>, at: NIODeadline)?

    init(_ connector: Connector, on loop: any EventLoop, logger: Logger) {
        self.connector = connector
        self.loop = loop
        self.logger = logger
        self.ended = loop.makePromise()
    }

    /// From any thread.
    func start() {
        loop.execute { self.connect() }
    }

    // MARK: From any thread

    var isConnected: Bool { connected.load(ordering: .relaxed) }

    func submit(_ call: Call) {
        let settings = connector.configuration
        let (refusal, isFirst): (RedisError?, Bool) = inbox.withLock { inbox in
            if inbox.isClosed { return (.closed, false) }
            let isFull =
                inbox.count + call.count > settings.maximumWaiting
                || inbox.weight + call.weight > settings.maximumWaitingBytes
            if isFull, inbox.count > 0 { return (.queueFull, false) }
            inbox.count += call.count
            inbox.weight += call.weight
            inbox.calls.append(call)
            defer { inbox.isAnnounced = true }
            return (nil, !inbox.isAnnounced)
        }
        if let refusal { call.fail(refusal) }
        if isFirst { loop.execute { self.drain() } }
    }

    /// Takes no more calls, lets those that are on the wire or can still be written finish, then closes.
    func close() {
        inbox.withLock { $0.isClosed = true }
        // Because its owner may let go of it while answers are on the way, and somebody must wait for them.
        ended.futureResult.whenComplete { _ in withExtendedLifetime(self) {} }
        loop.execute {
            self.isClosing = true
            self.drain()
        }
    }

    private func forget(count: Int, weight: Int) {
        guard count > 0 else { return }
        inbox.withLock {
            $0.count -= count
            $0.weight -= weight
        }
    }

    // MARK: Sending

    private func drain() {
        let calls = inbox.withLock { inbox in
            inbox.isAnnounced = false
            defer { inbox.calls.removeAll() }
            return inbox.calls
        }
        waiting.append(contentsOf: calls)
        if case .connected(let wire, let since) = state {
            if isDueToLeave(wire, since: since) {
                if wire.isIdle { wire.close(.connect("the server is a replica now")) }
            } else {
                while wire.isWritable, !waiting.isEmpty {
                    let left = wire.send(nextBatch())
                    forget(count: left.unwanted, weight: left.weight)
                }
            }
        }
        if !calls.isEmpty, case .waiting = state { hurry() }
        if let earliest = calls.lazy.map(\.deadline).min() { look(at: earliest) }
        if isClosing { finishIfIdle() }
    }

    /// After a failover the new primary is found by connecting again: when all that is on the way is answered, and not in a
    /// hurry, since it may be a replica for good.
    private func isDueToLeave(_ wire: Wire, since: NIODeadline) -> Bool {
        wire.isDemoted && since + .seconds(1) < .now()
    }

    /// All that waits, but no more than makes a reasonable piece of memory.
    private func nextBatch() -> [Call] {
        var weight = 0
        let batch = Array(
            waiting.prefix { call in
                defer { weight += call.weight }
                return weight < 256 << 10
            }
        )
        waiting.removeFirst(batch.count)
        return batch
    }

    private func finishIfIdle() {
        if case .connected(let wire, _) = state, wire.isOpen {
            guard waiting.isEmpty, wire.isIdle else { return }
            wire.onEvent = { _ in }
            wire.close(.closed)
        }
        if case .waiting(let task, _) = state { task.cancel() }
        fail(waiting: .closed)
        if case .ended = state { return }
        state = .ended
        sweep?.task.cancel()
        connected.store(false, ordering: .relaxed)
        ended.succeed()
    }

    private func fail(waiting error: RedisError) {
        let calls = Array(waiting)
        waiting.removeAll()
        end(calls, error)
    }

    /// For calls that were not written. Their places are free before their callers are told, who may call again at once.
    private func end(_ calls: [Call], _ error: RedisError) {
        let (count, weight) = calls.reduce((0, 0)) { ($0.0 + $1.count, $0.1 + $1.weight) }
        forget(count: count, weight: weight)
        // Because what was not written has had no outcome, however the connection broke.
        let told = error.outcomeIsUnknown ? .connect("\(error)") : error
        for call in calls { call.fail(told) }
    }

    // MARK: Deadlines

    /// One timer for all: most calls end long before it, and are not worth one each.
    private func look(at deadline: NIODeadline) {
        if let sweep, sweep.at <= deadline { return }
        if case .ended = state { return }
        sweep?.task.cancel()
        let task = loop.scheduleTask(deadline: deadline) { [weak self] () -> Void in self?.expire() }
        sweep = (task, deadline)
    }

    private func expire() {
        sweep = nil
        let now = NIODeadline.now()
        var next: NIODeadline?
        var kept = CircularBuffer<Call>()
        var gone: [Call] = []
        for call in waiting {
            if call.deadline > now, call.isWanted {
                next = min(next ?? call.deadline, call.deadline)
                kept.append(call)
            } else {
                gone.append(call)
            }
        }
        waiting = kept
        end(gone, lastFailure ?? .timedOut)
        if case .connected(let wire, _) = state {
            let silence = TimeAmount(clamping: connector.configuration.commandTimeout)
            if let wireNext = wire.expire(at: now, silence: silence) { next = min(next ?? wireNext, wireNext) }
        }
        if let next { look(at: next) }
        if isClosing { finishIfIdle() }
    }

    // MARK: Connecting

    private func connect() {
        if case .ended = state { return }
        state = .connecting
        tries += 1
        connector.connect(on: loop).whenComplete { result in
            if case .ended = self.state {
                if case .success(let wire) = result { wire.close(.closed) }
                return
            }
            switch result {
            case .success(let wire): self.didConnect(wire)
            case .failure(let error): self.didFail(error as? RedisError ?? .connect(Connector.reason(error)))
            }
        }
    }

    private func didConnect(_ wire: Wire) {
        state = .connected(wire, since: .now())
        lastFailure = nil
        connected.store(true, ordering: .relaxed)
        logger.info("connected to Redis", metadata: ["redis": "\(connector.configuration)", "tries": "\(tries)"])
        wire.onEvent = { [weak self] event in self?.hear(event) }
        drain()
    }

    private func didFail(_ error: RedisError) {
        lastFailure = error
        logger.log(
            level: tries == 1 || tries.isMultiple(of: 20) ? .warning : .debug,
            "cannot connect to Redis",
            metadata: ["redis": "\(connector.configuration)", "try": "\(tries)", "reason": "\(error)"]
        )
        if error.isHopeless { fail(waiting: error) }
        retry()
    }

    private func hear(_ event: Wire.Event) {
        switch event {
        case .answered(let count, let weight):
            tries = 0
            forget(count: count, weight: weight)
            if isClosing { finishIfIdle() } else if !waiting.isEmpty { drain() }
        case .writable:
            drain()
        case .closed(let error, let count, let weight):
            forget(count: count, weight: weight)
            connected.store(false, ordering: .relaxed)
            logger.warning(
                "lost the connection to Redis",
                metadata: ["redis": "\(connector.configuration)", "reason": "\(error)", "calls": "\(count)"]
            )
            lastFailure = error
            if case .connected(_, let since) = state, since + .seconds(5) < .now() { tries = 0 }
            retry()
        }
    }

    private func retry() {
        guard !isClosing else { return finishIfIdle() }
        var random = SystemRandomNumberGenerator()
        wait(backoff.pause(after: tries, using: &random))
    }

    private func wait(_ pause: TimeAmount) {
        let task = loop.scheduleTask(in: pause) { [weak self] () -> Void in self?.connect() }
        state = .waiting(task, until: .now() + pause)
    }

    private func hurry() {
        var random = SystemRandomNumberGenerator()
        let pause = backoff.pauseInAHurry(using: &random)
        guard case .waiting(let task, let until) = state, until > .now() + pause else { return }
        task.cancel()
        wait(pause)
    }

    private var backoff: Backoff { Backoff(longest: TimeAmount(clamping: connector.configuration.maximumBackoff)) }
}
