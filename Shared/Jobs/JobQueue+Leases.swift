package import Foundation
import Redis

/// A job that a worker owns for a while.
package struct Lease: Sendable {
    package var id: JobID
    /// Proves the ownership: without it nothing can be settled.
    package var fence: String
    package var queue: QueueName
    /// 1 for the first run. Crashes and snoozes do not count.
    package var attempt: Int
    /// How many workers were lost while they ran it.
    package var crashes: Int
    /// How long it is owned, from the answer on, unless extended.
    package var duration: Duration
    package var timeout: Duration?
    package var firstFailedAt: Date?
    package var envelope: JobEnvelope

    package var kind: JobKind { envelope.kind }
}

/// What a lease call brought.
package struct LeasedJobs: Sendable {
    /// The queue's time.
    package var now: Date
    /// Until it is worth asking again; zero: at once, there is more.
    package var wait: Duration
    /// See register.lua; nil when no worker has registered since Redis was empty.
    package var epoch: String?
    package var isPaused: Bool
    package var leases: [Lease]
    package var notices: [QueueNotice]
    /// Envelopes that could not be read, leased all the same so that they can be buried.
    package var undecodable: [Settlement]
}

/// What the queue did on its own to a job while it was asked for others.
package struct QueueNotice: Sendable, Hashable {
    package enum What: String, Sendable { case poison, recovered, parked, expired }
    package var what: What
    package var id: JobID
    package var kind: JobKind

    package init(what: What, id: JobID, kind: JobKind) {
        self.what = what
        self.id = id
        self.kind = kind
    }
}

/// The end of a lease.
package struct Settlement: Sendable, Hashable {
    package enum How: Sendable, Hashable {
        /// Done and discarded jobs are deleted.
        case done, discarded
        /// Again after this long, no attempt spent.
        case snoozed(Duration)
        /// Failed: again by the kind's policy, or after this long; dead when no attempt is left.
        case retry(error: String, after: Duration? = nil)
        case dead(reason: String)
        /// Given back unused: at once and in front, nothing counted.
        case released
    }

    package var id: JobID
    package var fence: String
    package var how: How

    package init(_ lease: Lease, _ how: How) {
        self.init(id: lease.id, fence: lease.fence, how)
    }

    package init(id: JobID, fence: String, _ how: How) {
        self.id = id
        self.fence = fence
        self.how = how
    }
}

package enum SettleAnswer: Int, Sendable, Hashable {
    /// The lease was lost, or the job was settled before: nothing was changed.
    case refused
    case settled
    /// It was to be retried and had no attempt left: dead.
    case exhausted
}

/// A kind a worker runs, and the newest payload version it reads.
package struct KnownKind: Sendable, Hashable {
    package var kind: JobKind
    package var payloadVersion: Int

    package init(_ kind: JobKind, payloadVersion: Int = 1) {
        self.kind = kind
        self.payloadVersion = payloadVersion
    }
}

/// What to ask for.
package struct LeaseRequest: Sendable {
    /// Never used before.
    package var fence: String
    package var count: Int
    /// No more jobs are added once their envelopes have this many bytes.
    package var bytes: Int
    package var kinds: [KnownKind]

    package init(fence: String, count: Int, bytes: Int = 8 << 20, kinds: [KnownKind]) {
        self.fence = fence
        self.count = count
        self.bytes = bytes
        self.kinds = kinds
    }

    var arguments: [RedisArgument] {
        [.text(fence), .int(min(count, 500)), .int(bytes)]
            + kinds.flatMap { [.text($0.kind.text), .int($0.payloadVersion)] }
    }
}

extension JobQueue {
    package func lease(_ request: LeaseRequest, from queue: QueueName) async throws(JobsError) -> LeasedJobs {
        try leased(try await evaluate(scripts.lease, on: queue, request.arguments), request, queue)
    }

    /// Settles up to 500 jobs; the answers are in their order.
    package func settle(_ settlements: [Settlement], on queue: QueueName) async throws(JobsError) -> [SettleAnswer] {
        guard !settlements.isEmpty else { return [] }
        let arguments = Self.arguments(settlements)
        return try Self.answers(try await evaluate(scripts.settle, on: queue, arguments), settlements.count)
    }

    /// Settles and then leases in one round trip.
    package func settle(
        _ settlements: [Settlement],
        thenLease request: LeaseRequest,
        on queue: QueueName
    ) async throws(JobsError) -> (answers: [SettleAnswer], leased: LeasedJobs) {
        let results: [Result<RedisValue, RedisError>]
        do {
            results = try await redis.pipeline([
                command(scripts.settle, queue, Self.arguments(settlements)),
                command(scripts.lease, queue, request.arguments),
            ])
        } catch {
            throw .redis(error)
        }
        guard results.count == 2 else { throw .unexpectedAnswer("settle") }
        // A server that does not know a script yet is asked again, one by one.
        let answers =
            if case .success(let value) = results[0] {
                try Self.answers(value, settlements.count)
            } else {
                try await settle(settlements, on: queue)
            }
        guard case .success(let value) = results[1] else { return (answers, try await lease(request, from: queue)) }
        return (answers, try leased(value, request, queue))
    }

    /// Extends leases by `duration`, or by what each kind's policy says. Answers the ids whose lease is lost.
    package func extend(
        _ leases: [(id: JobID, fence: String)],
        by duration: Duration? = nil,
        on queue: QueueName
    ) async throws(JobsError) -> Set<JobID> {
        Set(try await extendEach(leases, by: duration, on: queue).map { leases[$0].id })
    }

