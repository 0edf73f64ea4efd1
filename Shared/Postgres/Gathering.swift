/// Lets what comes together go to the database together.
///
/// There is no waiting for others: who comes first goes at once, and who comes while it is under way goes with the next.
/// So one alone is as quick as without, and a crowd costs few transactions.
package actor Gathering<Item: Sendable, Answer: Sendable> {
    private let limit: Int
    private let lanes: Int
    private let work: @Sendable ([Item]) async throws -> [Answer]
    private var waiting: [(item: Item, continuation: CheckedContinuation<Answer, any Error>)] = []
    private var running = 0

    /// - Parameters:
    ///   - limit: how many go together at most.
    ///   - lanes: how many groups are under way at once.
    ///   - work: answers in the order of the items.
    package init(limit: Int = 200, lanes: Int = 2, _ work: @escaping @Sendable ([Item]) async throws -> [Answer]) {
        self.limit = limit
        self.lanes = lanes
        self.work = work
    }

    /// How many wait for a group that is to come.
    package var waitingCount: Int { waiting.count }

    package func callAsFunction(_ item: Item) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            waiting.append((item, continuation))
            startIfFree()
        }
    }

    private func startIfFree() {
        guard running < lanes, !waiting.isEmpty else { return }
        running += 1
        let group = Array(waiting.prefix(limit))
        waiting.removeFirst(group.count)
        Task { await run(group) }
    }

    private func run(_ group: [(item: Item, continuation: CheckedContinuation<Answer, any Error>)]) async {
        do {
            let answers = try await work(group.map(\.item))
            guard answers.count == group.count else { throw WrongCount() }
            for (member, answer) in zip(group, answers) { member.continuation.resume(returning: answer) }
        } catch {
            await runAlone(group, after: error)
        }
        running -= 1
        startIfFree()
    }

    /// One that can't be done must not fail the others. Where the database is away each would only wait for it in turn.
    private func runAlone(
        _ group: [(item: Item, continuation: CheckedContinuation<Answer, any Error>)],
        after error: any Error
    ) async {
        let isNobodysFault = (error as? PostgresError).map { $0.isTransient && !$0.isSerializationFailure } ?? false
        for member in group {
            guard group.count > 1, !isNobodysFault else {
                member.continuation.resume(throwing: error)
                continue
            }
            do {
                guard let answer = try await work([member.item]).first else { throw WrongCount() }
                member.continuation.resume(returning: answer)
            } catch {
                member.continuation.resume(throwing: error)
            }
        }
    }

    private struct WrongCount: Error {}
}
