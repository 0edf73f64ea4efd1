import Foundation
import Jobs
import Redis
import TestKit
import Testing

@Suite struct `A worker that vanishes` {
    @Test func `its job runs again when the lease has expired, and the crash is not an attempt`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        try await queue.add("b")
        let lost = try await queue.leaseOne(1)
        try await queue.pass(.milliseconds(29_999))
        #expect(try await queue.leasedIDs(1) == ["b"])
        try await queue.pass(.milliseconds(1))
        let found = try await queue.lease()
        #expect(found.leases.map(\.id) == ["a"])
        #expect(found.leases.map(\.attempt) == [1])
        #expect(found.leases.map(\.crashes) == [1])
        #expect(found.notices == [QueueNotice(what: .recovered, id: "a", kind: "t.work")])
        #expect(found.leases[0].fence != lost.fence)
    }

    @Test func `the zombie's settle is refused and its heartbeat told`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        let zombie = try await queue.leaseOne()
        try await queue.pass(.seconds(31))
        let owner = try await queue.leaseOne()
        #expect(try await queue.jobs.extend([(zombie.id, zombie.fence)], on: queue.name) == ["a"])
        for how in [Settlement.How.done, .released, .dead(reason: "x"), .retry(error: "x"), .snoozed(.seconds(1))] {
            #expect(try await queue.settle(zombie, how) == .refused)
        }
        #expect(try await queue.jobs.extend([(owner.id, owner.fence)], on: queue.name) == [])
        #expect(try await queue.settle(owner, .done) == .settled)
        #expect(try await queue.settle(zombie, .done) == .refused)
        #expect(try await queue.keysLeft() == [])
    }

    @Test func `a late settle still counts while nobody else has the job`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        let late = try await queue.leaseOne()
        try await queue.pass(.seconds(300))
        #expect(try await queue.settle(late, .done) == .settled)
    }

    @Test func `heartbeats keep a lease, by the policy of the kind`() async throws {
        let queue = try await TestQueue()
        try await queue.setPolicy(JobPolicy(lease: .seconds(120)))
        try await queue.add("a")
        let lease = try await queue.leaseOne()
        #expect(lease.duration == .seconds(120))
        for _ in 0..<5 {
            try await queue.pass(.seconds(100))
            #expect(try await queue.jobs.extend([(lease.id, lease.fence)], on: queue.name) == [])
            #expect(try await queue.leasedIDs() == [])
        }
        // A longer extension is not cut short by the next heartbeat.
        _ = try await queue.jobs.extend([(lease.id, lease.fence)], by: .seconds(1000), on: queue.name)
        _ = try await queue.jobs.extend([(lease.id, lease.fence)], on: queue.name)
        try await queue.pass(.seconds(999))
        #expect(try await queue.leasedIDs() == [])
        try await queue.pass(.seconds(1))
        #expect(try await queue.leasedIDs() == ["a"])
    }

    @Test func `the third crash is the last: poison, and its group goes on`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a") {
            $0.group = "g"
            $0.uniqueKey = "k"
        }
        try await queue.add("b") { $0.group = "g" }
        for crashes in 0..<3 {
            let leased = try await queue.lease()
            #expect(leased.leases.map(\.id) == ["a"])
            #expect(leased.leases.map(\.crashes) == [crashes])
            try await queue.pass(.seconds(30))
        }
        let leased = try await queue.lease()
        #expect(leased.leases.map(\.id) == ["b"])
        #expect(leased.notices == [QueueNotice(what: .poison, id: "a", kind: "t.work")])
        let dead = try await queue.jobs.dead(on: queue.name).letters
        #expect(dead.map(\.reason) == ["poison"])
        #expect(dead.map(\.crashes) == [3])
        // It may be asked for again, and replayed with a clean slate.
        #expect(try await queue.add("a2") { $0.uniqueKey = "k" } == .enqueued("a2"))
        #expect(try await queue.jobs.replay(["a"], on: queue.name) == [.superseded("a2")])
    }

    @Test func `a busy worker recovers the jobs of others without leasing`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        _ = try await queue.lease()
        try await queue.add("b", at: .after(.seconds(10)))
        try await queue.pass(.seconds(30))
        #expect(
            try await queue.jobs.recover(on: queue.name) == [QueueNotice(what: .recovered, id: "a", kind: "t.work")]
        )
        #expect(try await queue.jobs.recover(on: queue.name) == [])
        let stats = try await queue.jobs.stats(of: queue.name)
        #expect(stats.ready[.normal] == 2)
        #expect(stats.running == 0)
        #expect(try await queue.leasedIDs() == ["a", "b"])
    }

    @Test func `jobs leased in an answer that was lost are given back uncounted`() async throws {
        let queue = try await TestQueue()
        for id in ["a", "b", "c"] { try await queue.add(JobID(id)) }
        _ = try await queue.lease(1, fence: "mine")
        _ = try await queue.lease(2, fence: "unheard")
        #expect(Set(try await queue.jobs.abandon(fence: "unheard", on: queue.name)) == ["b", "c"])
        #expect(try await queue.jobs.abandon(fence: "unheard", on: queue.name) == [])
        let again = try await queue.lease().leases
        #expect(Set(again.map(\.id)) == ["b", "c"])
        #expect(again.map(\.attempt) == [1, 1])
        #expect(again.map(\.crashes) == [0, 0])
    }

    @Test func `after an outage of Redis, workers have four seconds to extend before their jobs are taken`()
        async throws
    {
        let queue = try await TestQueue()
        for id in ["alive", "gone"] { try await queue.add(JobID(id)) }
        let leases = try await queue.lease().leases
        // Nobody could speak to Redis for two minutes.
        try await queue.pass(.seconds(120), workersWereThere: false)
        #expect(try await queue.leasedIDs() == [])
        _ = try await queue.jobs.extend([(leases[0].id, leases[0].fence)], on: queue.name)
        try await queue.pass(.milliseconds(3_999))
        #expect(try await queue.leasedIDs() == [])
        try await queue.pass(.milliseconds(1))
        #expect(try await queue.leasedIDs() == ["gone"])
        #expect(try await queue.settle(leases[0], .done) == .settled)
    }

    @Test func `a clock that goes back takes nobody's job away and loses none`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        let lease = try await queue.leaseOne()
        try await queue.setClock(TestQueue.start.addingTimeInterval(-3600), workersWereThere: false)
        #expect(try await queue.leasedIDs() == [])
        #expect(try await queue.jobs.extend([(lease.id, lease.fence)], on: queue.name) == [])
        #expect(try await queue.settle(lease, .retry(error: "x", after: .seconds(1))) == .settled)
        try await queue.pass(.seconds(1))
        #expect(try await queue.leasedIDs() == ["a"])
    }
}

