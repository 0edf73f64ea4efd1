import Foundation
import Jobs
import Redis
import TestKit
import Testing

/// One queue of the shared Redis, with a clock of its own that only tests move.
struct TestQueue: Sendable {
    let redis: TestRedis
    let jobs: JobQueue
    let name: QueueName = "q"

    /// A Thursday, 1 January 2026, noon.
    static let start = Date(timeIntervalSince1970: 1_767_268_800)

    init(limits: JobQueue.Limits = .init(), clock: Bool = true) async throws {
        redis = try await TestRedis()
        jobs = JobQueue(redis: redis.client, prefix: redis.prefix, limits: limits, logger: .silent)
        if clock { try await setClock(Self.start) }
    }

    // MARK: Time

    func setClock(_ date: Date, workersWereThere: Bool = true) async throws {
        var command: [RedisArgument] = ["HSET", .text(key("meta")), "testing", 1, "now", .int(date.milliseconds)]
        if workersWereThere { command += ["seen", .int(date.milliseconds)] }
        try await redis.client.call(command)
    }

    var now: Date {
        get async throws {
            Date(milliseconds: try await redis.client.call(["HGET", .text(key("meta")), "now"]).int ?? 0)
        }
    }

    /// Time passes while workers are there; without them, the queue believes that Redis was away.
    func pass(_ duration: Duration, workersWereThere: Bool = true) async throws {
        let passed = TimeInterval(duration.components.seconds) + TimeInterval(duration.components.attoseconds) / 1e18
        try await setClock(try await now.addingTimeInterval(passed), workersWereThere: workersWereThere)
    }

    // MARK: Short hand

    func key(_ name: String) -> String { jobs.key(self.name, name) }

    @discardableResult
    func add(
        _ id: JobID,
        _ kind: JobKind = "t.work",
        at time: JobTime = .now,
        change: (inout JobEnvelope) -> Void = { _ in }
    ) async throws -> EnqueueResult {
        var envelope = JobEnvelope(kind: kind, payload: Array("body of \(id)".utf8))
        change(&envelope)
        return try await jobs.enqueueEnvelopes([EnqueueRequest(id: id, time: time, envelope: envelope)], on: name)[0]
    }

    func lease(_ count: Int = 10, fence: String = JobID().text, kinds: [KnownKind] = [KnownKind("t.work")]) async throws
        -> LeasedJobs
    {
        try await jobs.lease(LeaseRequest(fence: fence, count: count, kinds: kinds), from: name)
    }

    /// The first that a lease brings.
    func leaseOne(_ count: Int = 10, kinds: [KnownKind] = [KnownKind("t.work")]) async throws -> Lease {
        try #require(try await lease(count, kinds: kinds).leases.first)
    }

    /// The ids that a lease brings.
    func leasedIDs(_ count: Int = 10) async throws -> [String] { try await lease(count).leases.map(\.id.text) }

    func settle(_ lease: Lease, _ how: Settlement.How) async throws -> SettleAnswer {
        try await jobs.settle([Settlement(lease, how)], on: name)[0]
    }

    func setPolicy(_ policy: JobPolicy, of kind: JobKind = "t.work") async throws {
        _ = try await jobs.register(policies: [(kind, policy)], schedule: [], on: name)
    }

    /// The names of the queue's keys that hold jobs or something about jobs.
    func keysLeft() async throws -> [String] {
        let all = try await redis.client.call(["KEYS", .text("\(redis.prefix):*")]).array ?? []
        let start = key("")
        let lasting: Set<String> = [
            "meta", "count", "pol", "cronat", "crondef", "cronjob", "cronpaused", "wake", "tat",
        ]
        return all.compactMap(\.string).filter { $0.hasPrefix(start) }.map { String($0.dropFirst(start.utf8.count)) }
            .filter { !lasting.contains($0) }.sorted()
    }

    func count(_ name: String) async throws -> Int {
        try await redis.client.call(["HGET", .text(key("count")), .text(name)]).int ?? 0
    }
}
