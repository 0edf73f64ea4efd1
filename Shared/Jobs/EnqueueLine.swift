import Redis
import Synchronization

/// Where the jobs of many tasks meet on their way to one queue: what comes while calls are under way goes together in the
/// next one.
///
/// A lone job goes at once. Under load a call carries what has come since the last one left, and Redis does one script
/// for all: three times as many jobs for the same work. The more there is to do, the cheaper it gets.
final class EnqueueLine: Sendable {
    /// A job in the three words that the script takes.
    struct Item: Sendable {
        let words: [RedisArgument]
        let weight: Int
    }

    typealias Answer = Result<RedisValue, JobsError>

    private struct Waiting {
        let item: Item
        let since: ContinuousClock.Instant
        let continuation: CheckedContinuation<Answer, Never>
    }

    private struct State {
        var waiting: [QueueName: [Waiting]] = [:]
        var underWay: [QueueName: Int] = [:]
    }

    /// One is read by Redis while the other is on its way.
    private static let mostUnderWay = 2
    /// The script takes 500.
    private static let mostJobs = 500
    private static let mostBytes = 1 << 20

    private let state = Mutex(State())

    /// Sends `item` with those it meets, by `send`: what the script is given, and its answer for each.
    func enqueue(
        _ item: Item,
        on queue: QueueName,
        _ send: @escaping @Sendable ([Item]) async -> Result<[RedisValue], JobsError>
    ) async -> Answer {
        let isAlone = state.withLock { state in
            guard state.underWay[queue, default: 0] < Self.mostUnderWay else { return false }
            state.underWay[queue, default: 0] += 1
            return true
        }
        guard isAlone else {
            return await withCheckedContinuation { continuation in
                let waiting = Waiting(item: item, since: .now, continuation: continuation)
                let mustLeave = state.withLock { state in
                    state.waiting[queue, default: []].append(waiting)
                    guard state.underWay[queue, default: 0] < Self.mostUnderWay else { return false }
                    state.underWay[queue, default: 0] += 1
                    return true
                }
                if mustLeave { Task { await sendWaiting(on: queue, send) } }
            }
        }
        let answer = await send([item])
        // Whoever asked goes on; the others' call is made beside.
        if hasWaiting(on: queue, after: answer.failure) { Task { await sendWaiting(on: queue, send) } }
        return Self.first(of: answer)
    }

    /// False, and one call less is under way, if nobody waits.
    private func hasWaiting(on queue: QueueName, after failure: JobsError?) -> Bool {
        let (refused, goesOn): ([Waiting], Bool) = state.withLock { state in
            var waiting = state.waiting[queue] ?? []
            var refused: [Waiting] = []
            // Who has waited out most of a deadline behind a call that failed shall not wait for another.
            if case .redis = failure {
                let limit = ContinuousClock.now - .seconds(1)
                refused = waiting.filter { $0.since < limit }
                waiting.removeAll { $0.since < limit }
            }
            state.waiting[queue] = waiting.isEmpty ? nil : waiting
            if waiting.isEmpty {
                let left = state.underWay[queue, default: 1] - 1
                state.underWay[queue] = left == 0 ? nil : left
            }
            return (refused, !waiting.isEmpty)
        }
        // It was never sent.
        for waiting in refused { waiting.continuation.resume(returning: .failure(.redis(.timedOut))) }
        return goesOn
    }

    private func sendWaiting(
        on queue: QueueName,
        _ send: @escaping @Sendable ([Item]) async -> Result<[RedisValue], JobsError>
    ) async {
        var failure: JobsError?
        repeat {
            let batch = take(from: queue)
            guard !batch.isEmpty else { continue }
            let answer = await send(batch.map(\.item))
            failure = answer.failure
            switch answer {
            case .success(let values) where values.count == batch.count:
                for (waiting, value) in zip(batch, values) { waiting.continuation.resume(returning: .success(value)) }
            case .failure(.full) where batch.count > 1:
                // Some may fit, and nobody shall be refused for what a stranger asked.
                await withTaskGroup { group in
                    for waiting in batch {
                        group.addTask {
                            waiting.continuation.resume(returning: Self.first(of: await send([waiting.item])))
                        }
                    }
                }
            case .failure(let error):
                for waiting in batch { waiting.continuation.resume(returning: .failure(error)) }
            case .success:
                for waiting in batch {
                    waiting.continuation.resume(returning: .failure(.unexpectedAnswer("enqueue")))
                }
            }
        } while hasWaiting(on: queue, after: failure)
    }

    private func take(from queue: QueueName) -> [Waiting] {
        state.withLock { state in
            var bytes = 0
            let waiting = state.waiting[queue] ?? []
            let batch = waiting.prefix(Self.mostJobs).prefix { waiting in
                defer { bytes += waiting.item.weight }
                return bytes < Self.mostBytes
            }
            state.waiting[queue] = Array(waiting.dropFirst(batch.count))
            return Array(batch)
        }
    }

    private static func first(of answer: Result<[RedisValue], JobsError>) -> Answer {
        answer.flatMap { values in values.first.map { .success($0) } ?? .failure(.unexpectedAnswer("enqueue")) }
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
