package import Foundation
import Redis

// What an operator sees of a queue, and does to it.

/// How a queue stands.
package struct QueueStats: Sendable, Hashable {
    package var now: Date
    /// All jobs, the dead ones too.
    package var held: Int
    package var ready: [JobPriority: Int]
    package var due: Int
    package var running: Int
    package var dead: Int
    /// By `kind@version`.
    package var parked: [String: Int]
    /// Kept back because their kind has used up its rate.
    package var limited: [String: Int]
    /// When the oldest ready job was enqueued.
    package var oldestReady: Date?
    package var nextDue: Date?
    package var isPaused: Bool
    /// Since the queue began: enqueued, done, discarded, retried, snoozed, released, dead, crashed, expired, canceled,
    /// replayed, refused, fired, archived; and `bytes`, the bytes of the envelopes held.
    package var totals: [String: Int]

    /// Jobs that wait for their group.
    package var waitingForGroup: Int {
        let kept = parked.values.reduce(0, +) + limited.values.reduce(0, +)
        return max(0, held - ready.values.reduce(0, +) - due - running - dead - kept)
    }
}

/// One job, wherever it is.
package struct JobRecord: Sendable, Hashable {
    package enum Place: String, Sendable { case waiting, parked, limited, due, running, dead }

    package var id: JobID
    package var place: Place
    /// When it is due, its lease ends, or since when it is dead.
    package var at: Date?
    package var attempt: Int
    package var crashes: Int
    package var firstFailedAt: Date?
    package var lastError: String
    /// Why it is dead.
    package var reason: String
    package var envelope: JobEnvelope
}

extension JobRecord {
    package init(_ letter: DeadLetter) {
        id = letter.id
        place = .dead
        at = letter.since
        attempt = letter.attempt
        crashes = letter.crashes
        lastError = letter.lastError
        reason = letter.reason
        envelope = letter.envelope
    }
}

/// A dead job.
package struct DeadLetter: Sendable, Hashable {
    package var id: JobID
    package var since: Date
    package var reason: String
    package var attempt: Int
    package var crashes: Int
    package var lastError: String
    /// Its payload may be cut short in a list.
    package var envelope: JobEnvelope

    package var kind: JobKind { envelope.kind }

    package init(
        id: JobID,
        since: Date,
        reason: String,
        attempt: Int,
        crashes: Int,
        lastError: String,
        envelope: JobEnvelope
    ) {
        self.id = id
        self.since = since
        self.reason = reason
        self.attempt = attempt
        self.crashes = crashes
        self.lastError = lastError
        self.envelope = envelope
    }
}

package enum ReplayResult: Sendable, Hashable {
    case replayed
    /// It is not among the dead.
    case missing
    /// That job holds its unique key now.
    case superseded(JobID)
}

package enum CancelResult: String, Sendable {
    case waiting, due
    /// Its worker hears so at the next heartbeat.
    case running
    /// It is dead and stays: discard it.
    case dead
    case missing = ""
}

extension JobQueue {
    /// No new leases from here on; what runs goes on. False when it was paused already.
    @discardableResult
    package func pause(_ queue: QueueName) async throws(JobsError) -> Bool {
        try await evaluate(scripts.pause, on: queue, [1]).int == 1
    }

    @discardableResult
    package func resume(_ queue: QueueName) async throws(JobsError) -> Bool {
        try await evaluate(scripts.pause, on: queue, [0]).int == 1
    }

    package func stats(of queue: QueueName) async throws(JobsError) -> QueueStats {
        let answer = try await evaluate(scripts.stats, on: queue)
        guard let values = answer.array, values.count == 14, let parked = values[11].dictionary,
            let totals = values[12].dictionary, let limited = values[13].dictionary
        else { throw .unexpectedAnswer("stats") }
        let numbers = values.prefix(11).map { $0.int ?? 0 }
        return QueueStats(
            now: Date(milliseconds: numbers[0]),
            held: numbers[1],
            ready: [.high: numbers[2], .normal: numbers[3], .low: numbers[4]],
            due: numbers[5],
            running: numbers[6],
            dead: numbers[7],
            parked: parked.compactMapValues(\.int),
            limited: limited.compactMapValues(\.int),
            oldestReady: numbers[8] == 0 ? nil : Date(milliseconds: numbers[8]),
            nextDue: numbers[9] == 0 ? nil : Date(milliseconds: numbers[9]),
            isPaused: numbers[10] == 1,
            totals: totals.compactMapValues(\.int)
        )
    }

    package func show(_ id: JobID, on queue: QueueName) async throws(JobsError) -> JobRecord? {
        guard let values = try await evaluate(scripts.show, on: queue, [.text(id.text)]).array else {
            throw .unexpectedAnswer("show")
        }
        guard !values.isEmpty else { return nil }
        guard values.count == 10, let place = values[1].string.flatMap(JobRecord.Place.init),
            let bytes = values[3].bytes
        else { throw .unexpectedAnswer("show") }
        let (at, first) = (values[2].int ?? 0, values[6].int ?? 0)
        return JobRecord(
            id: id,
            place: place,
            at: at == 0 ? nil : Date(milliseconds: at),
            attempt: values[4].int ?? 0,
            crashes: values[5].int ?? 0,
            firstFailedAt: first == 0 ? nil : Date(milliseconds: first),
            lastError: values[8].string ?? "",
            reason: values[9].string ?? "",
            envelope: try JobEnvelope(decoding: bytes, of: queue)
        )
    }

