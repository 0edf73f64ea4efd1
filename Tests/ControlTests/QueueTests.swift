import Foundation
import FulfillmentJobs
import Jobs
import Redis
import TestKit
import Testing

@testable import ControlCommands

@Suite struct `Looking after queues` {
    private struct Doomed: Job {
        static let kind: JobKind = "fulfillment.doomed"
        static let queue: QueueName = "fulfillment"
        static let policy = JobPolicy(attempts: 1, backoff: .exponential(from: .seconds(1)))
        func run(_ deps: Int, _ context: JobContext) async throws -> JobOutcome { .done }
    }

    private func bury(_ ids: [JobID], for shop: Operator) async throws {
        let queue = JobQueue(redis: shop.redis, logger: .silent)
        for id in ids { try await queue.enqueue(Doomed(), id: id) }
        let request = LeaseRequest(fence: "f1", count: 100, kinds: [KnownKind(Doomed.kind)])
        let leased = try await queue.lease(request, from: Doomed.queue).leases
        _ = try await queue.settle(leased.map { Settlement($0, .dead(reason: "it can't be done")) }, on: Doomed.queue)
    }

    @Test func `dead letters are listed, shown, replayed and discarded`() async throws {
        let shop = try await Operator()
        #expect(try await shop.gatehouse("queues").output.hasPrefix("No queue yet"))
        try await bury(["one", "two", "three"], for: shop)
        let dead = try await shop.gatehouse("dead", "list", "--json").document()["dead"] as? [[String: Any]]
        #expect(dead?.count == 3)
        let shown = try await shop.gatehouse("dead", "show", "one")
        #expect(shown.exit == .code(0))
        #expect(shown.output.contains("it can't be done"))
        #expect(try await shop.gatehouse("dead", "show", "four").exit == .code(3))

        let replayed = try await shop.gatehouse("dead", "replay", "one", "four", "--json").document()
        #expect(replayed["replayed"] as? [String] == ["one"])
        #expect(replayed["missing"] as? [String] == ["four"])
        let preview = try await shop.gatehouse("dead", "discard", "--all", "--json")
        #expect(preview.exit == .code(0))
        #expect((try preview.document()["preview"] as? [String: Any])?["count"] as? Int == 2)
        let discarded = try await shop.gatehouse("dead", "discard", "--all", "--yes", "--json")
        #expect(try discarded.document()["discarded"] as? Int == 2)
        #expect(try await shop.gatehouse("dead", "discard", "two").exit == .code(3))
        #expect(try await shop.gatehouse("dead", "list").output == "No dead letters in any queue.\n")
    }

    @Test func `recurring work is listed, paused and resumed`() async throws {
        let shop = try await Operator()
        try await shop.whileRunning { _ in
            func entries() async throws -> [[String: Any]] {
                try await shop.gatehouse("schedule", "list", "--json").document()["schedule"] as? [[String: Any]] ?? []
            }
            try await eventually { try await entries().count == 1 }
            let name = try #require(try await entries().first?["name"] as? String)
            try await shop.expectOK("schedule", "pause", name)
            #expect(try await entries().first?["paused"] as? Bool == true)
            let resumed = try await shop.expectOK("schedule", "resume", name, "--json")
            #expect(try resumed.document()["paused"] as? Bool == false)
            let wrong = try await shop.gatehouse("schedule", "pause", "nothing")
            #expect(wrong.exit == .code(1))
            #expect(wrong.errors.contains("one of: \(name)"))
        }
    }

