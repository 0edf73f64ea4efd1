import Foundation
import Jobs
import TestKit
import Testing

@Suite struct `Groups` {
    @Test func `jobs of a group run one after another, other groups beside them`() async throws {
        let queue = try await TestQueue()
        for id in ["a1", "a2", "b1", "a3", "b2", "c"] {
            try await queue.add(JobID(id)) { $0.group = id == "c" ? nil : String(id.prefix(1)) }
        }
        var leases = try await queue.lease().leases
        #expect(leases.map(\.id) == ["a1", "b1", "c"])
        #expect(try await queue.leasedIDs() == [])
        #expect(try await queue.jobs.stats(of: queue.name).waitingForGroup == 3)
        #expect(try await queue.jobs.peek("g:a", on: queue.name) == ["a2", "a3"])

        _ = try await queue.settle(leases[0], .done)
        leases = try await queue.lease().leases
        #expect(leases.map(\.id) == ["a2"])
        _ = try await queue.settle(leases[0], .discarded)
        #expect(try await queue.leasedIDs() == ["a3"])
    }

    @Test func `a retry, a snooze, a release and a crash keep the group waiting`() async throws {
        let queue = try await TestQueue()
        for id in ["a1", "a2"] { try await queue.add(JobID(id)) { $0.group = "a" } }
        let after = Duration.seconds(5)
        for how in [Settlement.How.retry(error: "x", after: after), .snoozed(after), .released] {
            let lease = try #require(try await queue.lease().leases.first)
            #expect(lease.id == "a1")
            _ = try await queue.settle(lease, how)
            if how != .released { #expect(try await queue.leasedIDs() == []) }
            try await queue.pass(.seconds(5))
        }
        #expect(try await queue.leasedIDs() == ["a1"])
        try await queue.pass(.seconds(31))
        let last = try await queue.lease().leases
        #expect(last.map(\.id) == ["a1"])
        _ = try await queue.settle(last[0], .dead(reason: "x"))
        #expect(try await queue.leasedIDs() == ["a2"])
    }

    @Test func `with a policy that lets go, others pass while one waits for its retry`() async throws {
        let queue = try await TestQueue()
        try await queue.setPolicy(JobPolicy(holdsGroup: false))
        for id in ["a1", "a2", "a3"] { try await queue.add(JobID(id)) { $0.group = "a" } }
        let first = try await queue.lease().leases[0]
        _ = try await queue.settle(first, .retry(error: "x", after: .seconds(5)))
        let second = try await queue.lease().leases
        #expect(second.map(\.id) == ["a2"])
        // Due again, it waits for its turn like a newcomer.
        try await queue.pass(.seconds(5))
        #expect(try await queue.leasedIDs() == [])
        _ = try await queue.settle(second[0], .done)
        let third = try await queue.lease().leases
        #expect(third.map(\.id) == ["a3"])
        _ = try await queue.settle(third[0], .done)
        let again = try await queue.lease().leases
        #expect(again.map(\.id) == ["a1"])
        #expect(again.map(\.attempt) == [2])
        _ = try await queue.settle(again[0], .done)
        #expect(try await queue.keysLeft() == [])
    }

    @Test func `a delayed job joins its group when it is due`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a1", at: .after(.seconds(10))) { $0.group = "a" }
        try await queue.add("a2") { $0.group = "a" }
        let lease = try await queue.lease().leases[0]
        #expect(lease.id == "a2")
        try await queue.pass(.seconds(10))
        #expect(try await queue.leasedIDs() == [])
        _ = try await queue.settle(lease, .done)
        #expect(try await queue.leasedIDs() == ["a1"])
    }

    @Test func `a group with slots runs so many at a time`() async throws {
        let queue = try await TestQueue()
        try await queue.setPolicy(JobPolicy(groupSlots: 3))
        for number in 1...7 { try await queue.add("a\(number)") { $0.group = "a" } }
        let leases = try await queue.lease().leases
        #expect(leases.map(\.id) == ["a1", "a2", "a3"])
        _ = try await queue.settle(leases[1], .done)
        #expect(try await queue.leasedIDs() == ["a4"])
        // More slots from now on: the next to leave lets more in, in their order.
        try await queue.jobs.setPolicy(JobPolicy(groupSlots: 5), of: "t.work", on: queue.name)
        try await queue.add("a8") { $0.group = "a" }
        _ = try await queue.settle(leases[0], .done)
        #expect(try await queue.leasedIDs() == ["a5", "a6", "a7"])
    }

    @Test func `the jobs of a group keep their priorities`() async throws {
        let queue = try await TestQueue()
        try await queue.add("a1") { $0.group = "a" }
        try await queue.add("a2") {
            $0.group = "a"
            $0.priority = .high
        }
        let lease = try await queue.lease(1).leases[0]
        try await queue.add("n")
        _ = try await queue.settle(lease, .done)
        #expect(try await queue.leasedIDs(1) == ["a2"])
    }
}
