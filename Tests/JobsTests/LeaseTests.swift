import Foundation
import Jobs
import TestKit
import Testing

@Suite struct `Leasing and settling` {
    @Test func `a done job leaves nothing behind`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a") {
            $0.uniqueKey = "k"
            $0.group = "g"
        }
        let lease = try await queue.leaseOne()
        #expect(try await queue.settle(lease, .done) == .settled)
        #expect(try await queue.keysLeft() == [])
        #expect(try await queue.count("bytes") == 0)
        #expect(try await queue.count("done") == 1)
    }

    @Test func `settling twice changes nothing the second time`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        let lease = try await queue.leaseOne()
        #expect(try await queue.settle(lease, .retry(error: "x")) == .settled)
        #expect(try await queue.settle(lease, .retry(error: "x")) == .refused)
        #expect(try await queue.settle(lease, .done) == .refused)
        let twice = [Settlement(lease, .done), Settlement(lease, .done)]
        try await queue.pass(.seconds(60))
        let again = try await queue.leaseOne()
        #expect(again.attempt == 2)
        #expect(try await queue.jobs.settle(twice, on: queue.name) == [.refused, .refused])
        #expect(
            try await queue.jobs.settle([Settlement(again, .done), Settlement(again, .done)], on: queue.name)
                == [.settled, .refused]
        )
        #expect(try await queue.count("done") == 1)
    }

    @Test func `a settle without the fence is refused`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        let lease = try await queue.leaseOne()
        for fence in ["", "somebody", lease.fence + "0"] {
            let forged = Settlement(id: lease.id, fence: fence, .done)
            #expect(try await queue.jobs.settle([forged], on: queue.name) == [.refused])
        }
        #expect(try await queue.settle(lease, .done) == .settled)
    }

    @Test func `a snooze and a release spend no attempt, a retry does`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        for expected in [1, 1, 1, 2, 2] {
            let lease = try #require(try await queue.lease().leases.first)
            #expect(lease.attempt == expected)
            switch expected {
            case 1 where try await queue.count("snoozed") == 0: _ = try await queue.settle(lease, .snoozed(.seconds(9)))
            case 1 where try await queue.count("released") == 0: _ = try await queue.settle(lease, .released)
            case 1: _ = try await queue.settle(lease, .retry(error: "x", after: .seconds(9)))
            default: _ = try await queue.settle(lease, .snoozed(.seconds(9)))
            }
            try await queue.pass(.seconds(9))
        }
    }

    @Test func `a released job is the next to run`() async throws {
        let queue = try await TestQueue()
        for id in ["a", "b"] { try await queue.add(JobID(id)) }
        let lease = try await queue.leaseOne(1)
        _ = try await queue.settle(lease, .released)
        #expect(try await queue.leasedIDs() == ["a", "b"])
    }

    @Test func `retries grow exponentially with jitter, then the job is dead`() async throws {
        let queue = try await TestQueue()
        let backoff = Backoff.exponential(from: .seconds(10), factor: 3, upTo: .seconds(60), jitter: 0.1)
        try await queue.setPolicy(JobPolicy(attempts: 4, backoff: backoff))
        try await queue.add("a")
        for (attempt, nominal) in [(1, 10_000.0), (2, 30_000), (3, 60_000)] {
            let lease = try #require(try await queue.lease().leases.first)
            #expect(lease.attempt == attempt)
            #expect(lease.firstFailedAt == (attempt == 1 ? nil : TestQueue.start))
            #expect(try await queue.leasedIDs() == [])
            #expect(try await queue.settle(lease, .retry(error: "no luck")) == .settled)
            let due = try #require(try await queue.jobs.show("a", on: queue.name)?.at)
            let wait = due.timeIntervalSince(try await queue.now) * 1000
            #expect((nominal * 0.9 - 1...nominal * 1.1).contains(wait))
            try await queue.setClock(due)
        }
        let last = try await queue.leaseOne()
        #expect(try await queue.settle(last, .retry(error: "no luck")) == .exhausted)
        let dead = try await queue.jobs.dead(on: queue.name).letters
        #expect(dead.map(\.reason) == ["exhausted: no luck"])
        #expect(dead.map(\.attempt) == [4])
    }

    @Test func `a table counts from the first failure, whatever the runs took`() async throws {
        let queue = try await TestQueue()
        let days = Backoff.table([.seconds(3 * 86_400), .seconds(7 * 86_400)])
        try await queue.setPolicy(JobPolicy(attempts: 4, backoff: days))
        try await queue.add("a")
        _ = try await queue.settle(try await queue.leaseOne(), .retry(error: "declined"))
        try await queue.pass(.seconds(3 * 86_400 - 1))
        #expect(try await queue.leasedIDs() == [])
        try await queue.pass(.seconds(1))
        let second = try await queue.leaseOne()
        // Settled an hour late: still day 7 from the first failure.
        try await queue.pass(.seconds(3600))
        _ = try await queue.jobs.extend([(second.id, second.fence)], on: queue.name)
        #expect(try await queue.settle(second, .retry(error: "declined")) == .settled)
        try await queue.setClock(TestQueue.start.addingTimeInterval(7 * 86_400 - 1))
        #expect(try await queue.leasedIDs() == [])
        try await queue.pass(.seconds(1))
        #expect(try await queue.leasedIDs() == ["a"])
    }

    @Test func `settling and leasing go in one round trip, also when the server knows no script`() async throws {
        let queue = try await TestQueue()
        for id in ["a", "b", "c"] { try await queue.add(JobID(id)) }
        let first = try await queue.lease(1).leases
        let request = LeaseRequest(fence: "next", count: 1, kinds: [KnownKind("t.work")])
        let (answers, leased) = try await queue.jobs.settle(
            [Settlement(first[0], .done)],
            thenLease: request,
            on: queue.name
        )
        #expect(answers == [.settled])
        #expect(leased.leases.map(\.id) == ["b"])
    }

    @Test func `a lease stops adding jobs when their bytes are enough`() async throws {
        let queue = try await TestQueue()
        for number in 0..<120 {
            try await queue.add("\(number)") { $0.payload = [UInt8](repeating: 0, count: 1000) }
        }
        let request = LeaseRequest(fence: "f", count: 120, bytes: 10_000, kinds: [KnownKind("t.work")])
        let leased = try await queue.jobs.lease(request, from: queue.name)
        #expect(leased.leases.count == 50)
        #expect(leased.wait == .zero)
    }

    @Test func `jobs past their expiry are dropped and said`() async throws {
        let queue = try await TestQueue()
        try await queue.setPolicy(JobPolicy(expiry: .seconds(60)))
        try await queue.add("old") {
            $0.uniqueKey = "k"
            $0.group = "g"
        }
        try await queue.pass(.seconds(61))
        try await queue.add("new") { $0.group = "g" }
        let leased = try await queue.lease()
        #expect(leased.notices == [QueueNotice(what: .expired, id: "old", kind: "t.work")])
        #expect(try await queue.leasedIDs() + leased.leases.map(\.id.text) == ["new"])
        #expect(try await queue.count("expired") == 1)
    }
}

