import Domain
import Foundation
import Jobs
import Outbound
import Store
import Synchronization

/// One time through what is due at one endpoint, in its order, a few at a time.
///
/// What is claimed is only remembered here: when the process dies, all that was not kept is still due. A round is short, so
/// that a busy endpoint leaves its place to others again and again.
final class Round: Sendable {
    /// Attempts that are under way to one endpoint at once.
    static let width = 3
    /// How long new ones are begun.
    static let length = Duration.seconds(1)
    /// How many may wait here to be sent, about; and at how few more are looked for.
    private static let (most, few) = (4 * DueSearch.limit, DueSearch.limit / 4)

    enum End {
        case over, goesOn
        /// Some could not be signed; the others were sent.
        case noSecret(any Error)
    }

    private let endpoint: Endpoint.ID
    private let deps: NotificationDependencies
    private let now: @Sendable () -> Date
    private let end = ContinuousClock.now + length
    private let state = Mutex(State())
    private let receipt = Receipt()
    /// Before the first look.
    private let began = Sightings.ours.now()
    /// Rings when there is little left to send.
    private let low: (rings: AsyncStream<Void>, bell: AsyncStream<Void>.Continuation)

    private struct State {
        /// The next one last, where it is taken from at no cost.
        var waiting: [OutgoingDelivery] = []
        var underWay: [Int: (delivery: OutgoingDelivery, started: Date)] = [:]
        /// Whom the first attempts that are under way are about.
        var busy: Set<UUID> = []
        /// What is resent while its attempt is under way is left to the next round.
        var seen: Set<Delivery.ID> = []
        var next: DueSearch?
        var number = 0
        var unsigned: (any Error)?
    }

    init(at endpoint: Endpoint.ID, _ deps: NotificationDependencies, now: @escaping @Sendable () -> Date) {
        self.endpoint = endpoint
        self.deps = deps
        self.now = now
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        low = (rings, bell)
    }

    func run() async throws -> End {
        let first = try await deps.due(DueSearch(at: endpoint))
        guard let outgoing = first.endpoint else {
            Sightings.ours.saw(endpoint, since: began)
            return .over
        }
        guard let url = outgoing.url else {
            try await deps.store.transaction { try $0.cancelDeliveries(to: outgoing.id, at: self.now()) }
            return .over
        }
        let signer = Signer(for: outgoing, openedBy: deps.sealer)
        add(first)
        let line: Line
        do throws(GuardedClient.Failure) {
            line = try await deps.line(
                to: url,
                width: Self.width,
                next: { self.take(signer) },
                ended: { self.ended($0, $1, $2) }
            )
        } catch {
            failWaiting(error)
            try await receipt.settled()
            return rest
        }
        let problem = await feed(line)
        await line.end()
        try Task.checkCancellation()
        try await receipt.settled()
        if let problem { throw problem }
        return rest
    }

    /// Looks for more while there is time. Answers what kept it from that.
    private func feed(_ line: Line) async -> (any Error)? {
        while let search = state.withLock({ $0.next }) {
            var rings = low.rings.makeAsyncIterator()
            guard await rings.next() != nil, ContinuousClock.now < end else { return nil }
            guard state.withLock({ $0.waiting.count < Self.most }) else { continue }
            do {
                add(try await deps.due(search))
            } catch {
                return error
            }
            line.wake()
        }
        return nil
    }

    private func add(_ due: DueDeliveries) {
        state.withLock { state in
            let new = due.deliveries.filter { state.seen.insert($0.delivery).inserted }
            state.waiting.insert(contentsOf: new.reversed(), at: 0)
            state.next = due.next
        }
        if due.next == nil { Sightings.ours.saw(endpoint, since: began) }
    }

    private var rest: End {
        state.withLock { state in
            if !state.waiting.isEmpty || state.next != nil { return .goesOn }
            return state.unsigned.map { .noSecret($0) } ?? .over
        }
    }

    // MARK: What the line asks

    /// The first that need not wait for an earlier one about the same subject.
    private func take(_ signer: Signer) -> GuardedClient.Request? {
        while ContinuousClock.now < end {
            let taken = state.withLock { state -> (number: Int, delivery: OutgoingDelivery, started: Date)? in
                let place = state.waiting.lastIndex { $0.untried.map { !state.busy.contains($0) } ?? true }
                guard let place else { return nil }
                let delivery = state.waiting.remove(at: place)
                if state.waiting.count <= Self.few { low.bell.yield() }
                if let subject = delivery.untried { state.busy.insert(subject) }
                state.number += 1
                let started = now()
                state.underWay[state.number] = (delivery, started)
                return (state.number, delivery, started)
            }
            guard let (number, delivery, started) = taken else { break }
            do {
                return GuardedClient.Request(
                    number: number,
                    headers: try signer.headers(for: delivery, at: started),
                    body: delivery.body
                )
            } catch {
                state.withLock { state in
                    leave(number, &state)
                    state.unsigned = error
                }
            }
        }
        low.bell.yield()
        return nil
    }

    private func ended(_ number: Int, _ outcome: GuardedClient.Outcome, _ latency: Duration) {
        let ended = state.withLock { state in
            // 410: nobody is there any more.
            if case .answered(let answer) = outcome, answer.status == 410 { (state.waiting, state.next) = ([], nil) }
            return leave(number, &state)
        }
        guard let (delivery, started) = ended else { return }
        keep(delivery, outcome, started, latency)
    }

    @discardableResult
    private func leave(_ number: Int, _ state: inout State) -> (delivery: OutgoingDelivery, started: Date)? {
        guard let left = state.underWay.removeValue(forKey: number) else { return nil }
        if let subject = left.delivery.untried { state.busy.remove(subject) }
        return left
    }

    /// The address could not even be called.
    private func failWaiting(_ failure: GuardedClient.Failure) {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for delivery in waiting.reversed() { keep(delivery, .failed(failure), now(), .zero) }
    }

    private func keep(
        _ delivery: OutgoingDelivery,
        _ outcome: GuardedClient.Outcome,
        _ started: Date,
        _ latency: Duration
    ) {
        let attempt = DeliveryAttempt(
            delivery,
            outcome,
            at: started,
            latency: latency,
            now: now(),
            jitter: .random(in: 0..<1)
        )
        deps.attempts.add(attempt, receipt)
    }
}
