/// How jobs of one kind are run. It lives in the queue: the code's is written there when a worker starts, an operator's
/// edit takes its place and stays.
package struct JobPolicy: Sendable, Hashable {
    /// Runs that may fail before the job is dead, the first one included.
    package var attempts: Int
    package var backoff: Backoff
    /// How long a worker owns the job between two heartbeats; about the time after which a killed worker's job runs again.
    package var lease: Duration
    /// How long one run may take; then it is cancelled and retried. Nil: as long as it likes.
    package var timeout: Duration?
    /// Jobs older than this are dropped instead of run, counted as expired. Nil: never.
    package var expiry: Duration?
    /// Whether a job that waits for its retry keeps its group waiting too: order before progress.
    package var holdsGroup: Bool
    /// How many jobs of one group may run at a time. More than one gives up their order, never their number.
    package var groupSlots: Int
    /// How many of the kind are begun, by all workers together. The others are kept back in order and cost no attempt.
    /// Nil: as many as there are slots.
    package var rate: Rate?

    package init(
        attempts: Int = 5,
        backoff: Backoff = .exponential(from: .seconds(15)),
        lease: Duration = .seconds(30),
        timeout: Duration? = nil,
        expiry: Duration? = nil,
        holdsGroup: Bool = true,
        groupSlots: Int = 1,
        rate: Rate? = nil
    ) {
        self.attempts = attempts
        self.backoff = backoff
        self.lease = lease
        self.timeout = timeout
        self.expiry = expiry
        self.holdsGroup = holdsGroup
        self.groupSlots = groupSlots
        self.rate = rate
    }
}

/// The wait after a failure.
package enum Backoff: Sendable, Hashable {
    /// from, from × factor, from × factor², … up to a longest wait; each up to `jitter` (a share of it) shorter or longer.
    case exponential(from: Duration, factor: Double = 2, upTo: Duration = .seconds(3600), jitter: Double = 0.2)
    /// Times after the first failure, whatever happened since: dunning. The last one repeats. Each up to `jitter` later.
    case table([Duration], jitter: Double = 0)
}

// MARK: As the scripts read it

extension JobPolicy {
    /// `attempts lease timeout expiry hold slots [rate=count/period/burst] backoff…`, times in ms, 0 for none; jitter in
    /// percent.
    package var text: String {
        let backoff =
            switch backoff {
            case .exponential(let from, let factor, let cap, let jitter):
                "exp \(max(0, from.milliseconds)) \(max(1, factor)) \(max(0, cap.milliseconds)) \(percent(jitter))"
            case .table(let delays, let jitter):
                "table \(percent(jitter)) "
                    + (delays.isEmpty ? "0" : delays.map { "\(max(0, $0.milliseconds))" }.joined(separator: " "))
            }
        let numbers = [
            min(max(1, attempts), 60_000), max(1, lease.milliseconds), max(0, timeout?.milliseconds ?? 0),
            max(0, expiry?.milliseconds ?? 0), holdsGroup ? 1 : 0, max(1, groupSlots),
        ]
        return numbers.map(String.init).joined(separator: " ") + (rate.map { " rate=\($0.text)" } ?? "") + " " + backoff
    }

    /// Nil when the text is no policy of this release.
    package init?(text: some StringProtocol) {
        var words = text.split(separator: " ")
        if let rated = words.firstIndex(where: { $0.hasPrefix("rate=") }) {
            guard rated == 6, let rate = Rate(text: words.remove(at: rated).dropFirst(5)) else { return nil }
            self.rate = rate
        }
        guard words.count >= 8 else { return nil }
        let numbers = words[..<6].compactMap { Int($0) }
        guard numbers.count == 6, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
        let rest = words[7...]
        switch words[6] {
        case "exp":
            let values = rest.compactMap { Double($0) }
            guard values.count == 4, values.allSatisfy({ $0.isFinite && $0 >= 0 && $0 < 1e15 }) else { return nil }
            backoff = .exponential(
                from: .milliseconds(Int64(values[0])),
                factor: values[1],
                upTo: .milliseconds(Int64(values[2])),
                jitter: values[3] / 100
            )
        case "table":
            let values = rest.compactMap { Int($0) }
            guard values.count == rest.count, values.count >= 2, values.allSatisfy({ $0 >= 0 }) else { return nil }
            backoff = .table(values.dropFirst().map { .milliseconds($0) }, jitter: Double(values[0]) / 100)
        default: return nil
        }
        attempts = numbers[0]
        lease = .milliseconds(numbers[1])
        timeout = numbers[2] == 0 ? nil : .milliseconds(numbers[2])
        expiry = numbers[3] == 0 ? nil : .milliseconds(numbers[3])
        holdsGroup = numbers[4] == 1
        groupSlots = numbers[5]
    }
}

/// A share as whole percent, 0 to 100.
private func percent(_ share: Double) -> Int {
    share.isNaN ? 0 : Int((min(max(share, 0), 1) * 100).rounded())
}
