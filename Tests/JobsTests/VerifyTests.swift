import Foundation
import Jobs
import Redis
import TestKit
import Testing

@Suite struct `Bodies and indexes` {
    /// One job in each place, two groups, a unique key.
    func queueWithAllPlaces() async throws -> TestQueue {
        let queue = try await TestQueue()
        try await queue.setPolicy(JobPolicy(rate: Rate(1, per: .seconds(3600))), of: "t.slow")
        let kinds = [KnownKind("t.work"), KnownKind("t.slow")]
        for id in ["slow1", "slow2"] { try await queue.add(JobID(id), "t.slow") }
        try await queue.add("parked", "t.new")
        try await queue.add("dead")
        try await queue.add("retried") { $0.group = "g" }
        for lease in try await queue.lease(kinds: kinds).leases {
            switch lease.id {
            case "dead": _ = try await queue.settle(lease, .dead(reason: "no"))
            case "retried": _ = try await queue.settle(lease, .retry(error: "no", after: .seconds(60)))
            default: break
            }
        }
        try await queue.add("running") { $0.uniqueKey = "k" }
        _ = try await queue.lease(1)
        try await queue.add("second") { $0.group = "g" }
        try await queue.pass(.milliseconds(1))
        try await queue.add("third") { $0.group = "g" }
        try await queue.add("ready")
        try await queue.add("other") { $0.group = "h" }
        try await queue.add("delayed", at: .after(.seconds(30))) { $0.group = "h" }
        return queue
    }

    func counts(_ queue: TestQueue, repairs: Bool = false) async throws -> [QueueVerdict.Fault: Int] {
        try await queue.jobs.verify(queue.name, repairs: repairs).counts
    }

    @Test func `a queue in use is in order, wherever its jobs are`() async throws {
        let queue = try await queueWithAllPlaces()
        let verdict = try await queue.jobs.verify(queue.name, repairs: true)
        #expect(verdict.findings == [])
        #expect(verdict.isClean)
        #expect(verdict.jobs == 11)
        #expect(try await queue.jobs.stats(of: queue.name).waitingForGroup == 2)
    }

    /// What happens to the keys, and what it is called.
    static let damages: [([RedisArgument], [QueueVerdict.Fault: Int])] = [
        (["DEL", "r1"], [.lost: 2, .group: 1]),
        (["DEL", "due"], [.lost: 2, .group: 1]),
        (["DEL", "run"], [.lost: 2]),
        (["ZREM", "run", "running"], [.lost: 1]),
        (["DEL", "dead"], [.lost: 1, .state: 1, .unique: 0]),
        (["DEL", "g:g"], [.lost: 2]),
        (["DEL", "park:t.new@1"], [.lost: 1, .parked: 1]),
        (["DEL", "parked"], [.parked: 1]),
        (["DEL", "rate:t.slow"], [.lost: 1]),
        (["DEL", "rated"], [.rated: 1]),
        (["DEL", "gn"], [.group: 2]),
        (["HSET", "gn", "g", "7", "x", "1"], [.group: 2]),
        (["DEL", "u:k"], [.unique: 1]),
        (["HINCRBY", "count", "bytes", "99"], [.bytes: 1]),
        (["HDEL", "st", "running"], [.unleased: 1, .lost: 1]),
        (["HDEL", "job", "ready"], [.bodiless: 1, .bytes: 1]),
        (["HDEL", "job", "running"], [.bodiless: 1, .bytes: 1, .state: 1]),
        (["ZADD", "due", "1", "ready"], [.twice: 1]),
        (["LPUSH", "r1", "running", "ready", "ghost"], [.twice: 2, .bodiless: 1]),
        (["HSET", "why", "ready", "x"], [.state: 1]),
    ]

    @Test(arguments: damages)
    func `what was damaged is found, and put right from the bodies`(
        damage: [RedisArgument],
        faults: [QueueVerdict.Fault: Int]
    ) async throws {
        let queue = try await queueWithAllPlaces()
        var command = damage
        if case .text(let name) = damage[1] { command[1] = .text(queue.key(name)) }
        try await queue.redis.client.call(command)
        let faults = faults.filter { $0.value > 0 }
        #expect(try await counts(queue) == faults)
        // Looking changes nothing.
        #expect(try await counts(queue, repairs: true) == faults)
        #expect(try await counts(queue) == [:])
        try await finish(queue)
    }

    @Test func `with nothing left but the bodies, every job comes back, groups in their order`() async throws {
        let queue = try await TestQueue()
        for number in 0..<40 {
            try await queue.add(JobID("\(number)")) { $0.group = number.isMultiple(of: 2) ? "g\(number % 3)" : nil }
            try await queue.pass(.milliseconds(1))
        }
        for key in ["r1", "gn", "g:g0", "g:g1", "g:g2", "count"] {
            try await queue.redis.client.call(["DEL", .text(queue.key(key))])
        }
        let verdict = try await queue.jobs.verify(queue.name, repairs: true)
        #expect(verdict.counts == [.lost: 40, .bytes: 1])
        #expect(try await queue.jobs.verify(queue.name).isClean)
        var order: [String] = []
        while true {
            let leases = try await queue.lease(3).leases
            if leases.isEmpty { break }
            for lease in leases { #expect(try await queue.settle(lease, .done) == .settled) }
            order += leases.map(\.id.text)
        }
        for group in 0..<3 {
            let ours = order.compactMap { Int($0) }.filter { $0.isMultiple(of: 2) && $0 % 3 == group }
            #expect(ours == ours.sorted())
        }
        #expect(Set(order).count == 40)
        #expect(try await queue.keysLeft() == [])
    }

    @Test func `a queue that is too large is not looked at`() async throws {
        let queue = try await queueWithAllPlaces()
        let error = await #expect(throws: JobsError.self) { try await queue.jobs.verify(queue.name, limit: 10) }
        guard case .redis(let cause) = error else { return #expect(Bool(false)) }
        #expect(cause.code == "LARGE")
    }

    /// Runs everything that is left, and looks whether anything stays behind.
    private func finish(_ queue: TestQueue) async throws {
        let kinds = [KnownKind("t.work"), KnownKind("t.slow"), KnownKind("t.new")]
        for _ in 0..<12 {
            for lease in try await queue.lease(50, kinds: kinds).leases { _ = try await queue.settle(lease, .done) }
            try await queue.pass(.seconds(3600))
        }
        let dead = try await queue.jobs.dead(on: queue.name).letters.map(\.id)
        _ = try await queue.jobs.discard(dead, on: queue.name)
        #expect(try await queue.keysLeft() == [])
        #expect(try await queue.count("bytes") == 0)
    }
}
