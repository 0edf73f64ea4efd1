import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Logging
import Postgres
import Redis
import Sealing
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Dead letters in Postgres` {
    let start = Date(timeIntervalSince1970: 1_790_000_000)

    func context(at now: Date) -> JobContext {
        JobContext(
            id: "archive",
            kind: ArchiveDeadLetters.kind,
            queue: .fulfillment,
            enqueuedAt: now,
            now: { now },
            logger: .silent
        )
    }

    func bury(_ ids: [JobID], in queues: JobQueue, _ queue: QueueName, reason: String) async throws {
        let requests = ids.map {
            EnqueueRequest(id: $0, envelope: JobEnvelope(kind: "fulfillment.apply", payload: [1, 2]))
        }
        _ = try await queues.enqueueEnvelopes(requests, on: queue)
        let request = LeaseRequest(fence: JobID().text, count: 100, kinds: [KnownKind("fulfillment.apply")])
        let leases = try await queues.lease(request, from: queue).leases
        _ = try await queues.settle(leases.map { Settlement($0, .dead(reason: reason)) }, on: queue)
    }

    @Test func `the old ones of every queue are moved, found again, and put back in line`() async throws {
        let store = try #require(TestDatabase.current).store
        let redis = try await TestRedis()
        let queues = JobQueue(redis: redis.client, prefix: redis.prefix, logger: .silent)
        for queue in ["fulfillment", "other"] as [QueueName] {
            let meta = RedisArgument.text(queues.key(queue, "meta"))
            try await redis.client.call(["HSET", meta, "testing", 1, "now", .int(start.milliseconds)])
        }
        try await bury(["a", "b\0c"], in: queues, "fulfillment", reason: "undecodable")
        try await bury(["a"], in: queues, "other", reason: "exhausted: PayPal said 500")
        let deps = FulfillmentDependencies(
            store: store,
            redis: redis.client,
            sealer: Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "k1"))),
            queues: queues
        )
        let soon = start.addingTimeInterval(ArchiveDeadLetters.patience - 1)
        #expect(try await ArchiveDeadLetters().run(deps, context(at: soon)) == .done)
        #expect(try await store.read { try $0.search(DeadLetterSearch()) }.isEmpty)

        let later = start.addingTimeInterval(ArchiveDeadLetters.patience + 1)
        #expect(try await ArchiveDeadLetters().run(deps, context(at: later)) == .done)
        #expect(try await ArchiveDeadLetters().run(deps, context(at: later)) == .done)
        let all = try await store.read { try $0.search(DeadLetterSearch()) }
        #expect(all.map(\.key.queue) == ["other", "fulfillment", "fulfillment"])
        #expect(all.map(\.key.job) == ["a", "bc", "a"])
        for queue in ["fulfillment", "other"] as [QueueName] {
            #expect(try await queues.stats(of: queue).held == 0)
        }

        var search = DeadLetterSearch()
        search.text = "PayPal"
        let letters = try await store.read { [search] in try $0.search(search) }
        let found = try #require(letters.first)
        #expect(found.kind == "fulfillment.apply")
        #expect(found.key.diedAt == start)
        let (letter, queue) = try found.letter()
        #expect(try await queues.replay(archived: [letter], on: queue) == [.enqueued("a")])
        #expect(try await store.transaction { try $0.markReplayed(found.key, at: later) })
        #expect(try await queues.show("a", on: "other")?.envelope.payload == [1, 2])
        search = DeadLetterSearch()
        search.isWaiting = true
        search.limit = 1
        let first = try await store.read { [search] in try $0.search(search) }
        #expect(first.map(\.key.job) == ["bc"])
        search.after = first.first?.key
        let second = try await store.read { [search] in try $0.search(search) }
        #expect(second.map(\.key.job) == ["a"])
    }
}
