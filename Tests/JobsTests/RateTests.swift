import Foundation
import Jobs
import Redis
import TestKit
import Testing

@Suite struct `Rates of a kind` {
    @Test func `jobs begin no faster than their kind may, in order, and others beside them`() async throws {
        let queue = try await TestQueue()
        try await queue.setPolicy(JobPolicy(rate: Rate(10, per: .seconds(1), burst: 3)))
        for number in 0..<10 { try await queue.add("a\(number)") }
        try await queue.add("other", "t.other")
        let kinds = [KnownKind("t.work"), KnownKind("t.other")]
        let first = try await queue.lease(20, kinds: kinds)
        #expect(first.leases.map(\.id) == ["a0", "a1", "a2", "other"])
        #expect(first.wait == .milliseconds(100))
        let stats = try await queue.jobs.stats(of: queue.name)
        #expect(stats.limited == ["t.work": 7])
        #expect(stats.waitingForGroup == 0)
        #expect(try await queue.jobs.show("a5", on: queue.name)?.place == .limited)
        #expect(try await queue.jobs.peek("rate:t.work", count: 2, on: queue.name) == ["a3", "a4"])

        try await queue.pass(.milliseconds(99))
        #expect(try await queue.leasedIDs() == [])
        try await queue.pass(.milliseconds(1))
        // Who comes later stands behind those who wait.
        try await queue.add("late")
        #expect(try await queue.leasedIDs() == ["a3"])
        try await queue.pass(.milliseconds(200))
        #expect(try await queue.leasedIDs() == ["a4", "a5"])
        // After a quiet time no more than the burst come at once.
        try await queue.pass(.seconds(20))
        #expect(try await queue.leasedIDs() == ["a6", "a7", "a8"])
        try await queue.pass(.seconds(1))
        #expect(try await queue.leasedIDs() == ["a9", "late"])
        #expect(try await queue.jobs.stats(of: queue.name).limited == [:])
    }

    @Test func `what is kept back spends no attempt, may be cancelled, and keeps its group waiting`() async throws {
        let queue = try await TestQueue()
        try await queue.setPolicy(JobPolicy(rate: Rate(1, per: .seconds(1))))
        for id in ["a", "b", "c"] { try await queue.add(JobID(id)) { $0.group = id == "a" ? nil : "g" } }
        #expect(try await queue.leasedIDs() == ["a"])
        #expect(try await queue.jobs.show("b", on: queue.name)?.place == .limited)
        #expect(try await queue.jobs.show("b", on: queue.name)?.attempt == 0)
        #expect(try await queue.jobs.cancel("b", on: queue.name) == .waiting)
        #expect(try await queue.leasedIDs() == [])
        try await queue.pass(.seconds(1))
        #expect(try await queue.leasedIDs() == ["c"])
        #expect(try await queue.jobs.verify(queue.name).isClean)
    }

    @Test func `an operator changes a rate, or takes it away, while jobs wait`() async throws {
        let queue = try await TestQueue()
        try await queue.setPolicy(JobPolicy(rate: Rate(1, per: .seconds(60))))
        for number in 0..<200 { try await queue.add(JobID("a\(number)")) }
        #expect(try await queue.leasedIDs(100).count == 1)
        let faster = JobPolicy(rate: Rate(100, per: .seconds(1), burst: 5))
        try await queue.jobs.setPolicy(faster, of: "t.work", on: queue.name)
        // The first is recovered meanwhile, and stands behind those who wait.
        try await queue.pass(.seconds(60))
        #expect(try await queue.leasedIDs(100) == (1...5).map { "a\($0)" })
        try await queue.jobs.setPolicy(JobPolicy(), of: "t.work", on: queue.name)
        #expect(try await queue.leasedIDs(120) == (6...125).map { "a\($0)" })
        #expect(try await queue.leasedIDs(120) == (126..<200).map { "a\($0)" } + ["a0"])
    }

