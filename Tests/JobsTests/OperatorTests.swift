import Foundation
import Jobs
import Redis
import TestKit
import Testing

@Suite struct `What an operator does` {
    @Test func `a paused queue takes jobs and gives none, what runs goes on`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        let lease = try await queue.leaseOne()
        #expect(try await queue.jobs.pause(queue.name))
        #expect(try await !queue.jobs.pause(queue.name))
        #expect(try await queue.add("b") == .enqueued("b"))
        let none = try await queue.lease()
        #expect(none.leases.isEmpty && none.isPaused)
        #expect(try await queue.settle(lease, .done) == .settled)
        #expect(try await queue.jobs.stats(of: queue.name).isPaused)
        #expect(try await queue.jobs.resume(queue.name))
        #expect(try await !queue.jobs.resume(queue.name))
        #expect(try await queue.leasedIDs() == ["b"])
    }

    @Test func `dead letters stay until they are replayed or discarded`() async throws {
        let queue = try await TestQueue()
        for id in ["a", "b", "c"] { try await queue.add(JobID(id), id == "b" ? "t.other" : "t.work") }
        let kinds = [KnownKind("t.work"), KnownKind("t.other")]
        for lease in try await queue.lease(kinds: kinds).leases {
            _ = try await queue.settle(lease, .dead(reason: "no \(lease.id)"))
            try await queue.pass(.seconds(1))
        }
        let all = try await queue.jobs.dead(on: queue.name, withPayloads: true)
        #expect(all.letters.map(\.id) == ["a", "b", "c"])
        #expect(all.letters.map(\.reason) == ["no a", "no b", "no c"])
        #expect(all.letters[0].envelope.payload == Array("body of a".utf8))
        #expect(all.letters[0].since == TestQueue.start)
        #expect(try await queue.jobs.dead(on: queue.name, kind: "t.other").letters.map(\.id) == ["b"])
        #expect(try await queue.jobs.dead(on: queue.name, from: 1, count: 1).letters.map(\.id) == ["b"])
        let since = TestQueue.start.addingTimeInterval(2)
        #expect(try await queue.jobs.dead(on: queue.name, since: since).letters.map(\.id) == ["c"])

        #expect(try await queue.jobs.replay(["a", "x", "a"], on: queue.name) == [.replayed, .missing, .missing])
        let again = try await queue.lease().leases
        #expect(again.map(\.id) == ["a"])
        #expect(again.map(\.attempt) == [1])
        #expect(try await queue.jobs.discard(["b", "c", "a"], on: queue.name) == 2)
        _ = try await queue.settle(again[0], .done)
        #expect(try await queue.keysLeft() == [])
        #expect(try await queue.count("bytes") == 0)
    }

    @Test func `a replayed job takes its place in its group`() async throws {
        let queue = try await TestQueue()
        for id in ["a1", "a2"] { try await queue.add(JobID(id)) { $0.group = "a" } }
        _ = try await queue.settle(try await queue.leaseOne(), .dead(reason: "x"))
        let second = try await queue.leaseOne()
        #expect(try await queue.jobs.replay(["a1"], on: queue.name) == [.replayed])
        #expect(try await queue.leasedIDs() == [])
        _ = try await queue.settle(second, .done)
        #expect(try await queue.leasedIDs() == ["a1"])
    }

    @Test func `a job can be cancelled wherever it is, and leaves nothing`() async throws {
        let queue = try await TestQueue()
        let grouped: (inout JobEnvelope) -> Void = {
            $0.group = "g"
            $0.uniqueKey = String(decoding: $0.payload, as: UTF8.self)
        }
        try await queue.add("running", change: grouped)
        try await queue.add("grouped", change: grouped)
        try await queue.add("due", at: .after(.seconds(5)), change: grouped)
        try await queue.add("ready") { $0.priority = .low }
        try await queue.add("unknown", "t.new")
        let lease = try await queue.leaseOne(1)
        _ = try await queue.leasedIDs(1)  // `unknown` is parked on the way to `ready`
        _ = try await queue.jobs.recover(on: queue.name)
        let places = ["running", "grouped", "due", "ready", "unknown", "nobody"]
        var results: [CancelResult] = []
        for id in places { results.append(try await queue.jobs.cancel(JobID(id), on: queue.name)) }
        #expect(results == [.running, .waiting, .due, .running, .waiting, .missing])
        #expect(try await queue.jobs.extend([(lease.id, lease.fence)], on: queue.name) == ["running"])
        #expect(try await queue.settle(lease, .done) == .refused)
        #expect(try await queue.keysLeft() == [])
        #expect(try await queue.count("bytes") == 0)
        #expect(try await queue.add("running", change: grouped) == .enqueued("running"))
    }

    @Test func `a cancelled holder lets the group go on`() async throws {
        let queue = try await TestQueue()
        for id in ["a1", "a2", "a3"] { try await queue.add(JobID(id)) { $0.group = "a" } }
        #expect(try await queue.jobs.cancel("a1", on: queue.name) == .waiting)
        let lease = try await queue.leaseOne()
        #expect(lease.id == "a2")
        _ = try await queue.settle(lease, .retry(error: "x", after: .seconds(5)))
        #expect(try await queue.jobs.cancel("a2", on: queue.name) == .due)
        #expect(try await queue.leasedIDs() == ["a3"])
    }

    @Test func `a job is shown wherever it is`() async throws {
        let queue = try await TestQueue()
        #expect(try await queue.jobs.show("a", on: queue.name) == nil)
        try await queue.add("a", at: .after(.seconds(5)))
        var record = try #require(try await queue.jobs.show("a", on: queue.name))
        #expect(record.place == .due)
        #expect(record.at == TestQueue.start.addingTimeInterval(5))
        try await queue.pass(.seconds(5))
        let lease = try await queue.leaseOne()
        record = try #require(try await queue.jobs.show("a", on: queue.name))
        #expect(record.place == .running)
        #expect(record.attempt == 1)
        _ = try await queue.settle(lease, .retry(error: "no luck", after: .zero))
        record = try #require(try await queue.jobs.show("a", on: queue.name))
        #expect(record.place == .due)
        #expect(record.lastError == "no luck")
        _ = try await queue.settle(try await queue.leaseOne(), .dead(reason: "enough"))
        record = try #require(try await queue.jobs.show("a", on: queue.name))
        #expect(record.place == .dead)
        #expect(record.reason == "enough")
    }

    @Test func `the state of the queue in numbers`() async throws {
        let queue = try await TestQueue()
        try await queue.add("h") { $0.priority = .high }
        try await queue.add("d", at: .after(.seconds(60)))
        try await queue.pass(.seconds(1))
        try await queue.add("n")
        let stats = try await queue.jobs.stats(of: queue.name)
        #expect(stats.held == 3)
        #expect(stats.ready == [.high: 1, .normal: 1, .low: 0])
        #expect(stats.due == 1)
        #expect(stats.oldestReady == TestQueue.start)
        #expect(stats.nextDue == TestQueue.start.addingTimeInterval(60))
        #expect(stats.totals["enqueued"] == 3)
        #expect(try await queue.jobs.peek("r1", on: queue.name) == ["n"])
        #expect(try await queue.jobs.peek("due", on: queue.name) == ["d"])
    }
}

