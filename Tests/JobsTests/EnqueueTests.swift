import Foundation
import Jobs
import Redis
import TestKit
import Testing

@Suite struct `Enqueuing` {
    @Test func `a job comes out as it went in, dated by the queue`() async throws {
        let queue = try await TestQueue()
        let result = try await queue.add("a") { $0.trace = "00-abc" }
        #expect(result == .enqueued("a"))

        let lease = try #require(try await queue.lease().leases.first)
        #expect(lease.id == "a")
        #expect(lease.attempt == 1)
        #expect(lease.envelope.kind == "t.work")
        #expect(lease.envelope.payload == Array("body of a".utf8))
        #expect(lease.envelope.trace == "00-abc")
        #expect(lease.envelope.enqueuedAt == TestQueue.start)
    }

    @Test func `the same id again is a duplicate, waiting, running, due or dead`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        #expect(try await queue.add("a") == .duplicate("a"))
        let lease = try await queue.leaseOne()
        #expect(try await queue.add("a") == .duplicate("a"))
        _ = try await queue.settle(lease, .snoozed(.seconds(5)))
        #expect(try await queue.add("a") == .duplicate("a"))
        try await queue.pass(.seconds(5))
        let again = try await queue.leaseOne()
        _ = try await queue.settle(again, .dead(reason: "why"))
        #expect(try await queue.add("a") == .duplicate("a"))
        #expect(try await queue.leasedIDs() == [])
        #expect(try await queue.count("enqueued") == 1)
    }

    @Test func `the same id twice in one batch is one job`() async throws {
        let queue = try await TestQueue()
        let envelope = JobEnvelope(kind: "t.work", payload: [])
        let requests = ["a", "b", "a"].map { EnqueueRequest(id: $0, envelope: envelope) }
        #expect(
            try await queue.jobs.enqueueEnvelopes(requests, on: queue.name)
                == [.enqueued("a"), .enqueued("b"), .duplicate("a")]
        )
        #expect(try await queue.leasedIDs() == ["a", "b"])
    }

    @Test func `more than five hundred jobs go in by batches and come out in order`() async throws {
        let queue = try await TestQueue()
        let ids = (0..<1234).map { "job-\($0)" }
        let requests = ids.map { EnqueueRequest(id: JobID($0), envelope: JobEnvelope(kind: "t.work", payload: [7])) }
        let results = try await queue.jobs.enqueueEnvelopes(requests, on: queue.name)
        #expect(results.count == 1234)
        var out: [String] = []
        while true {
            let some = try await queue.leasedIDs(500)
            if some.isEmpty { break }
            out += some
        }
        #expect(out == ids)
    }

    @Test func `high goes before normal before low`() async throws {
        let queue = try await TestQueue()
        for (id, priority) in [("l", JobPriority.low), ("n", .normal), ("h", .high), ("h2", .high)] {
            try await queue.add(JobID(id)) { $0.priority = priority }
        }
        #expect(try await queue.leasedIDs(3) == ["h", "h2", "n"])
        #expect(try await queue.leasedIDs(3) == ["l"])
    }

    @Test func `a job waits until it is due, by the queue's clock`() async throws {
        let queue = try await TestQueue()
        try await queue.add("later", at: .after(.seconds(60)))
        try await queue.add("at", at: .at(TestQueue.start.addingTimeInterval(30)))
        try await queue.add("past", at: .at(TestQueue.start.addingTimeInterval(-30)))
        let first = try await queue.lease()
        #expect(first.leases.map(\.id) == ["past"])
        // The next thing to happen: 30 s lease of `past`, 30 s until `at`.
        #expect(first.wait == .seconds(30))
        try await queue.pass(.milliseconds(29_999))
        #expect(try await queue.leasedIDs() == [])
        try await queue.pass(.milliseconds(1))
        #expect(try await queue.leasedIDs().contains("at"))
        try await queue.pass(.seconds(30))
        #expect(try await queue.leasedIDs().contains("later"))
    }

    @Test func `a queue full of jobs refuses the whole batch, but not what it holds already`() async throws {
        let queue = try await TestQueue(limits: .init(jobs: 3))
        try await queue.add("a")
        let envelope = JobEnvelope(kind: "t.work", payload: [])
        let three = ["b", "c", "d"].map { EnqueueRequest(id: $0, envelope: envelope) }
        await #expect(throws: JobsError.full("q")) {
            try await queue.jobs.enqueueEnvelopes(three, on: queue.name)
        }
        #expect(try await queue.add("b") == .enqueued("b"))
        #expect(try await queue.add("c") == .enqueued("c"))
        #expect(try await queue.add("a") == .duplicate("a"))
        await #expect(throws: JobsError.full("q")) { try await queue.add("d") }
        let lease = try await queue.leaseOne(1)
        _ = try await queue.settle(lease, .done)
        #expect(try await queue.add("d") == .enqueued("d"))
    }

    @Test func `a queue full of bytes refuses, and an operator's cap goes before ours`() async throws {
        let queue = try await TestQueue(limits: .init(bytes: 300))
        let big = [UInt8](repeating: 1, count: 200)
        try await queue.add("a") { $0.payload = big }
        await #expect(throws: JobsError.full("q")) { try await queue.add("b") { $0.payload = big } }
        try await queue.redis.client.call(["HSET", .text(queue.key("meta")), "capbytes", 1000])
        #expect(try await queue.add("b") { $0.payload = big } == .enqueued("b"))
        try await queue.redis.client.call(["HSET", .text(queue.key("meta")), "cap", 2])
        await #expect(throws: JobsError.full("q")) { try await queue.add("c") }
    }

    @Test func `a job that is too large, or without a proper name, is refused here`() async throws {
        let queue = try await TestQueue(limits: .init(jobBytes: 100))
        await #expect(throws: JobsError.tooLarge("t.work", bytes: 213)) {
            try await queue.add("a") { $0.payload = [UInt8](repeating: 1, count: 200) }
        }
        await #expect(throws: JobsError.malformed("job id")) { try await queue.add("") }
        await #expect(throws: JobsError.malformed("group of more than 255 bytes")) {
            try await queue.add("a") { $0.group = String(repeating: "g", count: 256) }
        }
    }

    @Test func `every queue that was used is on the list, until it is forgotten`() async throws {
        let queue = try await TestQueue()
        #expect(try await queue.jobs.queueNames() == [])
        try await queue.add("a")
        _ = try await queue.jobs.over(queue.redis.client).register(policies: [], schedule: [], on: "other")
        #expect(try await queue.jobs.queueNames() == ["other", "q"])
        try await queue.jobs.forget("q")
        #expect(try await queue.jobs.queueNames() == ["other"])
        try await queue.add("b")
        #expect(try await queue.jobs.queueNames() == ["other", "q"])
    }

    @Test func `an enqueue leaves at most eight wake-ups`() async throws {
        let queue = try await TestQueue()
        for number in 0..<20 { try await queue.add("\(number)") }
        #expect(try await queue.redis.client.call(["LLEN", .text(queue.key("wake"))]) == .int(8))
        _ = try await queue.leasedIDs(100)
        #expect(try await queue.redis.client.call(["EXISTS", .text(queue.key("wake"))]) == .int(0))
    }
}

