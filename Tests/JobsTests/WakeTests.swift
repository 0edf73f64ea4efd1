import Foundation
import Jobs
import Redis
import TestKit
import Testing

/// Workers that would look by themselves only after a minute: what they run in time, they were woken for.
@Suite struct `Being woken` {
    /// Its own, so that all who wait there are ours.
    let server: RedisServer
    let jobs: JobQueue

    init() async throws {
        server = try await RedisServer()
        jobs = JobQueue(redis: try server.client(), logger: .silent)
    }

    func worker(
        _ diary: Diary,
        runs kinds: [any Job<Diary>.Type] = [Note.self],
        concurrency: Int = 1
    ) throws -> Worker<Diary> {
        var options = Worker<Diary>.Options()
        options.poll = .seconds(60)
        options.drainLimit = .seconds(60)
        let jobs = jobs.over(try server.client())
        return Worker(diary, queue: jobs, runs: kinds, concurrency: concurrency, options: options, logger: .silent)
    }

    /// How many workers wait for a wake-up at this moment.
    func blocked() async throws -> Int {
        let clients = try await jobs.redis.call(["CLIENT", "LIST"]).string ?? ""
        return clients.split(separator: "\n").count { $0.contains(" flags=b") && $0.contains(" cmd=blpop ") }
    }

    @Test func `a batch for more workers than there are wake-ups reaches them all`() async throws {
        let diary = Diary()
        try await withWorkers(12, { try worker(diary) }) {
            try await eventually { try await blocked() == 12 }
            let requests = try (0..<12).map {
                EnqueueRequest(envelope: try JobEnvelope(Note(number: $0, act: .waitForDoor)))
            }
            _ = try await jobs.enqueueEnvelopes(requests, on: "q")
            try await eventually { Set(diary.numbers) == Set(0..<12) }
            diary.open()
        }
    }

    @Test func `a worker that does not know a kind wakes those that do`() async throws {
        let diary = Diary()
        // It has waited longer, so the wake-up is its.
        try await withWorker(try worker(diary, runs: [Cousin.self])) { _ in
            try await eventually { try await blocked() == 1 }
            try await withWorker(try worker(diary)) { _ in
                try await eventually { try await blocked() == 2 }
                try await jobs.enqueue(Note(number: 1))
                try await eventually { diary.numbers == [1] }
            }
        }
    }

    @Test func `a worker that leaves passes its wake-up on`() async throws {
        let (old, new) = (Diary(), Diary())
        try await jobs.enqueue(Note(number: 0, act: .waitForDoor))
        try await withWorker(try worker(old, concurrency: 2)) { stop in
            try await eventually { try await blocked() == 1 && old.numbers == [0] }
            try await withWorker(try worker(new)) { _ in
                try await eventually { try await blocked() == 2 }
                await stop()
                try await jobs.enqueue(Note(number: 1))
                try await eventually { new.numbers == [1] }
                old.open()
            }
        }
        #expect(old.numbers == [0])
    }

    @Test func `every job that comes alone is begun at once, however idle and busy alternate`() async throws {
        let diary = Diary()
        try await withWorkers(3, { try worker(diary, concurrency: 2) }) {
            for number in 0..<300 {
                try await jobs.enqueue(Note(number: number, act: number % 7 == 0 ? .snooze : .done))
                if number % 3 == 0 { try await eventually { diary.numbers.contains(number) } }
            }
            try await eventually { try await jobs.stats(of: "q").held == 0 }
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
