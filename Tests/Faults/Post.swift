package import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Seeds
import Synchronization

/// Posts webhooks as a provider with patience: what was not accepted is sent again, some of it twice or thrice and late.
///
/// Only a 200 counts as accepted. An answer that was lost counts as nothing, so the webhook goes out again.
package struct Post: Sendable {
    /// The ingress processes, taken in turn.
    package var targets: [String]
    package var connections: Int
    /// Of a hundred webhooks, how many are sent three times although the first was accepted.
    package var duplicated: Int
    /// How far, in positions of the queue, a webhook may be overtaken.
    package var disorder: Int
    package var seed: UInt64
    /// How many are sent a second; nil as many as are taken.
    package var perSecond: Double?
    /// What is sent beside a body, by its number; nil where all are forms.
    package var headers: (@Sendable (Int) -> [(String, String)])?

    package init(
        targets: [String],
        connections: Int = 16,
        duplicated: Int = 12,
        disorder: Int = 200,
        seed: UInt64,
        perSecond: Double? = nil
    ) {
        self.perSecond = perSecond
        self.targets = targets
        self.connections = connections
        self.duplicated = duplicated
        self.disorder = disorder
        self.seed = seed
    }

    /// What the providers' side saw, in sums.
    package struct Record: Sendable {
        package var accepted = 0
        package var sent = 0
        package var refused: [UInt: Int] = [:]
        package var lostAnswers = 0
    }

    /// One of the bodies, sent once.
    package struct Sent: Sendable {
        package var index: Int
        /// Nil when no answer came.
        package var status: UInt?
        package var took: Duration
    }

    /// Sends all of `bodies` until each is accepted at least once; throws after `patience` without any progress.
    ///
    /// - Parameters:
    ///   - accepted: counts along, for whoever does harm at a certain point.
    ///   - watching: hears of each post and its answer.
    package func send(
        _ bodies: [String],
        by client: HTTPClient,
        counting accepted: Counter = Counter(),
        watching: @escaping @Sendable (Sent) -> Void = { _ in },
        patience: Duration = .seconds(60)
    ) async throws -> Record {
        let queue = Shared(Queue(order(bodies.count), accepted, perSecond))
        try await withThrowingTaskGroup { group in
            for number in 0..<connections {
                group.addTask {
                    try await work(through: queue, of: bodies, as: number, by: client, watching, patience: patience)
                }
            }
            try await group.waitForAll()
        }
        return queue.state.withLock { $0.record }
    }

    /// The bodies' numbers as they are sent.
    private func order(_ count: Int) -> [Int] {
        var random = SeededRandom(seed: seed)
        var places: [(place: Int, index: Int)] = []
        for index in 0..<count {
            let copies = random.chance(duplicated) ? 3 : 1
            for _ in 0..<copies {
                places.append((index + (disorder > 0 ? Int.random(in: 0...disorder, using: &random) : 0), index))
            }
        }
        return places.enumerated()
            .sorted { ($0.element.place, $0.offset) < ($1.element.place, $1.offset) }
            .map(\.element.index)
    }

    /// A number that goes up while others look.
    package final class Counter: Sendable {
        private let number = Atomic(0)

        package init() {}

        package var value: Int { number.load(ordering: .relaxed) }
        fileprivate func increment() { number.add(1, ordering: .relaxed) }
    }

    private final class Shared: Sendable {
        let state: Mutex<Queue>

        init(_ queue: Queue) {
            state = Mutex(queue)
        }
    }

    private struct Queue {
        let waiting: [Int]
        var next = 0
        var again: [Int] = []
        var record = Record()
        var lastProgress = ContinuousClock.now
        let accepted: Counter
        let start = ContinuousClock.now
        let perSecond: Double?

        init(_ waiting: [Int], _ accepted: Counter, _ perSecond: Double?) {
            self.waiting = waiting
            self.accepted = accepted
            self.perSecond = perSecond
        }

        /// The next and when it is to be sent.
        mutating func take() -> (index: Int, at: ContinuousClock.Instant)? {
            if let index = again.popLast() { return (index, .now) }
            guard next < waiting.count else { return nil }
            defer { next += 1 }
            return (waiting[next], perSecond.map { start + .seconds(Double(next) / $0) } ?? .now)
        }
    }

    private func work(
        through queue: Shared,
        of bodies: [String],
        as number: Int,
        by client: HTTPClient,
        _ watching: @Sendable (Sent) -> Void,
        patience: Duration
    ) async throws {
        var turn = number
        while let (index, moment) = queue.state.withLock({ $0.take() }) {
            if moment > .now { try await Task.sleep(until: moment, clock: .continuous) }
            let start = ContinuousClock.now
            let status = await post(index, of: bodies, to: targets[turn % targets.count], by: client)
            watching(Sent(index: index, status: status, took: .now - start))
            turn += 1
            let pause: Duration? = queue.state.withLock { queue in
                queue.record.sent += 1
                if status == 200 {
                    queue.record.accepted += 1
                    queue.accepted.increment()
                    queue.lastProgress = .now
                    return nil
                }
                if let status { queue.record.refused[status, default: 0] += 1 } else { queue.record.lostAnswers += 1 }
                queue.again.append(index)
                return .milliseconds(20)
            }
            guard let pause else { continue }
            if queue.state.withLock({ ContinuousClock.now - $0.lastProgress }) > patience { throw NobodyAccepts() }
            try await Task.sleep(for: pause)
        }
    }

    /// The status, or nil when no answer came.
    private func post(_ index: Int, of bodies: [String], to target: String, by client: HTTPClient) async -> UInt? {
        var request = HTTPClientRequest(url: target)
        request.method = .POST
        request.headers = HTTPHeaders(headers?(index) ?? [("content-type", "application/x-www-form-urlencoded")])
        request.body = .bytes(ByteBuffer(string: bodies[index]))
        // Because a process that was killed in mid-answer is what this is about.
        return try? await client.execute(request, timeout: .seconds(15)).status.code
    }
}

package struct NobodyAccepts: Error, CustomStringConvertible {
    package var description: String { "no webhook was accepted for a long time" }
}
