import Foundation
import Jobs
import Redis
import TestKit
import Testing

@Suite struct `Recurring entries` {
    @Test func `an interval is a multiple since 1970`() throws {
        let start = try WallClock.date("2026-01-01 12:00")
        #expect(Schedule.Timing.every(.seconds(3600)).next(after: start) == start + 3600)
        #expect(Schedule.Timing.every(.seconds(3600)).next(after: start + 1) == start + 3600)
        #expect(
            Schedule.Timing.every(.seconds(60)).next(after: Date(timeIntervalSince1970: -90)).map(
                \.timeIntervalSince1970
            ) == -60
        )
    }

    @Test func `however many workers look, each fire is one job`() async throws {
        let queue = try await TestQueue()
        let every = Schedule(.every(.seconds(60)), Note(number: 1), name: "minute", overlap: .allow)
        // Twenty processes with their own connections.
        var clients: [JobQueue] = []
        for _ in 0..<20 { clients.append(queue.jobs.over(try await TestRedis.client())) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients {
                group.addTask { _ = try await client.register(policies: [], schedule: [every], on: queue.name) }
            }
            try await group.waitForAll()
        }
        for fire in 1...30 {
            try await queue.pass(.seconds(60))
            let fired = try await withThrowingTaskGroup(of: Int.self) { group in
                for client in clients {
                    group.addTask { try await client.fireDueEntries(on: queue.name).fired.count }
                }
                return try await group.reduce(0, +)
            }
            #expect(fired == 1)
            #expect(try await queue.count("enqueued") == fire)
        }
        let leases = try await queue.lease(100, kinds: [KnownKind("t.note")]).leases
        #expect(Set(leases.map(\.id)).count == 30)
        #expect(leases[0].id == JobID("cron:minute:\((TestQueue.start + 60).milliseconds)"))
    }

    @Test func `who comes late does not fire again, even when the job is done already`() async throws {
        let queue = try await TestQueue()
        let entry = Schedule.every(.seconds(60), Note(number: 1), name: "n")
        _ = try await queue.jobs.register(policies: [], schedule: [entry], on: queue.name)
        try await queue.pass(.seconds(60))
        let expected = try await queue.now
        func fire() async throws -> FireResult {
            try await queue.jobs.fire("n", expected: expected, next: expected + 60, enqueues: true, on: queue.name)
        }
        #expect(try await fire() == .fired)
        let lease = try await queue.leaseOne(kinds: [KnownKind("t.note")])
        _ = try await queue.settle(lease, .done)
        #expect(try await fire() == .lost)
        #expect(try await queue.count("enqueued") == 1)
        #expect(try await queue.jobs.schedule(of: queue.name).map(\.nextFire) == [expected + 60])
    }

    @Test func `a fire passes while the last job is not settled`() async throws {
        let queue = try await TestQueue()
        let entry = Schedule.every(.seconds(60), Note(number: 1), name: "n")
        _ = try await queue.jobs.register(policies: [], schedule: [entry], on: queue.name)
        var fired: [Int] = []
        func look() async throws { fired.append(try await queue.jobs.fireDueEntries(on: queue.name).fired.count) }
        try await queue.pass(.seconds(60))
        try await look()
        try await queue.pass(.seconds(60))
        try await look()
        let lease = try await queue.leaseOne(kinds: [KnownKind("t.note")])
        try await queue.pass(.seconds(60))
        try await look()
        _ = try await queue.settle(lease, .done)
        try await queue.pass(.seconds(60))
        try await look()
        #expect(fired == [1, 0, 0, 1])
    }

    @Test func `a dead job does not stop its entry`() async throws {
        let queue = try await TestQueue()
        _ = try await queue.jobs.register(
            policies: [],
            schedule: [.every(.seconds(60), Note(number: 1))],
            on: queue.name
        )
        for _ in 0..<3 {
            try await queue.pass(.seconds(60))
            #expect(try await queue.jobs.fireDueEntries(on: queue.name).fired == ["t.note"])
            let lease = try await queue.leaseOne(kinds: [KnownKind("t.note")])
            _ = try await queue.settle(lease, .dead(reason: "x"))
        }
    }

    @Test(arguments: [(Schedule.CatchUp.latest, 1), (.none, 0)])
    func `fires missed while nobody looked are one job, or none`(catchUp: Schedule.CatchUp, jobs: Int) async throws {
        let queue = try await TestQueue()
        let entry = Schedule(.every(.seconds(60)), Note(number: 1), overlap: .allow, catchUp: catchUp)
        _ = try await queue.jobs.register(policies: [], schedule: [entry], on: queue.name)
        try await queue.pass(.seconds(3630))
        #expect(try await queue.jobs.fireDueEntries(on: queue.name).fired.count == jobs)
        let look = try await queue.jobs.fireDueEntries(on: queue.name)
        #expect(look.fired == [])
        #expect(look.wait == .seconds(30))
        // A little late is not missed.
        try await queue.pass(.seconds(50))
        #expect(try await queue.jobs.fireDueEntries(on: queue.name).fired.count == 1)
    }

    @Test(arguments: [(1000, 61), (3, 3)])
    func `fires missed while nobody looked may each be a job, the latest of them`(most: Int, jobs: Int) async throws {
        let queue = try await TestQueue()
        let entry = Schedule(
            .every(.seconds(60)),
            Note(number: 1),
            name: "n",
            overlap: .allow,
            catchUp: .all(atMost: most)
        )
        _ = try await queue.jobs.register(policies: [], schedule: [entry], on: queue.name)
        try await queue.pass(.seconds(61 * 60 + 5))
        #expect(try await queue.jobs.fireDueEntries(on: queue.name).fired.count == jobs)
        #expect(try await queue.jobs.fireDueEntries(on: queue.name).fired == [])
        let leases = try await queue.lease(100, kinds: [KnownKind("t.note")]).leases
        let last = TestQueue.start.milliseconds + 61 * 60_000
        #expect(Set(leases.map(\.id)) == Set((0..<jobs).map { JobID("cron:n:\(last - $0 * 60_000)") }))
        #expect(try await queue.jobs.schedule(of: queue.name).first?.catchUp == .all(atMost: most))
    }

    @Test func `a nightly entry catches up by its time zone`() async throws {
        let queue = try await TestQueue()
        let entry = Schedule.cron(
            "0 3 * * *",
            WallClock.berlin,
            Note(number: 1),
            name: "n",
            overlap: .allow,
            catchUp: .all(atMost: 9)
        )
        _ = try await queue.jobs.register(policies: [], schedule: [entry], on: queue.name)
        try await queue.setClock(try WallClock.date("2026-01-04 12:00"))
        #expect(try await queue.jobs.fireDueEntries(on: queue.name).fired.count == 3)
        let leases = try await queue.lease(100, kinds: [KnownKind("t.note")]).leases
        let nights = try [2, 3, 4].map { try WallClock.date("2026-01-0\($0) 03:00 +01:00").milliseconds }
        #expect(Set(leases.map(\.id)) == Set(nights.map { JobID("cron:n:\($0)") }))
    }

    @Test func `registering again keeps the next fire, another timing moves it`() async throws {
        let queue = try await TestQueue()
        func register(_ schedule: Schedule) async throws -> Date? {
            _ = try await queue.jobs.register(policies: [], schedule: [schedule], on: queue.name)
            return try await queue.jobs.schedule(of: queue.name).first?.nextFire
        }
        let start = TestQueue.start
        #expect(try await register(.hourly(Note(number: 1))) == start + 3600)
        try await queue.pass(.seconds(7200))
        #expect(try await register(.hourly(Note(number: 1))) == start + 3600)
        #expect(try await register(.every(.seconds(60), Note(number: 1))) == start + 7260)
        let entry = try #require(try await queue.jobs.schedule(of: queue.name).first)
        #expect(entry.name == "t.note")
        #expect(entry.timing == .every(.seconds(60)))
        #expect(entry.kind == "t.note")
    }

    @Test func `an operator pauses, runs and removes an entry`() async throws {
        let queue = try await TestQueue()
        let jobs = queue.jobs
        let entry = Schedule.cron("0 3 * * *", WallClock.berlin, Note(number: 1), name: "nightly")
        _ = try await jobs.register(policies: [], schedule: [entry], on: queue.name)
        #expect(try await jobs.pauseEntry("nightly", on: queue.name))
        #expect(try await !jobs.pauseEntry("nobody", on: queue.name))
        try await queue.pass(.seconds(86_400))
        #expect(try await jobs.fireDueEntries(on: queue.name).fired == [])
        var shown = try #require(try await jobs.schedule(of: queue.name).first)
        #expect(shown.isPaused)
        #expect(shown.nextFire == (try WallClock.date("2026-01-03 03:00 +01:00")))
        #expect(try await jobs.resumeEntry("nightly", on: queue.name))
        #expect(try await jobs.fireEntryNow("nightly", on: queue.name))
        #expect(try await jobs.fireDueEntries(on: queue.name).fired == ["nightly"])
        shown = try #require(try await jobs.schedule(of: queue.name).first)
        #expect(!shown.isPaused)
        #expect(try await jobs.removeEntry("nightly", on: queue.name))
        #expect(try await jobs.schedule(of: queue.name) == [])
    }

    @Test func `what a later release wrote is left to it`() async throws {
        let queue = try await TestQueue()
        let client = queue.redis.client
        try await client.call(["ZADD", .text(queue.key("cronat")), .int(TestQueue.start.milliseconds), "new"])
        try await client.call(["HSET", .text(queue.key("crondef")), "new", "{\"moon\":\"full\"}"])
        #expect(try await queue.jobs.fireDueEntries(on: queue.name).fired == [])
        #expect(try await queue.jobs.schedule(of: queue.name).map(\.nextFire) == [TestQueue.start])
        #expect(try await queue.jobs.schedule(of: queue.name).first?.timing == nil)
    }
}
