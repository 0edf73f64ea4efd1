import Foundation
import Jobs
import Redis
import Synchronization
import TestKit
import Testing

@Suite struct `Dead letters that move` {
    /// An archive that keeps what it is given, and may be killed after it did.
    final class Shelf: DeadLetterArchive {
        struct Killed: Error {}
        struct Key: Hashable {
            var id: JobID
            var since: Date
        }
        let letters = Mutex<[Key: DeadLetter]>([:])
        let dies = Mutex(false)

        func keep(_ letters: [DeadLetter], of queue: QueueName) async throws {
            self.letters.withLock { kept in
                for letter in letters { kept[Key(id: letter.id, since: letter.since)] = letter }
            }
            if dies.withLock({ $0 }) { throw Killed() }
        }

        var ids: [JobID] { letters.withLock { $0.keys.map(\.id).sorted { $0.text < $1.text } } }
    }

    func bury(_ ids: [JobID], in queue: TestQueue) async throws {
        for id in ids { try await queue.add(id) }
        for lease in try await queue.lease(500).leases { _ = try await queue.settle(lease, .dead(reason: "no")) }
    }

    @Test func `the old ones go, whole and oldest first, the young ones stay`() async throws {
        let queue = try await TestQueue()
        let old = (100..<350).map { JobID("old\($0)") }
        try await bury(old, in: queue)
        try await queue.pass(.seconds(100))
        try await bury(["young"], in: queue)
        let shelf = Shelf()
        let end = TestQueue.start.addingTimeInterval(50)
        #expect(try await queue.jobs.archiveDead(of: queue.name, before: end, to: shelf) == 250)
        #expect(shelf.ids == old)
        let kept = shelf.letters.withLock { $0[.init(id: "old100", since: TestQueue.start)] }
        #expect(kept?.envelope.payload == Array("body of old100".utf8))
        #expect(kept?.reason == "no")
        #expect(try await queue.jobs.dead(on: queue.name).letters.map(\.id) == ["young"])
        #expect(try await queue.count("archived") == 250)
        #expect(try await queue.jobs.verify(queue.name).isClean)
        #expect(try await queue.jobs.archiveDead(of: queue.name, before: end, to: shelf) == 0)
    }

    @Test func `killed between copy and delete, it loses none and finishes later`() async throws {
        let queue = try await TestQueue()
        try await bury(["a", "b"], in: queue)
        try await queue.pass(.seconds(100))
        let shelf = Shelf()
        shelf.dies.withLock { $0 = true }
        let end = TestQueue.start.addingTimeInterval(50)
        await #expect(throws: Shelf.Killed.self) {
            try await queue.jobs.archiveDead(of: queue.name, before: end, to: shelf)
        }
        #expect(shelf.ids == ["a", "b"])
        #expect(try await queue.jobs.dead(on: queue.name).letters.count == 2)
        // Meanwhile one is replayed and dies again: that is another letter.
        #expect(try await queue.jobs.replay(["a"], on: queue.name) == [.replayed])
        _ = try await queue.settle(try await queue.leaseOne(), .dead(reason: "again"))
        shelf.dies.withLock { $0 = false }
        #expect(try await queue.jobs.archiveDead(of: queue.name, before: end, to: shelf) == 1)
        #expect(try await queue.jobs.dead(on: queue.name).letters.map(\.id) == ["a"])
        let later = try await queue.now.addingTimeInterval(1)
        #expect(try await queue.jobs.archiveDead(of: queue.name, before: later, to: shelf) == 1)
        #expect(shelf.ids == ["a", "a", "b"])
        #expect(try await queue.keysLeft() == [])
    }

    @Test func `an archived letter goes back in line under its old id, once`() async throws {
        let queue = try await TestQueue()
        try await bury(["a"], in: queue)
        let shelf = Shelf()
        let later = TestQueue.start.addingTimeInterval(1)
        _ = try await queue.jobs.archiveDead(of: queue.name, before: later, to: shelf)
        let letters = shelf.letters.withLock { Array($0.values) }
        #expect(try await queue.jobs.replay(archived: letters, on: queue.name) == [.enqueued("a")])
        #expect(try await queue.jobs.replay(archived: letters, on: queue.name) == [.duplicate("a")])
        let lease = try await queue.leaseOne()
        #expect(lease.attempt == 1)
        #expect(lease.envelope.payload == Array("body of a".utf8))
    }

    @Test func `letters that only a later release reads stay where they are`() async throws {
        let queue = try await TestQueue()
        try await bury(["a", "b", "c"], in: queue)
        try await queue.redis.client.call(["HSET", .text(queue.key("job")), "a", .bytes([9, 0, 0, 0, 0, 0, 1, 65])])
        let later = TestQueue.start.addingTimeInterval(1)
        let shelf = Shelf()
        #expect(try await queue.jobs.archiveDead(of: queue.name, before: later, to: shelf) == 2)
        #expect(shelf.ids == ["b", "c"])
        #expect(try await queue.jobs.stats(of: queue.name).dead == 1)
    }
}