@Suite struct `Kinds that a worker does not know` {
    @Test func `they are parked for one that does, which looks there first`() async throws {
        let queue = try await TestQueue()
        try await queue.add("new", "t.new")
        try await queue.add("old")
        let leased = try await queue.lease()
        #expect(leased.leases.map(\.id) == ["old"])
        #expect(leased.notices == [QueueNotice(what: .parked, id: "new", kind: "t.new")])
        #expect(try await queue.jobs.stats(of: queue.name).parked == ["t.new@1": 1])
        #expect(try await queue.jobs.show("new", on: queue.name)?.place == .parked)

        try await queue.add("old2")
        let both = try await queue.lease(kinds: [KnownKind("t.work"), KnownKind("t.new")])
        #expect(both.leases.map(\.id) == ["new", "old2"])
        #expect(both.leases.map(\.attempt) == [1, 1])
        #expect(try await queue.jobs.stats(of: queue.name).parked == [:])
    }

    @Test func `a newer payload version is parked too`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a") { $0.payloadVersion = 3 }
        #expect(try await queue.leasedIDs() == [])
        #expect(try await queue.lease(kinds: [KnownKind("t.work", payloadVersion: 2)]).leases.isEmpty)
        let leased = try await queue.lease(kinds: [KnownKind("t.work", payloadVersion: 3)])
        #expect(leased.leases.map(\.envelope.payloadVersion) == [3])
    }

    @Test func `a parked job keeps its place in its group`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a", "t.new") { $0.group = "g" }
        try await queue.add("b") { $0.group = "g" }
        #expect(try await queue.leasedIDs() == [])
        let all = [KnownKind("t.work"), KnownKind("t.new")]
        let first = try await queue.lease(kinds: all).leases
        #expect(first.map(\.id) == ["a"])
        _ = try await queue.settle(first[0], .done)
        #expect(try await queue.leasedIDs() == ["b"])
    }
}
