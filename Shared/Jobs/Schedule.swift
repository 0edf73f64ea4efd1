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

    /// What becomes of fires that were missed while no worker looked.
    package enum CatchUp: Sendable, Hashable {
        case none
        /// One job stands for all that were missed.
        case latest
        /// Each is a job of its own, the latest `atMost` of them. For entries that may overlap: else only the first is one.
        case all(atMost: Int)
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

    /// Throws when its job cannot be encoded or it never fires: better at the start than in the queue.
    func check() throws(JobsError) {
        _ = try envelope.get().encoded(for: queue)
        guard timing.next(after: Date()) != nil else { throw .malformed("schedule \(name) never fires") }
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

/// `none`, `latest` or `all:24`.
extension Schedule.CatchUp: Codable {
    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        switch text {
        case "none": self = .none
        case "latest": self = .latest
        default:
            guard text.hasPrefix("all:"), let count = Int(text.dropFirst(4)), count > 0 else {
                throw JobsError.malformed("catch-up")
            }
            self = .all(atMost: count)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    package var text: String {
        switch self {
        case .none: "none"
        case .latest: "latest"
        case .all(let count): "all:\(max(1, count))"
        }
    }
}

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

extension ScheduleSpec {
    /// The steps by which an entry that stands at `expected` comes to now: whether each is a job. A fire that is more than
    /// a minute late was missed.
    func fires(from expected: Date, at now: Date) -> [(at: Date, isWanted: Bool)] {
        guard now.timeIntervalSince(expected) > 60 else { return [(expected, true)] }
        guard case .all(let most) = catchUp, let timing else { return [(expected, catchUp != .none)] }
        var latest: [Date] = []
        var fire: Date? = timing.first(of: most, from: expected, until: now)
        // Because an entry that fires every moment and slept for a year must not keep a worker busy with counting.
        for _ in 0..<50_000 {
            guard let at = fire, at <= now else { break }
            latest.append(at)
            if latest.count > most { latest.removeFirst() }
            fire = timing.next(after: at)
        }
        let steps = latest.map { (at: $0, isWanted: true) }
        return latest.first == expected ? steps : [(expected, false)] + steps
    }
}

extension Schedule.Timing {
    /// Where to begin to count, when only the last `most` are of interest.
    fileprivate func first(of most: Int, from expected: Date, until now: Date) -> Date? {
        guard case .every(let interval) = self else { return expected }
        let span = Double(max(1, interval.milliseconds)) / 1000 * Double(most + 1)
        return max(expected, next(after: now.addingTimeInterval(-span)) ?? expected)
    }
}
