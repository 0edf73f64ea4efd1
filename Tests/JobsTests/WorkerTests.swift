import Foundation
import Jobs
import Logging
import Redis
import ServiceLifecycle
import Synchronization
import TestKit
import Testing

/// What test jobs are told to do, and what they did.
final class Diary: Sendable {
    struct Entry: Hashable, Sendable {
        var number: Int
        var attempt: Int
    }

    private let entries = Mutex<[Entry]>([])
    private let isOpen = Mutex(false)

    func write(_ number: Int, _ attempt: Int) {
        entries.withLock { $0.append(Entry(number: number, attempt: attempt)) }
    }
    var all: [Entry] { entries.withLock { $0 } }
    var numbers: [Int] { all.map(\.number) }

    /// What jobs that wait are waiting for.
    func open() { isOpen.withLock { $0 = true } }
    func untilOpen() async throws {
        while !isOpen.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(2)) }
    }
}

struct Note: Job {
    enum Act: String, Codable {
        case done, discard, snooze, failOnce, failForGood, waitForDoor, ignoreCancelling, untilBack
    }
    struct NoLuck: TransientError {
        var isTransient: Bool { true }
        var retryAfter: Duration? { .milliseconds(1) }
    }
    struct Away: TransientError {
        var isTransient: Bool { true }
        var isOutage: Bool { true }
    }
    enum Broken: Error { case beyondRepair(secret: String) }

    var number: Int
    var act = Act.done

    static let kind: JobKind = "t.note"
    static let queue: QueueName = "q"
    static let policy = JobPolicy(attempts: 3, backoff: .exponential(from: .milliseconds(10)))

    func run(_ diary: Diary, _ context: JobContext) async throws -> JobOutcome {
        diary.write(number, context.attempt)
        switch act {
        case .done: return .done
        case .discard: return .discarded("not needed")
        case .snooze: return diary.numbers.filter { $0 == number }.count < 3 ? .snoozed(.milliseconds(1)) : .done
        case .failOnce: if context.attempt == 1 { throw NoLuck() } else { return .done }
        case .untilBack: if diary.numbers.count < 6 { throw Away() } else { return .done }
        case .failForGood: throw Broken.beyondRepair(secret: "jane@example.org")
        case .waitForDoor:
            try await diary.untilOpen()
            return .done
        case .ignoreCancelling:
            await Task { try? await diary.untilOpen() }.value
            return .done
        }
    }
}

/// A worker in a task, stopped when the closure ends.
func withWorker<Dependencies: Sendable>(
    _ worker: Worker<Dependencies>,
    _ body: (_ stop: @Sendable () async -> Void) async throws -> Void
) async throws {
    let group = ServiceGroup(services: [worker], logger: .silent)
    let run = Task { try await group.run() }
    do {
        try await body { await group.triggerGracefulShutdown() }
    } catch {
        run.cancel()
        throw error
    }
    await group.triggerGracefulShutdown()
    try await run.value
}

@Suite struct `A worker` {
    let diary = Diary()

    func worker(
        _ queue: TestQueue,
        concurrency: Int = 4,
        schedule: [Schedule] = [],
        _ change: (inout Worker<Diary>.Options) -> Void = { _ in }
    ) -> Worker<Diary> {
        var options = Worker<Diary>.Options()
        options.beat = .milliseconds(20)
        options.poll = .milliseconds(200)
        change(&options)
        return Worker(
            diary,
            queue: queue.jobs,
            runs: [Note.self],
            schedule: schedule,
            concurrency: concurrency,
            options: options,
            logger: .silent
        )
    }

    @Test func `it runs what is there and what comes`() async throws {
        let queue = try await TestQueue(clock: false)
        for number in 0..<100 { try await queue.jobs.enqueue(Note(number: number)) }
        let worker = worker(queue)
        try await withWorker(worker) { _ in
            try await eventually { diary.all.count == 100 }
            #expect(worker.health.isReady)
            for number in 100..<150 { try await queue.jobs.enqueue(Note(number: number)) }
            try await eventually { diary.all.count == 150 }
            try await eventually { try await queue.keysLeft() == [] }
        }
        #expect(Set(diary.numbers) == Set(0..<150))
        #expect(!worker.health.isReady)
    }

