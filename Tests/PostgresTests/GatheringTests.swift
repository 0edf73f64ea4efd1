import Postgres
import TestKit
import Testing

@Suite struct `What comes together` {
    struct Unwanted: Error {}

    /// Answers of those that did not fail; `groups` gets what went together, in its order. The first one holds the lane until all
    /// others wait.
    private func run(
        _ items: [Int],
        _ groups: Notes<[Int]>,
        failing: @escaping @Sendable ([Int]) throws -> Void = { _ in }
    ) async throws -> [Int: Int] {
        let (held, hold) = AsyncStream<Void>.makeStream()
        let gathering = Gathering<Int, Int>(lanes: 1) { group in
            groups.add(group)
            if group == [0] { for await _ in held {} }
            try failing(group)
            return group.map { $0 * 10 }
        }
        return try await withThrowingTaskGroup(of: (Int, Int?).self) { tasks in
            tasks.addTask { (0, try? await gathering(0)) }
            try await eventually { groups.all == [[0]] }
            for item in items {
                tasks.addTask { (item, try? await gathering(item)) }
            }
            try await eventually { await gathering.waitingCount == items.count }
            hold.finish()
            var answers: [Int: Int] = [:]
            for try await (item, answer) in tasks { answers[item] = answer }
            return answers
        }
    }

    @Test func `while one group is under way goes with the next`() async throws {
        let groups = Notes<[Int]>()
        let answers = try await run([1, 2, 3, 4], groups)
        #expect(answers == [0: 0, 1: 10, 2: 20, 3: 30, 4: 40])
        #expect(groups.all.count == 2)
        #expect(groups.all.last?.sorted() == [1, 2, 3, 4])
    }

    @Test func `fails alone where one of it can't be done`() async throws {
        let groups = Notes<[Int]>()
        let answers = try await run([1, 2, 3], groups) { group in
            if group.contains(2) { throw Unwanted() }
        }
        #expect(answers == [0: 0, 1: 10, 3: 30])
        #expect(groups.all.count == 5, "the group, then each of it")
    }

    @Test func `fails together where the database is away`() async throws {
        let groups = Notes<[Int]>()
        let answers = try await run([1, 2, 3], groups) { group in
            if group != [0] { throw PostgresError.poolExhausted }
        }
        #expect(answers == [0: 0])
        #expect(groups.all.count == 2, "nobody waits for it once more")
    }
}
