import Foundation
import Jobs
import Redis
import TestKit
import Testing

/// Workers that would look by themselves only after a minute: what they run in time, they were woken for.
@Suite struct `Being woken` {
    func worker(
        _ queue: TestQueue,
        _ diary: Diary,
        runs kinds: [any Job<Diary>.Type] = [Note.self],
        concurrency: Int = 1
    ) async throws -> Worker<Diary> {
        var configuration = try await TestRedis.server().configuration()
        configuration.clientName = queue.redis.prefix
        let jobs = queue.jobs.over(RedisClient(configuration, logger: .silent))
        var options = Worker<Diary>.Options()
        options.poll = .seconds(60)
        options.drainLimit = .seconds(60)
        return Worker(diary, queue: jobs, runs: kinds, concurrency: concurrency, options: options, logger: .silent)
    }

    /// How many workers of this test wait for a wake-up at this moment.
    func blocked(_ queue: TestQueue) async throws -> Int {
        let clients = try await queue.redis.client.call(["CLIENT", "LIST"]).string ?? ""
        let ours = clients.split(separator: "\n").filter { $0.contains(" name=\(queue.redis.prefix) ") }
        return ours.count { $0.contains(" flags=b") && $0.contains(" cmd=blpop ") }
    }

    @Test func `a batch for more workers than there are wake-ups reaches them all`() async throws {
        let queue = try await TestQueue(clock: false)
        let diary = Diary()
        try await withWorkers(12, { try await worker(queue, diary) }) {
            try await eventually { try await blocked(queue) == 12 }
            let requests = try (0..<12).map {
                EnqueueRequest(envelope: try JobEnvelope(Note(number: $0, act: .waitForDoor)))
            }
            _ = try await queue.jobs.enqueueEnvelopes(requests, on: queue.name)
            try await eventually { Set(diary.numbers) == Set(0..<12) }
            diary.open()
        }
    }

    @Test func `a worker that does not know a kind wakes those that do`() async throws {
        let queue = try await TestQueue(clock: false)
        let diary = Diary()
        // It has waited longer, so the wake-up is its.
        try await withWorker(try await worker(queue, diary, runs: [Cousin.self])) { _ in
            try await eventually { try await blocked(queue) == 1 }
            try await withWorker(try await worker(queue, diary)) { _ in
                try await eventually { try await blocked(queue) == 2 }
                try await queue.jobs.enqueue(Note(number: 1))
                try await eventually { diary.numbers == [1] }
            }
        }
    }

    @Test func `a worker that leaves passes its wake-up on`() async throws {
        let queue = try await TestQueue(clock: false)
        let (old, new) = (Diary(), Diary())
        try await queue.jobs.enqueue(Note(number: 0, act: .waitForDoor))
        try await withWorker(try await worker(queue, old, concurrency: 2)) { stop in
            try await eventually { try await blocked(queue) == 1 && old.numbers == [0] }
            try await withWorker(try await worker(queue, new)) { _ in
                try await eventually { try await blocked(queue) == 2 }
                await stop()
                try await queue.jobs.enqueue(Note(number: 1))
                try await eventually { new.numbers == [1] }
                old.open()
            }
        }
        #expect(old.numbers == [0])
    }

    @Test func `every job that comes alone is begun at once, however idle and busy alternate`() async throws {
        let queue = try await TestQueue(clock: false)
        let diary = Diary()
        try await withWorkers(3, { try await worker(queue, diary, concurrency: 2) }) {
            for number in 0..<300 {
                try await queue.jobs.enqueue(Note(number: number, act: number % 7 == 0 ? .snooze : .done))
                if number % 3 == 0 { try await eventually { diary.numbers.contains(number) } }
            }
            try await eventually { try await queue.jobs.stats(of: queue.name).held == 0 }
        }
        #expect(Set(diary.numbers) == Set(0..<300))
    }
}

/// Another kind in the same queue.
struct Cousin: Job {
    static let kind: JobKind = "t.cousin"
    static let queue: QueueName = "q"

    func run(_ diary: Diary, _ context: JobContext) async throws -> JobOutcome { .done }
}

/// Workers beside one another, stopped when the closure ends.
func withWorkers(
    _ count: Int,
    _ make: () async throws -> Worker<Diary>,
    _ body: () async throws -> Void
) async throws {
    guard count > 0 else { return try await body() }
    try await withWorker(try await make()) { _ in try await withWorkers(count - 1, make, body) }
}