    @Test func `many dead letters are chosen by kind, error and time`() async throws {
        let shop = try await Operator()
        try await bury((1...30).map { "job-\($0)" }, for: shop)
        func count(_ words: String...) async throws -> Int? {
            let outcome = try await shop.gatehouse(["dead", "replay"] + words + ["--json"])
            return (try outcome.document()["preview"] as? [String: Any])?["count"] as? Int
        }
        #expect(try await count("--kind", "fulfillment.doomed") == 30)
        #expect(try await count("--kind", "fulfillment.other") == 0)
        #expect(try await count("--error", "CAN'T be") == 30)
        #expect(try await count("--error", "nothing like it") == 0)
        #expect(try await count("--since", "1h") == 30)
        #expect(try await count("--until", "1h") == 0)
        let shown = try await shop.gatehouse("dead", "discard", "--kind", "fulfillment.doomed")
        #expect(shown.output.contains("Nothing was done. Add --yes to discard these 30."))
        let replayed = try await shop.gatehouse("dead", "replay", "--error", "can't", "--yes", "--json")
        #expect((try replayed.document()["replayed"] as? [Any])?.count == 30)
        #expect(try await shop.gatehouse("dead", "replay", "--all", "--yes").exit == .code(3))
    }

    @Test func `a queue is paused, resumed and told as it stands`() async throws {
        let shop = try await Operator()
        let nothing = try await shop.gatehouse("queue", "pause", "fulfilment")
        #expect(nothing.exit == .code(1))
        try await shop.whileRunning { _ in
            func queue() async throws -> [String: Any] {
                let document = try await shop.gatehouse("queues", "--over", "100ms", "--json").document()
                return (document["queues"] as? [[String: Any]])?.first ?? [:]
            }
            try await eventually { try await queue()["workers"] as? Int == 1 }
            #expect(try await queue()["rates"] != nil)
            let paused = try await shop.expectOK("queue", "pause", "fulfillment", "--json").document()
            #expect(paused["paused"] as? Bool == true)
            #expect(paused["changed"] as? Bool == true)
            #expect(try await queue()["paused"] as? Bool == true)
            #expect(try await shop.gatehouse("queue", "pause", "fulfillment").output.contains("already"))
            let mistyped = try await shop.gatehouse("queue", "pause", "fulfilment")
            #expect(mistyped.exit == .code(1))
            #expect(mistyped.errors.contains("one of: fulfillment"))
            try await shop.expectOK("queue", "resume", "fulfillment")
            #expect(try await queue()["paused"] as? Bool == false)
        }
    }

    @Test func `what a queue lost track of is found and put right`() async throws {
        let shop = try await Operator()
        let queue = JobQueue(redis: shop.redis, logger: .silent)
        for number in 0..<3 { try await queue.enqueue(Doomed(), id: "job-\(number)") }
        #expect(try await shop.expectOK("queue", "verify", "fulfillment").output.contains("3 jobs"))
        try await shop.redis.call(["DEL", .text(queue.key("fulfillment", "r1"))])
        let broken = try await shop.gatehouse("queue", "verify", "fulfillment", "--json")
        #expect(broken.exit == .code(3))
        #expect((try broken.document()["faults"] as? [String: Int])?["lost"] == 3)
        let repaired = try await shop.expectOK("queue", "repair", "fulfillment", "--json").document()
        #expect(repaired["repaired"] as? Bool == true)
        try await shop.expectOK("queue", "verify", "fulfillment")
        #expect(try await queue.stats(of: "fulfillment").ready[.normal] == 3)
    }

    @Test func `letters in the archive are found, and put back in line once`() async throws {
        let shop = try await Operator()
        try await bury(["old-1", "old-2"], for: shop)
        let queue = JobQueue(redis: shop.redis, logger: .silent)
        let archive = StoredDeadLetters(store: shop.store)
        #expect(try await queue.archiveDead(of: "fulfillment", before: .now.addingTimeInterval(60), to: archive) == 2)
        #expect(try await shop.gatehouse("dead", "list", "--json").document()["dead"] as? [String] == [])
        let listed = try await shop.expectOK("dead", "list", "--archived", "--json").document()
        #expect((listed["dead"] as? [Any])?.count == 2)
        let shown = try await shop.expectOK("dead", "show", "old-1", "--archived")
        #expect(shown.output.contains("it can't be done"))
        #expect(shown.output.contains("gatehouse dead replay old-1 --archived"))
        #expect(try await shop.gatehouse("dead", "show", "old-3", "--archived").exit == .code(3))
        let one = try await shop.expectOK("dead", "replay", "old-1", "--archived", "--json").document()
        #expect(one["replayed"] as? [String] == ["old-1"])
        let rest = try await shop.expectOK("dead", "replay", "--archived", "--all", "--yes", "--json").document()
        #expect(rest["replayed"] as? [String] == ["old-2"])
        #expect(try await shop.gatehouse("dead", "replay", "old-1", "--archived").exit == .code(3))
        #expect(try await queue.stats(of: "fulfillment").ready[.normal] == 2)
        #expect(try await shop.gatehouse("dead", "discard", "--all", "--archived").exit == .code(64))
    }