    /// The same; answers the positions of those whose lease is lost.
    package func extendEach(
        _ leases: [(id: JobID, fence: String)],
        by duration: Duration? = nil,
        on queue: QueueName
    ) async throws(JobsError) -> [Int] {
        var lost: [Int] = []
        for start in stride(from: 0, to: leases.count, by: 500) {
            var arguments: [RedisArgument] = [.int(duration.map { max(1, $0.milliseconds) } ?? 0)]
            for lease in leases[start..<min(start + 500, leases.count)] {
                arguments += [.text(lease.id.text), .text(lease.fence)]
            }
            let answer = try await evaluate(scripts.extend, on: queue, arguments)
            guard let positions = answer.array?.dropFirst() else { throw .unexpectedAnswer("extend") }
            for position in positions.compactMap(\.int) where leases.indices.contains(start + position - 1) {
                lost.append(start + position - 1)
            }
        }
        return lost
    }

    /// Recovers expired leases and promotes what is due without leasing anything.
    package func recover(on queue: QueueName) async throws(JobsError) -> [QueueNotice] {
        guard let answer = try await evaluate(scripts.reap, on: queue).array, answer.count == 2 else {
            throw .unexpectedAnswer("reap")
        }
        return Self.notices(answer[1])
    }

    /// Gives back every job leased under a fence, for a worker that never heard the answer to its lease.
    @discardableResult
    package func abandon(fence: String, on queue: QueueName) async throws(JobsError) -> [JobID] {
        guard let answer = try await evaluate(scripts.abandon, on: queue, [.text(fence)]).array else {
            throw .unexpectedAnswer("abandon")
        }
        return answer.dropFirst().compactMap { $0.string.map { JobID($0) } }
    }
}

// MARK: What goes over the wire

extension JobQueue {
    private func command(_ script: RedisScript, _ queue: QueueName, _ arguments: [RedisArgument]) -> [RedisArgument] {
        let keys = keys(queue)
        return ["EVALSHA", .text(script.sha1), .int(keys.count)] + keys.map { .text($0) } + arguments
    }

    private static func arguments(_ settlements: [Settlement]) -> [RedisArgument] {
        var arguments: [RedisArgument] = []
        arguments.reserveCapacity(1 + 5 * settlements.count)
        arguments.append(.text("\(Double.random(in: 0..<1))"))
        for settlement in settlements {
            arguments.append(.text(settlement.id.text))
            arguments.append(.text(settlement.fence))
            switch settlement.how {
            case .done:
                // Because most are, and a literal array each is one allocation each.
                arguments.append("done")
                arguments.append(0)
                arguments.append("")
            case .discarded: arguments += ["discard", 0, ""]
            case .snoozed(let wait): arguments += ["snooze", .int(max(0, wait.milliseconds)), ""]
            case .retry(let error, let after):
                arguments += ["retry", .int(after.map { max(0, $0.milliseconds) } ?? -1), .text(error.clipped)]
            case .dead(let reason): arguments += ["dead", 0, .text(reason.clipped)]
            case .released: arguments += ["release", 0, ""]
            }
        }
        return arguments
    }

    private static func answers(_ value: RedisValue, _ count: Int) throws(JobsError) -> [SettleAnswer] {
        guard let values = value.array?.dropFirst(), values.count == count || count == 0 else {
            throw .unexpectedAnswer("settle")
        }
        return values.map { SettleAnswer(rawValue: $0.int ?? 0) ?? .settled }
    }

    private static func notices(_ value: RedisValue) -> [QueueNotice] {
        (value.array ?? []).compactMap { notice in
            guard let words = notice.array, words.count == 3,
                let what = QueueNotice.What(rawValue: words[0].string ?? "")
            else { return nil }
            return QueueNotice(
                what: what,
                id: JobID(words[1].string ?? ""),
                kind: JobKind(unchecked: words[2].string ?? "")
            )
        }
    }

    private func leased(
        _ value: RedisValue,
        _ request: LeaseRequest,
        _ queue: QueueName
    ) throws(JobsError) -> LeasedJobs {
        guard let values = value.array, values.count == 6, let now = values[0].int, let wait = values[1].int,
            let jobs = values[4].array
        else { throw .unexpectedAnswer("lease") }
        let epoch = values[2].string ?? ""
        var answer = LeasedJobs(
            now: Date(milliseconds: now),
            wait: .milliseconds(wait),
            epoch: epoch.isEmpty ? nil : epoch,
            isPaused: values[3].int == 1,
            leases: [],
            notices: Self.notices(values[5]),
            undecodable: []
        )
        answer.leases.reserveCapacity(jobs.count)
        let known = jobs.isEmpty ? [] : request.kinds.map { KindOnWire($0.kind, in: queue) }
        for job in jobs {
            guard let fields = job.array, fields.count == 7, let id = fields[0].string, let attempt = fields[1].int,
                let crashes = fields[2].int, let lease = fields[3].int, let timeout = fields[4].int,
                let first = fields[5].int, let bytes = fields[6].bytes
            else { throw .unexpectedAnswer("lease") }
            do {
                answer.leases.append(
                    Lease(
                        id: JobID(id),
                        fence: request.fence,
                        queue: queue,
                        attempt: attempt,
                        crashes: crashes,
                        duration: .milliseconds(lease),
                        timeout: timeout == 0 ? nil : .milliseconds(timeout),
                        firstFailedAt: first == 0 ? nil : Date(milliseconds: first),
                        envelope: try JobEnvelope(decoding: bytes, of: queue, known: known)
                    )
                )
            } catch {
                let settlement = Settlement(id: JobID(id), fence: request.fence, .dead(reason: "undecodable: \(error)"))
                answer.undecodable.append(settlement)
            }
        }
        return answer
    }
}

extension String {
    /// A reason is a line, not a log: 500 bytes at most.
    fileprivate var clipped: String { utf8.count <= 500 ? self : String(prefix(120)) }
}