@Suite struct `Policies in the queue` {
    @Test func `a policy reads as it was written`() {
        let policies = [
            JobPolicy(),
            JobPolicy(
                attempts: 25,
                backoff: .exponential(from: .milliseconds(10), factor: 1.5, upTo: .seconds(86_400), jitter: 1),
                lease: .seconds(5),
                timeout: .seconds(7),
                expiry: .seconds(8),
                holdsGroup: false,
                groupSlots: 9,
                rate: Rate(100, per: .seconds(60), burst: 7)
            ),
            JobPolicy(backoff: .table([.seconds(259_200), .seconds(604_800)], jitter: 0.05)),
        ]
        for policy in policies { #expect(JobPolicy(text: policy.text) == policy) }
    }

    @Test(arguments: [
        "", "5", "5 30000 0 0 1 1 exp", "5 30000 0 0 1 1 table 0", "x 1 1 1 1 1 exp 1 1 1 1", "1 1 1 1 1 1 new 1",
        "5 30000 0 0 1 1 rate=0/1/1 exp 1 2 3 4",
    ])
    func `what is no policy is none`(text: String) {
        #expect(JobPolicy(text: text) == nil)
    }

    @Test func `an operator's edit outlives restarts of workers, until it is reset`() async throws {
        let queue = try await TestQueue()
        let code = JobPolicy(attempts: 7), edit = JobPolicy(attempts: 2, backoff: .exponential(from: .zero))
        try await queue.setPolicy(code)
        #expect(try await queue.jobs.policies(on: queue.name)["t.work"]?.policy == code)
        try await queue.jobs.setPolicy(edit, of: "t.work", on: queue.name)
        try await queue.setPolicy(JobPolicy(attempts: 8))
        let held = try await queue.jobs.policies(on: queue.name)["t.work"]
        #expect(held?.policy == edit)
        #expect(held?.isOperators == true)

        try await queue.add("a")
        _ = try await queue.settle(try await queue.leaseOne(), .retry(error: "x"))
        let last = try await queue.leaseOne()
        #expect(try await queue.settle(last, .retry(error: "x")) == .exhausted)

        let before = try await queue.lease().epoch
        try await queue.jobs.resetPolicy(of: "t.work", on: queue.name)
        #expect(before != nil)
        #expect(try await queue.lease().epoch == nil)
        try await queue.setPolicy(code)
        #expect(try await queue.jobs.policies(on: queue.name)["t.work"]?.policy == code)
    }
}
