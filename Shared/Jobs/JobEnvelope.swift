package import Foundation

/// A job as it waits: who it is for, and its payload. Written once, never changed but for the time it was enqueued.
///
/// On the wire, big-endian, so that the scripts read it too (`head` in common.lua):
///
///     1  bit 7 set and 6 not, the format · 0-1 priority · 2 payload version · 3 group · 4 unique key · 5 trace: which of
///        the following are there
///     5  ms since 2025, filled in by the queue
///     1 + n  kind; `.deliver` for `notifications.deliver` in the queue `notifications`
///     2  payload version, when it is not 1
///     1 + n  group
///     1 + n, 4  unique key; seconds it is held, 0 until settled
///     1 + n  trace
///     …  payload
package struct JobEnvelope: Sendable, Hashable {
    package var kind: JobKind
    package var payloadVersion = 1
    package var priority = JobPriority.normal
    package var group: String?
    package var uniqueKey: String?
    package var uniqueness = Uniqueness.untilSettled
    /// What ties this job to the request or the job that asked for it: a W3C `traceparent`, or any id; 255 bytes at most.
    package var trace: String?
    /// By the queue's clock; nil before it was enqueued.
    package internal(set) var enqueuedAt: Date?
    package var payload: [UInt8]

    package init(kind: JobKind, payload: [UInt8]) {
        self.kind = kind
        self.payload = payload
    }

    package init<J: Job>(_ job: J, trace: String? = nil) throws(JobsError) {
        kind = J.kind
        payloadVersion = J.payloadVersion
        priority = job.priority
        group = job.group
        uniqueKey = job.uniqueKey
        uniqueness = J.uniqueness
        self.trace = trace
        do {
            payload = try job.payload()
        } catch {
            throw .unencodable(J.kind)
        }
    }
}

// MARK: Bytes

extension JobEnvelope {
    /// In front of the flags.
    private static let format: UInt8 = 0b1000_0000
    /// 2025, in ms since 1970. Five bytes from there reach to 2059.
    private static let epoch = 1_735_689_600_000

    /// As it waits in `queue`. Every byte counts: it is kept a million times, and one more may double a block of memory.
    package func encoded(for queue: QueueName) throws(JobsError) -> [UInt8] {
        var flags = Self.format | UInt8(priority.rawValue)
        if payloadVersion != 1 { flags |= 4 }
        if group != nil { flags |= 8 }
        if uniqueKey != nil { flags |= 16 }
        if trace != nil { flags |= 32 }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(64 + kind.text.utf8.count + payload.count)
        bytes.append(flags)
        bytes.append(bigEndian: UInt64(clamping: (enqueuedAt?.milliseconds ?? 0) - Self.epoch), width: 5)
        try bytes.append(short: kind.text.abbreviated(in: queue), "kind")
        if payloadVersion != 1 {
            guard let version = UInt16(exactly: payloadVersion) else { throw .malformed("payload version") }
            bytes.append(bigEndian: UInt64(version), width: 2)
        }
        if let group { try bytes.append(short: group, "group") }
        if let uniqueKey {
            try bytes.append(short: uniqueKey, "unique key")
            switch uniqueness {
            case .untilSettled: bytes += [0, 0, 0, 0]
            case .within(let window):
                bytes.append(bigEndian: UInt64(UInt32(clamping: max(1, window.milliseconds / 1000))), width: 4)
            }
        }
        if let trace { try bytes.append(short: trace, "trace") }
        bytes += payload
        return bytes
    }

    /// Reads what `encoded` wrote. Throws `malformed` for anything else, also for a format of a later release.
    package init(decoding bytes: [UInt8], of queue: QueueName) throws(JobsError) {
        try self.init(decoding: bytes, of: queue, known: [])
    }

    init(decoding bytes: [UInt8], of queue: QueueName, known: [KindOnWire]) throws(JobsError) {
        var reader = Reader(bytes: bytes[...])
        let flags = try reader.integer(1)
        guard flags & 0b1100_0000 == UInt64(Self.format) else { throw .malformed("envelope format") }
        guard let priority = JobPriority(rawValue: Int(flags & 3)) else { throw .malformed("envelope flags") }
        let created = try reader.integer(5)
        let name = try reader.shortBytes()
        // Because a batch has many of few kinds, they are found and not made.
        kind = known.first { $0.bytes.elementsEqual(name) }?.kind ?? KindOnWire(name, of: queue).kind
        payload = []
        self.priority = priority
        enqueuedAt = created == 0 ? nil : Date(milliseconds: Self.epoch + Int(created))
        if flags & 4 != 0 { payloadVersion = Int(try reader.integer(2)) }
        if flags & 8 != 0 { group = try reader.short() }
        if flags & 16 != 0 {
            uniqueKey = try reader.short()
            let window = try reader.integer(4)
            uniqueness = window == 0 ? .untilSettled : .within(.seconds(Int64(window)))
        }
        if flags & 32 != 0 { trace = try reader.short() }
        payload = Array(reader.bytes)
    }

    private struct Reader {
        var bytes: ArraySlice<UInt8>

        /// At most eight bytes.
        mutating func integer(_ width: Int) throws(JobsError) -> UInt64 {
            guard bytes.count >= width else { throw .malformed("envelope is cut short") }
            defer { bytes.removeFirst(width) }
            return bytes.prefix(width).reduce(0) { $0 << 8 | UInt64($1) }
        }

        mutating func shortBytes() throws(JobsError) -> ArraySlice<UInt8> {
            let count = Int(try integer(1))
            guard bytes.count >= count else { throw .malformed("envelope is cut short") }
            defer { bytes.removeFirst(count) }
            return bytes.prefix(count)
        }

        mutating func short() throws(JobsError) -> String { String(decoding: try shortBytes(), as: UTF8.self) }
    }
}

/// A kind, and how it is written in the envelopes of a queue.
struct KindOnWire {
    let kind: JobKind
    let bytes: [UInt8]

    init(_ kind: JobKind, in queue: QueueName) {
        self.kind = kind
        bytes = Array(kind.text.abbreviated(in: queue).utf8)
    }

    init(_ bytes: ArraySlice<UInt8>, of queue: QueueName) {
        let name = String(decoding: bytes, as: UTF8.self)
        kind = JobKind(unchecked: name.hasPrefix(".") ? queue.whole.text + name : name)
        self.bytes = Array(bytes)
    }
}

extension String {
    /// `.deliver` for `notifications.deliver` in `notifications`.
    fileprivate func abbreviated(in queue: QueueName) -> String {
        let name = queue.whole.text
        return utf8.starts(with: name.utf8) && utf8.dropFirst(name.utf8.count).first == UInt8(ascii: ".")
            ? String(dropFirst(name.count)) : self
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian number: UInt64, width: Int) {
        for index in stride(from: width - 1, through: 0, by: -1) {
            append(UInt8(truncatingIfNeeded: number >> (8 * index)))
        }
    }

    fileprivate mutating func append(short text: String, _ what: String) throws(JobsError) {
        guard let count = UInt8(exactly: text.utf8.count) else { throw .malformed("\(what) of more than 255 bytes") }
        append(count)
        append(contentsOf: text.utf8)
    }
}
