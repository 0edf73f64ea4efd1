import Foundation
import Jobs
import Redis
import ServiceLifecycle
import Synchronization
import TestKit

/// From enqueue to the first line of the job on a queue with nothing else to do.
struct LatencyBench {
    var seconds: Double

    func run() async throws -> [Figure] {
        [try await latency(isDurable: false), try await latency(isDurable: true)]
    }

    /// - Parameter isDurable: whether each write, of the enqueue and then of the lease, waits for the disk.
    private func latency(isDurable: Bool) async throws -> Figure {
        let server = try await RedisServer(.init(isDurable: true, hasPort: true))
        let client = RedisClient(try RedisConfiguration(url: server.portURL), logger: .silent)
        let fsync = isDurable ? "always" : "everysec"
        try await client.call(["CONFIG", "SET", "appendfsync", .text(fsync)])
        let queue = JobQueue(redis: client, logger: .silent)
        let diary = Diary()
        let worker = Worker(diary, queue: queue, runs: [Stamp.self], concurrency: 16, logger: .silent)
        let group = ServiceGroup(configuration: .init(services: [.init(service: worker)], logger: .silent))
        let running = Task { try await group.run() }

        let count = Int(100 * seconds)
        var samples = Samples()
        // The first few only wake what is asleep.
        for number in -5..<count {
            let start = ContinuousClock.now
            async let started = diary.start(of: number)
            try await queue.enqueue(Stamp(number: number))
            let duration = await started - start
            if number >= 0 { samples.add(duration) }
            try await Task.sleep(for: .milliseconds(10))
        }
        await group.triggerGracefulShutdown()
        try await running.value
        await client.close()
        await server.stop()
        let ours = Figure.Reading(
            by: "one worker",
            value: samples.percentile(0.99),
            unit: "ms at p99",
            p50: samples.percentile(0.5),
            p99: samples.percentile(0.99)
        )
        return Figure(
            name: "enqueue to start on an idle queue, appendfsync \(fsync)",
            ours: ours,
            yardstick: nil,
            goal: isDurable ? nil : ("p99 under 2 ms", ours.value < 2)
        )
    }
}

private struct Stamp: Job {
    var number: Int

    static let kind: JobKind = "bench.stamp"
    static let queue: QueueName = "latency"
    static let policy = JobPolicy()

    func run(_ diary: Diary, _ context: JobContext) async throws -> JobOutcome {
        diary.write(number)
        return .done
    }
}

/// Hands the time a job started to whoever waits for it.
private final class Diary: Sendable {
    private struct Page {
        var started: [Int: ContinuousClock.Instant] = [:]
        var waiting: [Int: CheckedContinuation<ContinuousClock.Instant, Never>] = [:]
    }
    private let page = Mutex(Page())

    func write(_ number: Int) {
        let now = ContinuousClock.now
        let waiting = page.withLock { page in
            page.started[number] = now
            return page.waiting.removeValue(forKey: number)
        }
        waiting?.resume(returning: now)
    }

    func start(of number: Int) async -> ContinuousClock.Instant {
        await withCheckedContinuation { continuation in
            let started = page.withLock { page in
                if page.started[number] == nil { page.waiting[number] = continuation }
                return page.started[number]
            }
            if let started { continuation.resume(returning: started) }
        }
    }
}
