import Foundation
import Jobs
import Logging
import Redis
import ServiceLifecycle
import TestKit

/// Enqueueing and running jobs that do nothing, beside redis-benchmark and the bare scripts.
struct QueueBench {
    var seconds: Double
    var isDurable: Bool

    private var fsync: String { isDurable ? "appendfsync always" : "appendfsync everysec" }

    func run() async throws -> [Figure] {
        var figures = try await enqueueing()
        figures.append(try await working())
        return figures
    }

    private func server() async throws -> (RedisServer, RedisClient, JobQueue) {
        let server = try await RedisServer(.init(isDurable: true, hasPort: true))
        let client = RedisClient(try RedisConfiguration(url: server.portURL), logger: .silent)
        try await client.call(["CONFIG", "SET", "appendfsync", isDurable ? "always" : "everysec"])
        try await client.call(["CONFIG", "SET", "auto-aof-rewrite-percentage", "0"])
        return (
            server, client, JobQueue(redis: client, limits: .init(jobs: 50_000_000, bytes: 16 << 30), logger: .silent)
        )
    }

    // MARK: Enqueue

    private func enqueueing() async throws -> [Figure] {
        let (server, client, queue) = try await server()
        let count = Int(40_000 * seconds)
        let pace = Stopwatch()
        let samples = try await many(64, count) { _ in try await queue.enqueue(NoopJob()) }
        let (time, cpu) = pace.read()
        let ours = Figure.Reading(
            by: "64 tasks",
            value: Double(count) / time,
            cpu: cpu / Double(count) * 1e6,
            p50: samples.percentile(0.5),
            p99: samples.percentile(0.99)
        )

        let batches = count / 10
        let batchPace = Stopwatch()
        _ = try await many(8, batches / 50) { _ in
            let requests = try (0..<50).map { _ in EnqueueRequest(envelope: try JobEnvelope(NoopJob())) }
            _ = try await queue.enqueueEnvelopes(requests, on: NoopJob.queue)
        }
        let batchRate = Double(batches / 50 * 50) * 1 / batchPace.read().seconds
        let yardstick = try await redisBenchmark(server, client, count)
        await client.close()
        await server.stop()
        return [
            Figure(
                name: "enqueue, 64 tasks, 200 B, \(fsync)",
                ours: ours,
                yardstick: yardstick,
                goal: (
                    "≥ 0.6 of redis-benchmark with the same script\(isDurable ? "" : ", over 80 000/s")",
                    ours.value >= 0.6 * yardstick.value && (isDurable || ours.value > 80_000)
                )
            ),
            Figure(
                name: "enqueue in batches of 50, \(fsync)",
                ours: .init(by: "8 tasks", value: batchRate),
                yardstick: .init(by: "redis-benchmark one by one", value: yardstick.value),
                goal: ("≥ 3 × redis-benchmark", batchRate >= 3 * yardstick.value)
            ),
        ]
    }

    /// The same script with the same envelope, a new id each time.
    private func redisBenchmark(_ server: RedisServer, _ client: RedisClient, _ count: Int) async throws
        -> Figure.Reading
    {
        let envelope = try TestDirectory.make("envelope") + "/body"
        let bytes = try JobEnvelope(NoopJob()).encoded(for: NoopJob.queue)
        try Data(bytes.withoutZeros()).write(to: URL(fileURLWithPath: envelope))
        let known = try await client.call(["SCRIPT", "EXISTS", .text(Scripts.written.enqueue.sha1)])
        precondition(known == .array([.int(1)]), "the script is loaded by the enqueues before")
        let command = """
            redis-benchmark -p \(server.port ?? 0) -c 64 -n \(count) -r 1000000000 --csv -x \
            EVALSHA \(Scripts.written.enqueue.sha1) 1 'jq:{bench}:' 50000000 17179869184 __rand_int__ 0 < \(envelope)
            """
        let output = try await TestKit.run("/bin/sh", ["-c", command])
        return try Self.reading(csv: output, by: "redis-benchmark -c 64")
    }