@Suite struct `A lone worker that is killed` {
    /// The bound that is promised, wherever in the life of the lease it starts again.
    @Test(arguments: [1, 14, 16, 26, 27, 29, 30, 30.9])
    func `its jobs run again within thirty-five seconds of its death`(startsAfter: Double) async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        _ = try await queue.leaseOne()
        // The heartbeat, and with it the last word of the worker, and then its death.
        try await queue.setClock(TestQueue.start + startsAfter, workersWereThere: false)
        var waited = startsAfter
        while true {
            let leased = try await queue.lease()
            if leased.leases.map(\.id) == ["a"] { break }
            // It looks again when it was told to, and every two seconds.
            let pause = min(
                Double(leased.wait.components.seconds) + Double(leased.wait.components.attoseconds) / 1e18,
                2
            )
            #expect(pause > 0.01)
            waited += max(pause, 0.01)
            try #require(waited < 40)
            try await queue.setClock(TestQueue.start + waited, workersWereThere: false)
        }
        #expect(waited <= 35)
    }
}

@Suite struct `A job that one worker holds twice` {
    @Test func `a heartbeat says which of its leases is lost`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a")
        let lost = try await queue.leaseOne()
        try await queue.pass(.seconds(31))
        let held = try await queue.leaseOne()
        let leases = [(id: lost.id, fence: lost.fence), (id: held.id, fence: held.fence)]
        #expect(try await queue.jobs.extendEach(leases, on: queue.name) == [0])
        #expect(
            try await queue.jobs.settle([Settlement(lost, .done), Settlement(held, .done)], on: queue.name) == [
                .refused, .settled,
            ]
        )
    }
}
