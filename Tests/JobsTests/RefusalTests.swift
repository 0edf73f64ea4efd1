import Foundation
import Jobs
import Redis
import TestKit
import Testing

/// A Redis that answers, and says no.
@Suite struct `A worker whose Redis refuses` {
    let diary = Diary()

    func worker(_ jobs: JobQueue) -> Worker<Diary> {
        var options = Worker<Diary>.Options()
        options.beat = .milliseconds(20)
        options.poll = .milliseconds(100)
        options.maximumBackoff = .milliseconds(300)
        return Worker(diary, queue: jobs, runs: [Note.self], concurrency: 4, options: options, logger: .silent)
    }

    /// A worker in the middle of a job when Redis begins to refuse; it keeps it, is not ready, and goes on afterwards.
    func survive(
        _ server: RedisServer,
        refuse: (RedisClient) async throws -> Void,
        relent: (RedisClient) async throws -> Void
    ) async throws {
        let operations = try server.client()
        let jobs = JobQueue(redis: try server.client(), logger: .silent)
        let worker = worker(jobs)
        try await jobs.enqueue(Note(number: 1, act: .waitForDoor), id: "a")
        try await withWorker(worker) { _ in
            try await eventually { diary.numbers == [1] && worker.health.isReady }
            try await refuse(operations)
            diary.open()
            try await eventually { !worker.health.isReady }
            let refusal = await #expect(throws: JobsError.self) { try await jobs.enqueue(Note(number: 9)) }
            #expect(refusal?.isTransient == true)
            try await relent(operations)
            try await eventually { worker.health.isReady }
            try await eventually { (try? await jobs.enqueue(Note(number: 2), id: "b")) != nil }
            try await eventually { try await jobs.stats(of: "q").held == 0 }
        }
        #expect(diary.all == [.init(number: 1, attempt: 1), .init(number: 2, attempt: 1)])
        #expect(try await jobs.stats(of: "q").totals["crashed"] == nil)
        #expect(try await jobs.verify("q").isClean)
    }

    @Test func `a replica refuses to write, until it is a primary again`() async throws {
        let nowhere = try freePort()
        try await survive(try await RedisServer()) { redis in
            try await redis.call(["REPLICAOF", "127.0.0.1", .int(nowhere)])
        } relent: { redis in
            try await redis.call(["REPLICAOF", "NO", "ONE"])
        }
    }

    @Test func `a server that cannot save refuses to write, until it can`() async throws {
        let server = try await RedisServer(.init(more: ["--enable-protected-configs", "yes"]))
        let directory = try TestDirectory.make("vanishing")
        try await survive(server) { redis in
            try await redis.call(["CONFIG", "SET", "dir", .text(directory), "save", "3600 1"])
            try FileManager.default.removeItem(atPath: directory)
            // Because it says why it cannot.
            _ = try? await redis.call(["BGSAVE"])
            try await eventually {
                try await redis.call(["INFO", "persistence"]).string?.contains("rdb_last_bgsave_status:err") == true
            }
        } relent: { redis in
            try await redis.call(["CONFIG", "SET", "save", ""])
        }
    }

    @Test func `a server that still loads is waited for`() async throws {
        let server = try await RedisServer(.init(isDurable: true))
        let jobs = JobQueue(redis: try server.client(), logger: .silent)
        // The server looks at its clients once in 1024 commands.
        for number in 0..<1000 { try await jobs.enqueue(Note(number: number), id: JobID("n\(number)")) }
        try await jobs.redis.call(["CONFIG", "SET", "key-load-delay", 1000])
        // Both are connected before, because a server that loads hardly answers who comes anew.
        let loads = try server.client()
        let looks = try server.client()
        for client in [loads, looks] { try await client.call(["PING"]) }
        let loading = Task { try await loads.call(["DEBUG", "LOADAOF"], deadline: .seconds(60)) }
        try await eventually {
            do {
                try await looks.call(["GET", "x"])
                return false
            } catch let error as RedisError {
                return error.code == "LOADING"
            }
        }
        let worker = worker(jobs)
        try await withWorker(worker) { _ in
            #expect(!worker.health.isReady)
            try await eventually(within: .seconds(90)) { Set(diary.numbers) == Set(0..<1000) }
            try await eventually { try await jobs.stats(of: "q").held == 0 }
        }
        _ = try await loading.value
        #expect(diary.all.count == 1000)
    }

    @Test func `a server that was stopped for minutes finds its workers with their jobs`() async throws {
        let server = try await RedisServer()
        var configuration = try server.configuration()
        configuration.commandTimeout = .milliseconds(200)
        let hasty = JobQueue(redis: RedisClient(configuration, logger: .silent), logger: .silent)
        let jobs = JobQueue(redis: try server.client(), logger: .silent)
        let meta = RedisArgument.text(jobs.key("q", "meta"))
        let start = TestQueue.start.milliseconds
        func setClock(_ ms: Int) async throws {
            try await jobs.redis.call(["HSET", meta, "testing", 1, "now", .int(start + ms)])
        }
        try await setClock(0)
        try await jobs.enqueue(Note(number: 1, act: .waitForDoor), id: "a")
        let worker = worker(hasty)
        try await withWorker(worker) { _ in
            try await eventually { diary.numbers == [1] && worker.health.isReady }
            try await server.pause()
            try await eventually { !worker.health.isReady }
            server.resume()
            // By its own clock it was away for five minutes: every lease has ended long ago.
            try await eventually {
                try await setClock(300_000)
                return true
            }
            try await eventually {
                try await jobs.show("a", on: "q")?.at.map { $0.milliseconds > start + 300_000 } == true
            }
            // The grace is over, and nobody takes the job away.
            try await setClock(304_000)
            _ = try await jobs.recover(on: "q")
            #expect(try await jobs.show("a", on: "q")?.place == .running)
            diary.open()
            try await eventually { try await jobs.stats(of: "q").held == 0 }
        }
        #expect(diary.all == [.init(number: 1, attempt: 1)])
        #expect(try await jobs.stats(of: "q").totals["crashed"] == nil)
    }

    @Test func `restarted without its data, Redis is used as a new one`() async throws {
        let server = try await RedisServer()
        let jobs = JobQueue(redis: try server.client(), logger: .silent)
        let worker = worker(jobs)
        try await withWorker(worker) { _ in
            try await jobs.enqueue(Note(number: 1))
            try await eventually { diary.numbers == [1] }
            await server.kill()
            try await server.start()
            try await eventually { (try? await jobs.enqueue(Note(number: 2), id: "b")) != nil }
            try await eventually { diary.numbers.contains(2) }
            try await eventually { try await jobs.policies(on: "q")["t.note"]?.policy == Note.policy }
            #expect(try await jobs.queueNames() == ["q"])
        }
    }
}
