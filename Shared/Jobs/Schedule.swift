package import Foundation

/// A recurring entry: what is enqueued when. It lives in the queue, is written there by every worker that lists it, and is
/// fired by whichever worker looks first: once, however many look.
///
/// An entry is known by its name, the kind unless given. Registered with another timing, it moves to that; an entry that
/// no worker lists any more goes on until an operator removes it.
package struct Schedule: Sendable {
    package enum Timing: Sendable, Hashable {
        /// Multiples of the interval since 1970, so `.every(.seconds(3600))` is on the hour.
        case every(Duration)
        case cron(CronExpression, TimeZone)
    }

    package enum Overlap: String, Sendable, Hashable, Codable {
        /// A fire passes without a job while the job of an earlier one waits, runs or is retried.
        case skip
        case allow
    }

    package enum CatchUp: String, Sendable, Hashable, Codable {
        /// Fires missed while no worker looked are lost.
        case none
        /// One job stands for all that were missed.
        case latest
    }

    package let name: String
    package let timing: Timing
    package let overlap: Overlap
    package let catchUp: CatchUp
    package let queue: QueueName
    let envelope: Result<JobEnvelope, JobsError>

    package init<J: Job>(
        _ timing: Timing,
        _ job: J,
        name: String? = nil,
        overlap: Overlap = .skip,
        catchUp: CatchUp = .latest
    ) {
        let name = name ?? J.kind.text
        self.name = name
        self.timing = timing
        self.overlap = overlap
        self.catchUp = catchUp
        queue = J.queue
        envelope = Result { () throws(JobsError) in
            var envelope = try JobEnvelope(job)
            if overlap == .skip, envelope.uniqueKey == nil {
                envelope.uniqueKey = "schedule/\(name)"
                envelope.uniqueness = .untilSettled
            }
            return envelope
        }
    }

    package static func every(_ interval: Duration, _ job: some Job, name: String? = nil) -> Schedule {
        Schedule(.every(interval), job, name: name)
    }

    package static func hourly(_ job: some Job, name: String? = nil) -> Schedule {
        Schedule(.every(.seconds(3600)), job, name: name)
    }

    /// For expressions in code; one that is none is a mistake of ours.
    package static func cron(
        _ expression: String,
        _ zone: TimeZone = .gmt,
        _ job: some Job,
        name: String? = nil,
        overlap: Overlap = .skip,
        catchUp: CatchUp = .latest
    ) -> Schedule {
        guard let cron = CronExpression(expression) else { preconditionFailure("not a cron expression: \(expression)") }
        return Schedule(.cron(cron, zone), job, name: name, overlap: overlap, catchUp: catchUp)
    }
}

extension Schedule.Timing {
    /// The first fire after `date`.
    package func next(after date: Date) -> Date? {
        switch self {
        case .every(let interval):
            let step = max(1, interval.milliseconds)
            let now = date.milliseconds
            let passed = now >= 0 ? now / step : (now - step + 1) / step
            return Date(milliseconds: (passed + 1) * step)
        case .cron(let expression, let zone):
            return expression.next(after: date, in: zone)
        }
    }
}

// MARK: As it stands in the queue

/// What the queue knows of an entry besides its job, as JSON with sorted keys.
struct ScheduleSpec: Codable, Sendable, Hashable {
    /// Milliseconds.
    var every: Int?
    var cron: String?
    var zone: String?
    var overlap: Schedule.Overlap
    var catchUp: Schedule.CatchUp
    /// For people.
    var kind: String

    init(_ schedule: Schedule, kind: JobKind) {
        switch schedule.timing {
        case .every(let interval): every = interval.milliseconds
        case .cron(let expression, let zone):
            cron = expression.description
            self.zone = zone.identifier
        }
        overlap = schedule.overlap
        catchUp = schedule.catchUp
        self.kind = kind.text
    }

    /// Nil when the text is of a release that knows more than this one.
    init?(text: String) {
        // Because what is not ours to read is somebody else's to fire.
        guard let spec = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else { return nil }
        self = spec
    }

    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Because strings and integers always encode.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    var timing: Schedule.Timing? {
        if let every, every > 0 { return .every(.milliseconds(every)) }
        guard let cron = cron.flatMap(CronExpression.init), let zone = TimeZone(identifier: zone ?? "GMT") else {
            return nil
        }
        return .cron(cron, zone)
    }
}
