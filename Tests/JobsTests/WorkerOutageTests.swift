import Foundation
import Jobs
import Redis
import Synchronization
import TestKit
import Testing

/// Each on a Redis of its own, which it may mistreat.
@Suite struct `A worker whose Redis fails` {
    let diary = Diary()

    func jobs(_ server: RedisServer) throws -> JobQueue {
        JobQueue(redis: try server.client(), logger: .silent)
    }

    func worker(_ jobs: JobQueue, schedule: [Schedule] = []) -> Worker<Diary> {
        var options = Worker<Diary>.Options()
        options.beat = .milliseconds(20)
        options.poll = .milliseconds(100)
        options.maximumBackoff = .milliseconds(500)
        return Worker(
            diary,
            queue: jobs,
            runs: [Note.self],
            schedule: schedule,
            concurrency: 8,
            options: options,
            logger: .silent
        )
    }

    @Test func `killed and started again in the middle of work, Redis has lost nothing it acknowledged`() async throws {
        let server = try await RedisServer(.init(isDurable: true))
        let jobs = try jobs(server)
        let acknowledged = Mutex<Set<Int>>([])
        let producer = Task {
            for number in 0..<1500 where !Task.isCancelled {
                // Because the refused ones are not the point: those that were acknowledged are.
                if (try? await jobs.enqueue(Note(number: number), id: JobID("n\(number)"))) != nil {
                    _ = acknowledged.withLock { $0.insert(number) }
                }
            }
        }
        let worker = worker(jobs)
        try await withWorker(worker) { _ in
            for round in 1...3 {
                try await eventually { diary.all.count > round * 100 }
                await server.kill()
                try await server.start()
            }
            await producer.value
            let wanted = acknowledged.withLock { $0 }
            #expect(wanted.count > 300)
            try await eventually { wanted.isSubset(of: diary.numbers) }
            try await eventually { try await jobs.stats(of: "q").held == 0 }
            #expect(worker.health.isReady)
        }
        // Nothing was counted as a crash: leases whose answer was lost were given back.
        #expect(try await jobs.stats(of: "q").totals["crashed"] == nil)
    }

    @Test func `silent for a while, Redis finds the worker waiting and not ready`() async throws {
        let server = try await RedisServer()
        var configuration = try server.configuration()
        configuration.commandTimeout = .milliseconds(200)
        let jobs = JobQueue(redis: RedisClient(configuration, logger: .silent), logger: .silent)
        let worker = worker(jobs)
        try await withWorker(worker) { _ in
            try await jobs.enqueue(Note(number: 1))
            try await eventually { diary.numbers == [1] && worker.health.isReady }
            try await server.pause()
            try await eventually { !worker.health.isReady }
            #expect(worker.health.waiting == ["q"])
            server.resume()
            try await eventually { worker.health.isReady }
            try await eventually { (try? await jobs.enqueue(Note(number: 2), id: "two")) != nil }
            try await eventually { diary.numbers.contains(2) }
        }
    }

    @Test func `emptied, Redis is told again what recurs and how`() async throws {
        let server = try await RedisServer()
        let jobs = try jobs(server)
        let entry = Schedule.every(.milliseconds(50), Note(number: 7), name: "often")
        try await withWorker(worker(jobs, schedule: [entry])) { _ in
            try await eventually { diary.numbers.count(where: { $0 == 7 }) >= 2 }
            try await jobs.enqueue(Note(number: 1, act: .waitForDoor))
            try await eventually { diary.numbers.contains(1) }
            try await jobs.redis.call(["FLUSHALL"])
            let before = diary.numbers.count
            try await eventually { try await jobs.schedule(of: "q").map(\.name) == ["often"] }
            try await eventually { try await jobs.policies(on: "q")["t.note"]?.policy == Note.policy }
            try await eventually { diary.numbers.count > before + 2 }
            try await jobs.enqueue(Note(number: 2))
            try await eventually { diary.numbers.contains(2) }
            diary.open()
        }
    }

    @Test func `without its scripts, Redis is given them again`() async throws {
        let server = try await RedisServer()
        let jobs = try jobs(server)
        try await withWorker(worker(jobs)) { _ in
            for number in 0..<30 {
                try await jobs.redis.call(["SCRIPT", "FLUSH"])
                try await jobs.enqueue(Note(number: number))
            }
            try await eventually { Set(diary.numbers) == Set(0..<30) }
            try await eventually { try await jobs.stats(of: "q").held == 0 }
        }
    }

    @Test func `out of memory, the queue refuses jobs and still settles them`() async throws {
        let server = try await RedisServer()
        let jobs = try jobs(server)
        for number in 0..<20 { try await jobs.enqueue(Note(number: number), id: JobID("n\(number)")) }
        try await jobs.redis.call(["CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1mb"])
        let refusal = await #expect(throws: JobsError.self) { try await jobs.enqueue(Note(number: 99)) }
        #expect(refusal?.isTransient == true)
        try await withWorker(worker(jobs)) { _ in
            try await eventually { try await jobs.stats(of: "q").held == 0 }
        }
        try await jobs.redis.call(["CONFIG", "SET", "maxmemory", "0"])
        #expect(try await jobs.enqueue(Note(number: 99), id: "now") == .enqueued("now"))
    }

    @Test func `gone when the worker starts, Redis is waited for`() async throws {
        let server = try await RedisServer(.init(isDurable: true))
        let jobs = try jobs(server)
        try await jobs.enqueue(Note(number: 1))
        await server.kill()
        let worker = worker(jobs)
        try await withWorker(worker) { _ in
            try await eventually { !worker.health.isReady }
            #expect(diary.numbers == [])
            try await server.start()
            try await eventually { diary.numbers == [1] }
        }
    }
}