    @Test func `outcomes end as they should`() async throws {
        let queue = try await TestQueue(clock: false)
        for (number, act) in [Note.Act.discard, .snooze, .failOnce, .failForGood].enumerated() {
            try await queue.jobs.enqueue(Note(number: number, act: act), id: JobID("\(act)"))
        }
        try await withWorker(worker(queue)) { _ in
            try await eventually { try await queue.jobs.stats(of: queue.name).held == 1 }
        }
        let totals = try await queue.jobs.stats(of: queue.name).totals
        #expect(totals["discarded"] == 1)
        #expect(totals["snoozed"] == 2)
        #expect(totals["retried"] == 1)
        #expect(totals["done"] == 2)
        let dead = try await queue.jobs.dead(on: queue.name).letters
        #expect(dead.map(\.id) == ["failForGood"])
        // What the error carries may be anybody's.
        #expect(dead.map(\.reason) == ["JobsTests.Note.Broken.beyondRepair"])
        #expect(diary.all.filter { $0.number == 1 }.map(\.attempt) == [1, 1, 1])
        #expect(diary.all.filter { $0.number == 2 }.map(\.attempt) == [1, 2])
    }

    @Test func `a payload it cannot read is dead and not retried`() async throws {
        let queue = try await TestQueue(clock: false)
        try await queue.add("a", "t.note") { $0.payload = Array("{\"number\":\"x\"}".utf8) }
        try await withWorker(worker(queue)) { _ in
            try await eventually { try await queue.jobs.dead(on: queue.name).letters.map(\.reason) == ["undecodable"] }
        }
    }

    @Test func `a drain lets jobs end and leases nothing more`() async throws {
        let queue = try await TestQueue(clock: false)
        for number in 0..<10 { try await queue.jobs.enqueue(Note(number: number, act: .waitForDoor)) }
        let worker = worker(queue)
        try await withWorker(worker) { stop in
            try await eventually { diary.all.count == 4 && worker.health.isReady }
            await stop()
            try await eventually { !worker.health.isReady }
            diary.open()
        }
        let stats = try await queue.jobs.stats(of: queue.name)
        #expect(diary.all.count == 4)
        #expect(stats.totals["done"] == 4)
        #expect(stats.ready[.normal] == 6)
        #expect(stats.running == 0)
    }

    @Test func `an outage of what a job needs spends none of its attempts`() async throws {
        let queue = try await TestQueue(clock: false)
        try await queue.jobs.enqueue(Note(number: 1, act: .untilBack))
        try await withWorker(worker(queue) { $0.outagePause = .milliseconds(2) }) { _ in
            try await eventually { try await queue.jobs.stats(of: queue.name).held == 0 }
        }
        #expect(diary.all == Array(repeating: .init(number: 1, attempt: 1), count: 6))
        #expect(try await queue.count("done") == 1)
    }

    @Test(arguments: [Note.Act.waitForDoor, .ignoreCancelling])
    func `a drain gives back what does not end in time, uncounted`(act: Note.Act) async throws {
        let queue = try await TestQueue(clock: false)
        try await queue.jobs.enqueue(Note(number: 1, act: act), id: "a")
        let worker = worker(queue) {
            $0.drainLimit = .milliseconds(50)
            $0.drainGrace = .milliseconds(50)
        }
        try await withWorker(worker) { _ in
            try await eventually { diary.all.count == 1 }
        }
        let record = try #require(try await queue.jobs.show("a", on: queue.name))
        #expect(record.place == .waiting)
        #expect(record.attempt == 0)
        #expect(record.crashes == 0)
        diary.open()
    }

    @Test func `a worker that is cancelled stops at once and gives its jobs back`() async throws {
        let queue = try await TestQueue(clock: false)
        try await queue.jobs.enqueue(Note(number: 1, act: .waitForDoor), id: "a")
        let worker = worker(queue)
        let run = Task { try await worker.run() }
        try await eventually { diary.all.count == 1 }
        run.cancel()
        try await run.value
        #expect(try await queue.jobs.show("a", on: queue.name)?.place == .waiting)
        #expect(try await queue.count("released") == 1)
    }

    @Test func `a job that takes too long is cancelled and retried`() async throws {
        let queue = try await TestQueue(clock: false)
        let policy = JobPolicy(attempts: 2, backoff: .exponential(from: .zero), timeout: .milliseconds(50))
        try await queue.jobs.setPolicy(policy, of: "t.note", on: queue.name)
        try await queue.jobs.enqueue(Note(number: 1, act: .waitForDoor), id: "a")
        try await withWorker(worker(queue)) { _ in
            try await eventually { try await queue.jobs.dead(on: queue.name).letters.count == 1 }
        }
        #expect(diary.all.map(\.attempt) == [1, 2])
        #expect(try await queue.jobs.dead(on: queue.name).letters.map(\.reason) == ["exhausted: timed out"])
    }

