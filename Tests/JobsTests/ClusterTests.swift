import Foundation
import Jobs
import Redis
import TestKit
import Testing

@Suite(.serialized) struct `A queue on Redis Cluster` {
    static let shards = 6
    static let cluster = Task { try await RedisCluster() }

    func queue() async throws -> JobQueue {
        let redis = try await Self.cluster.value.client()
        return JobQueue(redis: redis, prefix: JobID().text, shards: ["q": Self.shards], logger: .silent)
    }

    @Test func `its shards stand on several nodes, and a job finds its own`() async throws {
        let queue = try await queue()
        let slots = queue.shards(of: "q").map { ClusterSlot.of(queue.key($0).utf8) }
        #expect(Set(slots.map { $0 * 3 / ClusterSlot.count }).count > 1)
        let requests = (0..<300).map { number in
            var envelope = JobEnvelope(kind: "t.note", payload: [1])
            if number % 2 == 0 { envelope.group = "g\(number % 20)" }
            return EnqueueRequest(id: JobID("n\(number)"), envelope: envelope)
        }
        let results = try await queue.enqueueEnvelopes(requests, on: "q")
        #expect(results == requests.map { .enqueued($0.id) })
        #expect(try await queue.enqueueEnvelopes(requests, on: "q") == requests.map { .duplicate($0.id) })
        #expect(try await queue.queueNames() == queue.shards(of: "q"))
        var found = 0
        for shard in queue.shards(of: "q") {
            found += try await queue.stats(of: shard).held
            #expect(try await queue.verify(shard).isClean)
        }
        #expect(found == 300)
        // All of a group are in one shard.
        for group in stride(from: 0, to: 20, by: 2) {
            let members = requests.filter { $0.envelope.group == "g\(group)" }
            #expect(Set(members.map { queue.shard(of: "q", for: $0) }).count == 1)
        }
    }

    @Test func `a worker runs all shards, groups in their order, entries once`() async throws {
        let queue = try await queue()
        let diary = Diary()
        let entry = Schedule.every(.milliseconds(50), Note(number: -1), name: "often")
        var options = Worker<Diary>.Options()
        options.beat = .milliseconds(50)
        let worker = Worker(
            diary,
            queue: queue,
            runs: [Grouped.self, Note.self],
            schedule: [entry],
            concurrency: 12,
            options: options,
            logger: .silent
        )
        try await withWorker(worker) { _ in
            for number in 0..<200 { try await queue.enqueue(Grouped(number: number)) }
            try await eventually { diary.numbers.count { $0 >= 0 } == 200 }
            try await eventually { diary.numbers.contains(-1) }
            #expect(worker.health.isReady)
        }
        for group in 0..<Grouped.groups {
            let ours = diary.numbers.filter { $0 >= 0 && $0 % Grouped.groups == group }
            #expect(ours == ours.sorted())
        }
    }

    @Test func `a slot that moves takes its queue along; meanwhile jobs wait, and none is lost or split`() async throws
    {
        let cluster = try await Self.cluster.value
        let queue = try await queue()
        let shard = try #require(queue.shards(of: "q").first)
        let slot = ClusterSlot.of(queue.key(shard).utf8)
        let request = EnqueueRequest(id: "a", envelope: JobEnvelope(kind: "t.note", payload: [1]))
        _ = try await queue.enqueueEnvelopes([request], on: shard)

        let (owner, other) = try await cluster.nodes(of: slot)
        let (source, target) = (try owner.client(), try other.client())
        let sourceID = try #require(try await source.call(["CLUSTER", "MYID"]).string)
        let targetID = try #require(try await target.call(["CLUSTER", "MYID"]).string)
        let number = RedisArgument.int(slot)
        try await target.call(["CLUSTER", "SETSLOT", number, "IMPORTING", .text(sourceID)])
        try await source.call(["CLUSTER", "SETSLOT", number, "MIGRATING", .text(targetID)])
        let second = EnqueueRequest(id: "b", envelope: JobEnvelope(kind: "t.note", payload: [2]))
        let error = await #expect(throws: JobsError.self) { try await queue.enqueueEnvelopes([second], on: shard) }
        #expect(error?.isTransient == true)

        let keys = try await source.call(["CLUSTER", "GETKEYSINSLOT", number, 1000]).array ?? []
        #expect(keys.count > 1)
        for key in keys.compactMap(\.string) {
            try await source.call(["MIGRATE", "127.0.0.1", .int(other.port ?? 0), .text(key), 0, 5000])
        }
        for node in [target, source] { try await node.call(["CLUSTER", "SETSLOT", number, "NODE", .text(targetID)]) }
        try await eventually { try await queue.enqueueEnvelopes([second], on: shard) == [.enqueued("b")] }
        let request2 = LeaseRequest(fence: "f", count: 5, kinds: [KnownKind("t.note")])
        #expect(try await queue.lease(request2, from: shard).leases.map(\.id) == ["a", "b"])
        #expect(try await queue.verify(shard).isClean)
    }

    @Test func `a node that is killed and comes back is found again`() async throws {
        let cluster = try await RedisCluster()
        let queue = JobQueue(redis: try cluster.client(), shards: ["q": Self.shards], logger: .silent)
        try await queue.enqueue(Note(number: 0))
        await cluster.nodes[1].kill()
        try await cluster.nodes[1].start()
        for number in 1...12 {
            try await eventually {
                try await queue.enqueue(Note(number: number), id: JobID("n\(number)")).id.text == "n\(number)"
            }
        }
    }
}

struct Grouped: Job {
    static let groups = 10
    var number: Int

    static let kind: JobKind = "t.grouped"
    static let queue: QueueName = "q"
    var group: String? { "g\(number % Self.groups)" }

    func run(_ diary: Diary, _ context: JobContext) async throws -> JobOutcome {
        diary.write(number, context.attempt)
        return .done
    }
}