    @Test func `a job is shown where it is, and taken out`() async throws {
        let shop = try await Operator()
        let queue = JobQueue(redis: shop.redis, logger: .silent)
        try await queue.enqueue(Doomed(), id: "later", at: .after(.seconds(3600)), trace: "request-1")
        let shown = try await shop.expectOK("jobs", "show", "later", "--json").document()
        let job = try #require(shown["job"] as? [String: Any])
        #expect(job["place"] as? String == "due")
        #expect(job["trace"] as? String == "request-1")
        #expect(job["due_at"] != nil)
        #expect(try await shop.expectOK("jobs", "show", "later").output.contains("fulfillment.doomed"))
        try await shop.expectOK("jobs", "cancel", "later")
        #expect(try await shop.gatehouse("jobs", "show", "later").exit == .code(3))
        #expect(try await shop.gatehouse("jobs", "cancel", "later").exit == .code(3))
        try await bury(["dead"], for: shop)
        let dead = try await shop.gatehouse("jobs", "cancel", "dead")
        #expect(dead.exit == .code(1))
        #expect(dead.errors.contains("fix: gatehouse dead discard dead"))
    }

    @Test func `a policy is changed for all workers, and taken back`() async throws {
        let shop = try await Operator()
        try await shop.whileRunning { _ in
            func policy() async throws -> [String: Any] {
                let document = try await shop.gatehouse("policy", "list", "--json").document()
                let all = document["policies"] as? [[String: Any]] ?? []
                return all.first { $0["kind"] as? String == "fulfillment.apply" } ?? [:]
            }
            try await eventually { try await policy()["attempts"] as? Int == 10 }
            try await shop.expectOK("policy", "set", "fulfillment.apply", "--attempts", "20", "--backoff", "5s")
            #expect(try await policy()["attempts"] as? Int == 20)
            #expect(try await policy()["set_by"] as? String == "operator")
            #expect((try await policy()["backoff"] as? String)?.hasPrefix("5") == true)
            try await shop.expectOK("policy", "reset", "fulfillment.apply")
            try await eventually { try await policy()["attempts"] as? Int == 10 }
            let wrong = try await shop.gatehouse("policy", "set", "fulfillment.applied", "--attempts", "2")
            #expect(wrong.exit == .code(1))
        }
    }

    @Test func `recurring work is run now, where a worker is there to run it`() async throws {
        let shop = try await Operator()
        let queue = JobQueue(redis: shop.redis, logger: .silent)
        let kind = EndLapsedEntitlements.kind.text
        try await shop.whileRunning { _ in
            try await eventually { try await !queue.schedule(of: "fulfillment").isEmpty }
            let before = try await queue.stats(of: "fulfillment").totals["fired"] ?? 0
            try await shop.expectOK("schedule", "run", kind)
            try await eventually {
                try await queue.stats(of: "fulfillment").totals["fired"] ?? 0 > before
            }
            try await shop.expectOK("schedule", "pause", kind)
            let paused = try await shop.gatehouse("schedule", "run", kind)
            #expect(paused.errors.contains("fix: gatehouse schedule resume \(kind)"))
            try await shop.expectOK("schedule", "resume", kind)
        }
        try await eventually {
            try await shop.gatehouse("schedule", "run", kind).exit == .code(69)
        }
    }
}
