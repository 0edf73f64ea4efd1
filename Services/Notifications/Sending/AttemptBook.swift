import Postgres
import Store
import Synchronization

/// Keeps attempts, those of many endpoints in one transaction.
///
/// There is no waiting for others: who comes first goes at once, and who comes while it is under way goes with the next.
/// So one alone is as quick as without, and a crowd costs few transactions. Nobody waits for each: a round waits at its end
/// until all that it handed in is kept.
final class AttemptBook: Sendable {
    private let work: @Sendable ([DeliveryAttempt]) async throws -> Void
    private let state = Mutex(State())

    private struct State {
        var waiting: [(attempt: DeliveryAttempt, receipt: Receipt)] = []
        var running = 0
    }

    /// How many go together at most, and how many groups are under way at once.
    private static let (limit, lanes) = (500, 2)

    init(_ work: @escaping @Sendable ([DeliveryAttempt]) async throws -> Void) { self.work = work }

    func add(_ attempt: DeliveryAttempt, _ receipt: Receipt) {
        receipt.open()
        let starts = state.withLock { state in
            state.waiting.append((attempt, receipt))
            guard state.running < Self.lanes else { return false }
            state.running += 1
            return true
        }
        if starts { Task { await keepAll() } }
    }

    private func keepAll() async {
        while true {
            let group = state.withLock { state in
                let group = Array(state.waiting.prefix(Self.limit))
                state.waiting.removeFirst(group.count)
                if group.isEmpty { state.running -= 1 }
                return group
            }
            guard !group.isEmpty else { return }
            await keep(group)
        }
    }

    /// One that can't be kept must not fail the others.
    private func keep(_ group: [(attempt: DeliveryAttempt, receipt: Receipt)]) async {
        do {
            try await work(group.map(\.attempt))
            for member in group { member.receipt.close(nil) }
        } catch {
            guard group.count > 1, (error as? PostgresError)?.isTransient != true else {
                for member in group { member.receipt.close(error) }
                return
            }
            for member in group { await keep([member]) }
        }
    }
}

/// What somebody waits for who has handed in attempts.
final class Receipt: Sendable {
    private let state = Mutex(State())

    private struct State {
        var open = 0
        var problem: (any Error)?
        var waiter: CheckedContinuation<Void, Never>?
    }

    func open() { state.withLock { $0.open += 1 } }

    func close(_ problem: (any Error)?) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.open -= 1
            state.problem = state.problem ?? problem
            guard state.open == 0 else { return nil }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when all are kept, or throws why some were not. Asked once, when no more are handed in.
    func settled() async throws {
        await withCheckedContinuation { continuation in
            let isSettled = state.withLock { state in
                if state.open > 0 { state.waiter = continuation }
                return state.open == 0
            }
            if isSettled { continuation.resume() }
        }
        if let problem = state.withLock({ $0.problem }) { throw problem }
    }
}
