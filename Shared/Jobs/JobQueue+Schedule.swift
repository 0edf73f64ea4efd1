package import Foundation
import Redis

/// A recurring entry as it stands in the queue.
package struct ScheduleEntry: Sendable, Hashable {
    package var name: String
    package var nextFire: Date
    package var isPaused: Bool
    /// Nil when a later release wrote it.
    package var timing: Schedule.Timing?
    package var overlap: Schedule.Overlap?
    package var catchUp: Schedule.CatchUp?
    package var kind: JobKind?
}

package enum FireResult: Int, Sendable {
    /// Another worker was first, or the entry has changed.
    case lost
    case fired
    /// Moved on without a job: missed, or paused.
    case passed
    /// Moved on without a job: the job of an earlier fire is not settled yet.
    case overlapped
}

extension JobQueue {
    /// Writes what a worker runs: the policies of its code, where no operator has set others, and its recurring entries.
    ///
    /// Answers the epoch, which `lease` repeats: when it changes, register again.
    package func register(
        policies: [(kind: JobKind, policy: JobPolicy)],
        schedule: [Schedule],
        on queue: QueueName
    ) async throws(JobsError) -> String {
        try await announce(queue, always: true)
        guard let now = try await evaluate(scripts.tick, on: queue).array?.first?.int.map({ Date(milliseconds: $0) })
        else {
            throw .unexpectedAnswer("tick")
        }
        var arguments: [RedisArgument] = [.text(JobID().text), .int(policies.count)]
        for (kind, policy) in policies {
            arguments += [.text(kind.text), .text("code \(policy.text)")]
        }
        for entry in schedule where shard(of: entry) == queue {
            let envelope = try entry.envelope.get()
            guard let first = entry.timing.next(after: now) else {
                throw .malformed("schedule \(entry.name) never fires")
            }
            arguments += [
                .text(entry.name), .text(ScheduleSpec(entry, kind: envelope.kind).text),
                .bytes(try envelope.encoded(for: queue)),
                .int(first.milliseconds),
            ]
        }
        let answer = try await evaluate(scripts.register, on: queue, arguments)
        guard let epoch = answer.array?.last?.string else { throw .unexpectedAnswer("register") }
        return epoch
    }

    /// Fires what is due, and answers how long until there is something to do again, and the epoch.
    ///
    /// Any number of workers may do this at a time. A fire missed by more than a minute is late: `catchUp` decides.
    package func fireDueEntries(on queue: QueueName) async throws(JobsError) -> (
        fired: [String], wait: Duration, epoch: String?
    ) {
        let answer = try await evaluate(scripts.tick, on: queue)
        guard let values = answer.array, values.count >= 3, let now = values[0].int, let wait = values[1].int else {
            throw .unexpectedAnswer("tick")
        }
        var fired: [String] = []
        var pause = wait
        for case let .array(fields) in values.dropFirst(3) {
            guard fields.count == 4, let name = fields[0].string, let expected = fields[1].int,
                let spec = ScheduleSpec(text: fields[2].string ?? ""),
                let next = spec.timing?.next(after: Date(milliseconds: now))
            else { continue }
            pause = min(pause, max(1, next.milliseconds - now))
            let fires = spec.fires(from: Date(milliseconds: expected), at: Date(milliseconds: now))
            let isPaused = fields[3].int == 1
            fired += try await fire(name, fires, isPaused: isPaused, next: next, on: queue)
        }
        let epoch = values[2].string ?? ""
        return (fired, .milliseconds(pause), epoch.isEmpty ? nil : epoch)
    }

    /// Fires one after another, until somebody else is faster. Answers the name, as often as it fired.
    private func fire(
        _ name: String,
        _ fires: [(at: Date, isWanted: Bool)],
        isPaused: Bool,
        next: Date,
        on queue: QueueName
    ) async throws(JobsError) -> [String] {
        var fired: [String] = []
        for (index, fire) in fires.enumerated() {
            let following = index + 1 < fires.count ? fires[index + 1].at : next
            let enqueues = fire.isWanted && !isPaused
            switch try await self.fire(name, expected: fire.at, next: following, enqueues: enqueues, on: queue) {
            case .lost: return fired
            case .fired: fired.append(name)
            case .passed, .overlapped: break
            }
        }
        return fired
    }

    /// Moves an entry on from the fire time that the caller saw, and enqueues its job if nobody else did.
    package func fire(
        _ name: String,
        expected: Date,
        next: Date,
        enqueues: Bool,
        on queue: QueueName
    ) async throws(JobsError) -> FireResult {
        let arguments: [RedisArgument] = [
            .text(name), .int(expected.milliseconds), .int(next.milliseconds), enqueues ? 1 : 0,
        ]
        let answer = try await evaluate(scripts.fire, on: queue, arguments)
        guard let result = answer.int.flatMap(FireResult.init) else { throw .unexpectedAnswer("fire") }
        return result
    }

    // MARK: For operators

    package func schedule(of queue: QueueName) async throws(JobsError) -> [ScheduleEntry] {
        guard let values = try await evaluate(scripts.schedule, on: queue, ["list"]).array else {
            throw .unexpectedAnswer("schedule")
        }
        return values.dropFirst().compactMap { value in
            guard let fields = value.array, fields.count == 4, let name = fields[0].string, let next = fields[1].int
            else {
                return nil
            }
            let spec = ScheduleSpec(text: fields[2].string ?? "")
            return ScheduleEntry(
                name: name,
                nextFire: Date(milliseconds: next),
                isPaused: fields[3].int == 1,
                timing: spec?.timing,
                overlap: spec?.overlap,
                catchUp: spec?.catchUp,
                kind: spec.map { JobKind(unchecked: $0.kind) }
            )
        }
    }

    /// A paused entry passes its fires without a job. False when there is no such entry.
    @discardableResult
    package func pauseEntry(_ name: String, on queue: QueueName) async throws(JobsError) -> Bool {
        try await change("pause", name, queue)
    }

    @discardableResult
    package func resumeEntry(_ name: String, on queue: QueueName) async throws(JobsError) -> Bool {
        try await change("resume", name, queue)
    }

    /// Makes it fire at the next tick, besides its usual times.
    @discardableResult
    package func fireEntryNow(_ name: String, on queue: QueueName) async throws(JobsError) -> Bool {
        try await change("due", name, queue)
    }

    @discardableResult
    package func removeEntry(_ name: String, on queue: QueueName) async throws(JobsError) -> Bool {
        try await change("remove", name, queue)
    }

    private func change(_ what: RedisArgument, _ name: String, _ queue: QueueName) async throws(JobsError) -> Bool {
        try await evaluate(scripts.schedule, on: queue, [what, .text(name)]).int == 1
    }
}
