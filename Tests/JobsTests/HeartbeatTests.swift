import Foundation
import Jobs
import Redis
import TestKit
import Testing

/// Holds every thread of Swift's pool for longer than its lease.
struct Block: Job {
    static let kind: JobKind = "t.block"
    static let queue: QueueName = "q"
    static let policy = JobPolicy(lease: .milliseconds(600))

    func run(_ diary: Diary, _ context: JobContext) async throws -> JobOutcome {
        diary.write(0, context.attempt)
        Self.block()
        return .done
    }

    // Because this is the very thing that a job should not do.
    private static func block() { usleep(1_500_000) }
}

@Suite struct `Heartbeats` {
    /// In a process of its own: the other tests need the threads.
    @Test func `they go on while jobs block every thread`() async {
        await #expect(processExitsWith: .success) { try await Heartbeats.blockEveryThread() }
    }

    static func blockEveryThread() async throws {
        let queue = try await TestQueue(clock: false)
        let diary = Diary()
        let count = ProcessInfo.processInfo.activeProcessorCount
        for _ in 0..<count { try await queue.jobs.enqueue(Block()) }
        var options = Worker<Diary>.Options()
        options.beat = .milliseconds(20)
        let worker = Worker(
            diary,
            queue: queue.jobs,
            runs: [Block.self],
            concurrency: count,
            options: options,
            logger: .silent
        )
        // What the server saw while we could not look: a task here would wait for a thread too.
        let witness = try Witness(socket: try await TestRedis.server().socket, key: queue.key("run"))
        try await withWorker(worker) { _ in
            try await eventually { try await queue.jobs.stats(of: queue.name).held == 0 }
        }
        #expect(diary.all.count == count)
        #expect(try await queue.count("crashed") == 0)
        let (looks, sightings) = try await witness.stop()
        #expect(looks > 10)
        // A busy machine may delay one beat; without their thread they are missed for a second and more.
        #expect(sightings < 10, "leases were seen past their end")
    }
}

/// A redis-cli that looks for expired leases and writes how many it saw.
struct Witness {
    private let process: ServerProcess
    private let log: String

    init(socket: String, key: String) throws {
        let look = """
            local t = redis.call('TIME')
            return redis.call('ZCOUNT', KEYS[1], '-inf', t[1] * 1000 + math.floor(t[2] / 1000) - 1)
            """
        log = try TestDirectory.make("witness") + "/log"
        let words = ["-s", socket, "-r", "-1", "-i", "0.02", "EVAL", look, "1", key]
        process = try ServerProcess(.init("redis-cli", words, log: log))
    }

    /// How many times it looked, and how often it saw one.
    func stop() async throws -> (looks: Int, sightings: Int) {
        await process.kill()
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        return (lines.count, lines.count { $0 != "0" })
    }
}