    /// Ids that wait in one place (`r0 r1 r2 due run dead park:<kind>@<version> rate:<kind> g:<group>`), the next to leave first.
    package func peek(
        _ place: String,
        from: Int = 0,
        count: Int = 100,
        on queue: QueueName
    ) async throws(JobsError) -> [JobID] {
        let answer = try await evaluate(
            scripts.peek,
            on: queue,
            [.text(place), .int(max(0, from)), .int(max(1, count))]
        )
        return (answer.array ?? []).compactMap { $0.string.map { JobID($0) } }
    }

    /// Takes a job out, wherever it is but among the dead. Walks the list it waits in: for operators, not for programs.
    @discardableResult
    package func cancel(_ id: JobID, on queue: QueueName) async throws(JobsError) -> CancelResult {
        let answer = try await evaluate(scripts.cancel, on: queue, [.text(id.text)])
        guard let result = answer.string.flatMap(CancelResult.init) else { throw .unexpectedAnswer("cancel") }
        return result
    }

    // MARK: Dead letters

    /// A page of dead letters, oldest first. `looked` is how many of `count` were looked at: fewer means the last page.
    package func dead(
        on queue: QueueName,
        kind: JobKind? = nil,
        since: Date = Date(timeIntervalSince1970: 0),
        from: Int = 0,
        count: Int = 100,
        withPayloads: Bool = false
    ) async throws(JobsError) -> (letters: [DeadLetter], looked: Int) {
        let arguments: [RedisArgument] = [
            .int(since.milliseconds), .int(max(0, from)), .int(max(1, count)), .text(kind?.text ?? ""),
            withPayloads ? 1 : 0,
        ]
        guard let values = try await evaluate(scripts.dead, on: queue, arguments).array, let looked = values.first?.int
        else { throw .unexpectedAnswer("dead") }
        let letters = values.dropFirst().compactMap { value -> DeadLetter? in
            // Because one letter of an unknown format must not hide the others.
            guard let fields = value.array, fields.count == 7, let id = fields[0].string, let since = fields[1].int,
                let bytes = fields[6].bytes, let envelope = try? JobEnvelope(decoding: bytes, of: queue)
            else { return nil }
            return DeadLetter(
                id: JobID(id),
                since: Date(milliseconds: since),
                reason: fields[2].string ?? "",
                attempt: fields[3].int ?? 0,
                crashes: fields[4].int ?? 0,
                lastError: fields[5].string ?? "",
                envelope: envelope
            )
        }
        return (letters, looked)
    }

    /// Makes dead letters ready again, their attempts, crashes and errors forgotten. The results are in the ids' order.
    package func replay(_ ids: [JobID], on queue: QueueName) async throws(JobsError) -> [ReplayResult] {
        var results: [ReplayResult] = []
        for start in stride(from: 0, to: ids.count, by: 500) {
            let some = ids[start..<min(start + 500, ids.count)].map { RedisArgument.text($0.text) }
            guard let values = try await evaluate(scripts.replay, on: queue, some).array, values.count == some.count
            else {
                throw .unexpectedAnswer("replay")
            }
            results += values.map { value in
                switch value {
                case .int(1): .replayed
                case .int: .missing
                default: .superseded(JobID(value.string ?? ""))
                }
            }
        }
        return results
    }

    /// Deletes dead letters for good. Answers how many there were.
    @discardableResult
    package func discard(_ ids: [JobID], on queue: QueueName) async throws(JobsError) -> Int {
        var count = 0
        for start in stride(from: 0, to: ids.count, by: 500) {
            let some = ids[start..<min(start + 500, ids.count)].map { RedisArgument.text($0.text) }
            count += try await evaluate(scripts.discard, on: queue, some).int ?? 0
        }
        return count
    }

    // MARK: Policies

    /// Every kind's policy as it holds, and whether an operator set it.
    package func policies(
        on queue: QueueName
    ) async throws(JobsError) -> [JobKind: (policy: JobPolicy, isOperators: Bool)] {
        guard let texts = try await evaluate(scripts.policy, on: queue, ["list"]).dictionary else {
            throw .unexpectedAnswer("policy")
        }
        var policies: [JobKind: (policy: JobPolicy, isOperators: Bool)] = [:]
        for (kind, value) in texts {
            let words = (value.string ?? "").split(separator: " ", maxSplits: 1)
            guard words.count == 2, let policy = JobPolicy(text: words[1]) else { continue }
            policies[JobKind(unchecked: kind)] = (policy, words[0] == "operator")
        }
        return policies
    }

    /// From now on, for jobs that are leased or fail from now on; workers that start do not change it.
    package func setPolicy(_ policy: JobPolicy, of kind: JobKind, on queue: QueueName) async throws(JobsError) {
        let text = "operator \(policy.text)"
        _ = try await evaluate(scripts.policy, on: queue, ["set", .text(kind.text), .text(text)])
    }

    /// Back to what the workers' code says, as soon as one of them looks.
    package func resetPolicy(of kind: JobKind, on queue: QueueName) async throws(JobsError) {
        _ = try await evaluate(scripts.policy, on: queue, ["reset", .text(kind.text)])
    }
}