    @Test func `workers together keep to it`() async throws {
        let queue = try await TestQueue(clock: false)
        let policy = JobPolicy(rate: Rate(200, per: .seconds(1)))
        try await queue.jobs.setPolicy(policy, of: "t.note", on: queue.name)
        let diary = Diary()
        func worker() -> Worker<Diary> { Worker(diary, queue: queue.jobs, runs: [Note.self], logger: .silent) }
        for number in 0..<60 { try await queue.jobs.enqueue(Note(number: number)) }
        let start = ContinuousClock.now
        try await withWorker(worker()) { _ in
            try await withWorker(worker()) { _ in
                try await eventually { diary.all.count == 60 }
            }
        }
        // The first comes at once, and 59 follow 5 ms apart, however quick the workers are.
        #expect(ContinuousClock.now - start >= .milliseconds(290))
        #expect(Set(diary.numbers).count == 60)
    }
}

@Suite struct `Rates that calls share` {
    /// A limit with a clock of its own.
    func limit(_ rate: Rate) async throws -> (TestQueue, RateLimit) {
        let queue = try await TestQueue()
        return (queue, RateLimit("example", rate))
    }

    func setClock(_ queue: TestQueue, _ ms: Int) async throws {
        let key = "\(queue.jobs.prefix):{rate/example}:meta"
        try await queue.redis.client.call(
            ["HSET", .text(key), "testing", 1, "now", .int(TestQueue.start.milliseconds + ms)]
        )
    }

    @Test func `a burst is granted, then one after another, and who is refused is told when`() async throws {
        let (queue, limit) = try await limit(Rate(2, per: .seconds(1), burst: 3))
        try await setClock(queue, 0)
        for _ in 0..<3 { #expect(try await queue.jobs.take(limit) == .granted) }
        #expect(try await queue.jobs.take(limit) == .wait(.milliseconds(500)))
        try await setClock(queue, 499)
        #expect(try await queue.jobs.take(limit) == .wait(.milliseconds(1)))
        try await setClock(queue, 500)
        #expect(try await queue.jobs.take(limit) == .granted)
        #expect(try await queue.jobs.take(limit) == .wait(.milliseconds(500)))
        // Several at once, more than the burst: only after a quiet time.
        try await setClock(queue, 1_900)
        #expect(try await queue.jobs.take(limit, count: 5) == .wait(.milliseconds(100)))
        try await setClock(queue, 2_000)
        #expect(try await queue.jobs.take(limit, count: 5) == .granted)
        #expect(try await queue.jobs.take(limit) == .wait(.milliseconds(1_500)))
    }

    @Test func `the other side's retry-after holds for all`() async throws {
        let (queue, limit) = try await limit(Rate(100, per: .seconds(1), burst: 50))
        try await setClock(queue, 0)
        try await queue.jobs.hold(limit, for: .seconds(30))
        #expect(try await queue.jobs.take(limit) == .wait(.seconds(30)))
        try await queue.jobs.hold(limit, for: .seconds(5))
        #expect(try await queue.jobs.status(of: limit).opensAfter == .seconds(30))
        try await setClock(queue, 30_000)
        #expect(try await queue.jobs.take(limit) == .granted)
    }

    @Test func `an operator's rate goes before the code's until it is reset`() async throws {
        let (queue, limit) = try await limit(Rate(1, per: .seconds(1)))
        try await setClock(queue, 0)
        try await queue.jobs.setRate(Rate(1, per: .seconds(60)), of: "example")
        #expect(try await queue.jobs.take(limit) == .granted)
        #expect(try await queue.jobs.take(limit) == .wait(.seconds(60)))
        #expect(try await queue.jobs.status(of: limit).isOperators)
        try await queue.jobs.resetRate(of: "example")
        #expect(try await queue.jobs.status(of: limit).rate == limit.rate)
        try await setClock(queue, 60_000)
        #expect(try await queue.jobs.take(limit) == .granted)
        #expect(try await queue.jobs.take(limit) == .wait(.seconds(1)))
    }

    @Test func `many at once are granted no more than it says`() async throws {
        let (queue, limit) = try await limit(Rate(1, per: .seconds(3600), burst: 10))
        try await setClock(queue, 0)
        let granted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 { group.addTask { try await queue.jobs.take(limit) == .granted } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(granted == 10)
    }
}