    @Test func `a running job that an operator cancels is told so`() async throws {
        let queue = try await TestQueue(clock: false)
        try await queue.jobs.setPolicy(JobPolicy(lease: .milliseconds(1500)), of: "t.note", on: queue.name)
        try await queue.jobs.enqueue(Note(number: 1, act: .waitForDoor), id: "a")
        try await queue.jobs.enqueue(Note(number: 2))
        try await withWorker(worker(queue, concurrency: 1)) { _ in
            try await eventually { diary.numbers == [1] }
            #expect(try await queue.jobs.cancel("a", on: queue.name) == .running)
            try await eventually { diary.numbers == [1, 2] }
            try await eventually { try await queue.keysLeft() == [] }
        }
        #expect(try await queue.count("refused") == 0)
    }

    @Test func `heartbeats keep a job that runs longer than its lease`() async throws {
        let queue = try await TestQueue(clock: false)
        try await queue.jobs.setPolicy(JobPolicy(lease: .seconds(4)), of: "t.note", on: queue.name)
        try await queue.jobs.enqueue(Note(number: 1, act: .waitForDoor), id: "a")
        try await withWorker(worker(queue, concurrency: 1)) { _ in
            try await eventually { diary.all.count == 1 }
            let first = try #require(try await queue.jobs.show("a", on: queue.name)?.at)
            try await eventually {
                _ = try await queue.jobs.recover(on: queue.name)
                return try #require(try await queue.jobs.show("a", on: queue.name)?.at) > first + 1
            }
            diary.open()
            try await eventually { try await queue.jobs.stats(of: queue.name).held == 0 }
        }
        #expect(diary.all == [Diary.Entry(number: 1, attempt: 1)])
        #expect(try await queue.count("crashed") == 0)
    }

    @Test func `a vanished worker's job is taken over`() async throws {
        let queue = try await TestQueue(clock: false)
        try await queue.jobs.setPolicy(JobPolicy(lease: .milliseconds(1500)), of: "t.note", on: queue.name)
        for number in 0..<5 { try await queue.jobs.enqueue(Note(number: number)) }
        _ = try await queue.lease(5, kinds: [KnownKind("t.note")])
        try await withWorker(worker(queue, concurrency: 2)) { _ in
            try await eventually { Set(diary.numbers) == Set(0..<5) }
        }
        #expect(diary.all.allSatisfy { $0.attempt == 1 })
        #expect(try await queue.count("crashed") == 5)
    }

    @Test func `two workers share the work`() async throws {
        let queue = try await TestQueue(clock: false)
        try await withWorker(worker(queue)) { _ in
            try await withWorker(worker(queue)) { _ in
                for number in 0..<300 { try await queue.jobs.enqueue(Note(number: number, act: .failOnce)) }
                try await eventually { try await queue.jobs.stats(of: queue.name).held == 0 }
            }
        }
        #expect(diary.all.count == 600)
        #expect(Set(diary.all).count == 600)
    }

    @Test func `recurring entries fire while it runs`() async throws {
        let queue = try await TestQueue(clock: false)
        let entries = [Schedule.every(.milliseconds(40), Note(number: 1), name: "one")]
        try await withWorker(worker(queue, schedule: entries)) { _ in
            try await eventually { diary.numbers.count(where: { $0 == 1 }) >= 3 }
        }
    }

    @Test func `kinds of two queues are run by one worker`() async throws {
        let queue = try await TestQueue(clock: false)
        let diary = Diary()
        try await queue.jobs.enqueue(Note(number: 1))
        try await queue.jobs.enqueue(Elsewhere(number: 2))
        let worker = Worker(diary, queue: queue.jobs, runs: [Note.self, Elsewhere.self], logger: .silent)
        try await withWorker(worker) { _ in
            try await eventually { Set(diary.numbers) == [1, 2] }
        }
    }

    @Test func `an entry that is a mistake stops the worker before it begins`() async throws {
        let queue = try await TestQueue(clock: false)
        let entry = Schedule.hourly(Elsewhere(number: 1, key: String(repeating: "k", count: 300)))
        let worker = Worker(diary, queue: queue.jobs, runs: [Note.self], schedule: [entry], logger: .silent)
        await #expect(throws: JobsError.malformed("unique key of more than 255 bytes")) { try await worker.run() }
    }
}

struct Elsewhere: Job {
    var number: Int
    var key: String?

    static let kind: JobKind = "t2.note"
    static let queue: QueueName = "q2"
    var uniqueKey: String? { key }

    func run(_ diary: Diary, _ context: JobContext) async throws -> JobOutcome {
        diary.write(number, context.attempt)
        return .done
    }
}