    /// The last line of `--csv`: test, rps, avg, min, p50, p95, p99, max.
    static func reading(csv: String, by name: String) throws -> Figure.Reading {
        let fields = csv.split(separator: "\n").last?.split(separator: ",").map { $0.filter { $0 != "\"" } } ?? []
        guard fields.count >= 8, let rate = Double(fields[fields.count - 7]) else { throw Unreadable(text: csv) }
        return Figure.Reading(
            by: name,
            value: rate,
            p50: Double(fields[fields.count - 4]),
            p99: Double(fields[fields.count - 2])
        )
    }

    // MARK: Work

    private func working() async throws -> Figure {
        let (server, client, queue) = try await server()
        let count = Int(100_000 * seconds)
        let bare = try await leaseAndSettle(queue, count)

        try await fill(queue, count)
        let ran = RunCounter()
        let worker = Worker(ran, queue: queue, runs: [NoopJob.self], concurrency: 500, logger: .silent)
        let group = ServiceGroup(configuration: .init(services: [.init(service: worker)], logger: .silent))
        let pace = Stopwatch()
        let running = Task { try await group.run() }
        try await eventually(within: .seconds(120)) { ran.value >= count }
        let (time, cpu) = pace.read()
        await group.triggerGracefulShutdown()
        try await running.value
        await client.close()
        await server.stop()
        let ours = Figure.Reading(by: "one worker", value: Double(count) / time, cpu: cpu / Double(count) * 1e6)
        return Figure(
            name: "run no-op jobs, \(fsync)",
            ours: ours,
            yardstick: bare,
            goal: (
                "≥ 0.5 of the bare scripts, over \(isDurable ? 30 : 40) 000/s, ≤ 20 µs of CPU",
                ours.value >= 0.5 * bare.value && ours.value > (isDurable ? 30_000 : 40_000) && (ours.cpu ?? 99) <= 20
            )
        )
    }

    private func fill(_ queue: JobQueue, _ count: Int) async throws {
        let envelope = try JobEnvelope(NoopJob())
        for start in stride(from: 0, to: count, by: 500) {
            let requests = (start..<min(count, start + 500)).map { _ in EnqueueRequest(envelope: envelope) }
            _ = try await queue.enqueueEnvelopes(requests, on: NoopJob.queue)
        }
    }

    /// The two scripts in fifties and nothing else: what a worker could reach if it were free.
    private func leaseAndSettle(_ queue: JobQueue, _ count: Int) async throws -> Figure.Reading {
        try await fill(queue, count)
        let kinds = [KnownKind(NoopJob.kind)]
        _ = try await queue.register(policies: [(NoopJob.kind, NoopJob.policy)], schedule: [], on: NoopJob.queue)
        let pace = Stopwatch()
        try await withThrowingTaskGroup { group in
            for task in 0..<4 {
                group.addTask {
                    var number = 0
                    while true {
                        number += 1
                        let request = LeaseRequest(fence: "bare\(task).\(number)", count: 50, kinds: kinds)
                        let leased = try await queue.lease(request, from: NoopJob.queue)
                        guard !leased.leases.isEmpty else { return }
                        _ = try await queue.settle(leased.leases.map { Settlement($0, .done) }, on: NoopJob.queue)
                    }
                }
            }
            try await group.waitForAll()
        }
        return Figure.Reading(by: "bare scripts, fifties", value: Double(count) / pace.read().seconds)
    }
}

extension [UInt8] {
    /// redis-benchmark ends what it reads at a zero, and an envelope has some: in the time, which the queue fills in, and in
    /// the seconds for which a unique key is held, which then is half a year.
    func withoutZeros() -> [UInt8] { map { $0 == 0 ? 1 : $0 } }
}

struct Unreadable: Error, CustomStringConvertible {
    var text: String
    var description: String { "could not read: \(text.suffix(300))" }
}
