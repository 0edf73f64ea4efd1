import Redis

/// What a look at the whole queue found.
package struct QueueVerdict: Sendable, Hashable {
    /// What can be wrong; verify.lua says what is done about each.
    package enum Fault: String, Sendable, Hashable, CaseIterable {
        /// A body that no place mentions.
        case lost
        /// A place that mentions a job without a body.
        case bodiless
        /// A job in two places.
        case twice
        /// Running without a fence, or a fence without running.
        case unleased
        /// A group's slots counted wrong, so that it stands still or runs too wide.
        case group
        /// A state or a reason that is kept for no job.
        case state
        case parked, rated, bytes
        /// A unique key that its job should hold.
        case unique
    }

    package struct Finding: Sendable, Hashable {
        package var fault: Fault
        /// Of a job, a group or a kind.
        package var name: String
        package var more: String

        package init(fault: Fault, name: String, more: String) {
            self.fault = fault
            self.name = name
            self.more = more
        }
    }

    package var jobs: Int
    package var counts: [Fault: Int]
    /// The first 200.
    package var findings: [Finding]
    package var isClean: Bool { counts.isEmpty }
}

extension JobQueue {
    /// Compares every body with what should mention it, and the reverse, in one atomic look. With `repairs` the indexes are
    /// put right, from the bodies: nothing is deleted but what has no body.
    ///
    /// It holds Redis for about 4 µs a job; with more than `limit` jobs it throws a `LARGE` of the server's and does not look.
    package func verify(
        _ queue: QueueName,
        repairs: Bool = false,
        limit: Int = 250_000
    ) async throws(JobsError) -> QueueVerdict {
        let answer = try await evaluate(scripts.verify, on: queue, [repairs ? 1 : 0, .int(limit)])
        guard let values = answer.array, values.count >= 3, let jobs = values[1].int,
            let sums = values[2].dictionary
        else { throw .unexpectedAnswer("verify") }
        var counts: [QueueVerdict.Fault: Int] = [:]
        for (what, count) in sums {
            guard let fault = QueueVerdict.Fault(rawValue: what), let count = count.int else {
                throw .unexpectedAnswer("verify")
            }
            counts[fault] = count
        }
        let findings = values.dropFirst(3).compactMap { value -> QueueVerdict.Finding? in
            guard let words = value.array, words.count == 3,
                let fault = QueueVerdict.Fault(rawValue: words[0].string ?? "")
            else { return nil }
            return QueueVerdict.Finding(fault: fault, name: words[1].string ?? "", more: words[2].string ?? "")
        }
        return QueueVerdict(jobs: jobs, counts: counts, findings: findings)
    }
}
