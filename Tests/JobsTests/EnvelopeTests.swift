import Foundation
import Jobs
import QueueSimulation
import Redis
import TestKit
import Testing

@Suite struct `Envelopes` {
    static let full: JobEnvelope = {
        var envelope = JobEnvelope(kind: "renewals.charge", payload: [0, 1, 255])
        envelope.payloadVersion = 7
        envelope.priority = .low
        envelope.group = "subscription/ä"
        envelope.uniqueKey = "k"
        envelope.uniqueness = .within(.seconds(259_200))
        envelope.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        return envelope
    }()

    @Test func `they read as they were written`() throws {
        for envelope in [Self.full, JobEnvelope(kind: "k", payload: [])] {
            #expect(try JobEnvelope(decoding: try envelope.encoded(for: "q"), of: "q") == envelope)
        }
    }

    /// Jobs that wait were written by an older release: these bytes never change.
    @Test func `the bytes are pinned`() throws {
        let plain = JobEnvelope(kind: "t.note", payload: Array("{}".utf8))
        #expect(try plain.encoded(for: "q") == [0x81, 0, 0, 0, 0, 0, 6] + Array("t.note{}".utf8))
        let bytes = try Self.full.encoded(for: "q")
        #expect(bytes.prefix(7) == [0b1011_1110, 0, 0, 0, 0, 0, 15])
        #expect(bytes.suffix(3) == [0, 1, 255])
    }

    @Test func `a kind that is named after its queue is kept short, and read whole`() async throws {
        let envelope = JobEnvelope(kind: "mail.send", payload: [7])
        #expect(try envelope.encoded(for: "mail") == [0x81, 0, 0, 0, 0, 0, 5] + Array(".send".utf8) + [7])
        #expect(try JobEnvelope(decoding: envelope.encoded(for: "mail"), of: "mail").kind == "mail.send")
        #expect(try envelope.encoded(for: "mails").prefix(7) == [0x81, 0, 0, 0, 0, 0, 9])
        #expect(
            try JobEnvelope(decoding: envelope.encoded(for: "mail"), of: QueueName(stored: "mail#2")!).kind
                == "mail.send"
        )
        // The scripts read the same.
        let queue = try await TestQueue()
        try await queue.add("a", "q.work")
        #expect(try await queue.lease(kinds: [KnownKind("q.work")]).leases.map(\.kind) == ["q.work"])
    }

    @Test func `cut short or changed, they are refused and nothing worse`() throws {
        let bytes = try Self.full.encoded(for: "q")
        for count in 0..<(bytes.count - 3) {
            #expect(throws: JobsError.self) { try JobEnvelope(decoding: Array(bytes.prefix(count)), of: "q") }
        }
        var random = SplitMix(state: 7)
        for _ in 0..<2000 {
            var changed = bytes
            for _ in 0..<3 {
                changed[Int.random(in: 0..<changed.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            // Because whatever it throws or reads is fine, as long as it returns.
            _ = try? JobEnvelope(decoding: changed, of: "q")
        }
    }

    @Test func `an envelope of a later release is parked, not broken`() async throws {
        let queue = try await TestQueue()
        let bytes = [UInt8]([9, 0, 0, 0, 0, 0, 6]) + Array("t.note?!".utf8)
        try await queue.redis.client.call(["HSET", .text(queue.key("job")), "new", .bytes(bytes)])
        try await queue.redis.client.call(["LPUSH", .text(queue.key("r1")), "new"])
        try await queue.add("old")
        #expect(try await queue.leasedIDs() == ["old"])
        #expect(try await queue.jobs.stats(of: queue.name).parked == ["?9@1": 1])
    }

    @Test func `a note's payload is pinned`() throws {
        let payload = try Note(number: 1, act: .done).payload()
        #expect(String(decoding: payload, as: UTF8.self) == #"{"act":"done","number":1}"#)
    }
}

@Suite struct `Names` {
    @Test func `ids are new and sort by time`() {
        let start = Date(timeIntervalSince1970: 1_767_268_800)
        let ids = (0..<500).map { JobID(at: start.addingTimeInterval(TimeInterval($0))).text }
        #expect(ids == ids.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        #expect(Set(ids).count == 500)
        #expect(ids.allSatisfy { $0.utf8.count == 22 })
    }

    @Test(arguments: ["", "A", "a b", "a{b", "ä", String(repeating: "a", count: 101)])
    func `what is no name is none`(text: String) {
        #expect(JobKind(text) == nil)
        #expect(QueueName(text) == nil)
    }

    @Test func `a name that Redis holds is a queue's or a shard's`() {
        #expect(QueueName(stored: "mail")?.whole == "mail")
        #expect(QueueName(stored: "mail#12")?.whole == "mail")
        for text in ["", "#1", "mail#", "mail#x", "A"] { #expect(QueueName(stored: text) == nil) }
        let dotted = ".send"
        #expect(JobKind(dotted) == nil)
    }

    @Test func `whole milliseconds stay what they are`() {
        for ms in 1_767_268_800_000..<1_767_268_802_000 { #expect(Date(milliseconds: ms).milliseconds == ms) }
    }

    @Test func `far times are brought into range`() {
        #expect(Date.distantFuture.milliseconds > 0)
        #expect(Date(timeIntervalSince1970: .infinity).milliseconds == 1 << 52)
        #expect(Date(timeIntervalSince1970: .nan).milliseconds == 0)
    }
}

@Suite struct `Errors in dead letters` {
    enum Outage: Error { case unreachable, refused(password: String) }
    struct Leak: Error, CustomStringConvertible { var description: String { "jane@example.org" } }

    @Test func `they name the type and the case, never the contents`() {
        #expect(redactedDescription(of: Outage.unreachable).hasSuffix("Outage.unreachable"))
        #expect(redactedDescription(of: Outage.refused(password: "x")).hasSuffix("Outage.refused"))
        #expect(redactedDescription(of: Leak()).hasSuffix("Leak"))
        #expect(redactedDescription(of: JobsError.full("q")) == "the queue q is full")
    }
}