@Suite struct `Unique keys` {
    @Test(arguments: [Settlement.How.done, .discarded, .dead(reason: "no")])
    func `a key is held until its job is settled`(how: Settlement.How) async throws {
        let queue = try await TestQueue()
        try await queue.add("a") { $0.uniqueKey = "k" }
        #expect(try await queue.add("b") { $0.uniqueKey = "k" } == .duplicate("a"))
        #expect(try await queue.add("c") { $0.uniqueKey = "other" } == .enqueued("c"))
        let leases = try await queue.lease().leases
        #expect(try await queue.add("b") { $0.uniqueKey = "k" } == .duplicate("a"))
        _ = try await queue.settle(leases[0], .retry(error: "x", after: .seconds(1)))
        #expect(try await queue.add("b") { $0.uniqueKey = "k" } == .duplicate("a"))
        try await queue.pass(.seconds(1))
        _ = try await queue.settle(try await queue.leaseOne(), how)
        #expect(try await queue.add("b") { $0.uniqueKey = "k" } == .enqueued("b"))
    }

    @Test func `a key with a window outlives its job, and not the window`() async throws {
        let queue = try await TestQueue()
        let window: (inout JobEnvelope) -> Void = {
            $0.uniqueKey = "k"
            $0.uniqueness = .within(.seconds(3600))
        }
        try await queue.add("a", change: window)
        _ = try await queue.settle(try await queue.leaseOne(), .done)
        #expect(try await queue.add("b", change: window) == .duplicate("a"))
        let left = try await queue.redis.client.call(["PTTL", .text(queue.key("u:k"))]).int ?? 0
        #expect((3_590_000...3_600_000).contains(left))
        try await queue.redis.client.call(["DEL", .text(queue.key("u:k"))])
        #expect(try await queue.add("b", change: window) == .enqueued("b"))
    }

    @Test func `a key whose job is gone keeps nobody out`() async throws {
        let queue = try await TestQueue()
        try await queue.redis.client.call(["SET", .text(queue.key("u:k")), "ghost"])
        #expect(try await queue.add("b") { $0.uniqueKey = "k" } == .enqueued("b"))
        #expect(try await queue.add("c") { $0.uniqueKey = "k" } == .duplicate("b"))
    }
}
