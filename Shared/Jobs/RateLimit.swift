import Redis

/// So many in a period, spread evenly, with a burst that may come at once. `Rate(10, per: .seconds(1), burst: 5)`.
package struct Rate: Sendable, Hashable {
    package var count: Int
    package var period: Duration
    /// How many may come at once after a quiet time; 1 keeps them strictly apart.
    package var burst: Int

    package init(_ count: Int, per period: Duration, burst: Int = 1) {
        self.count = count
        self.period = period
        self.burst = burst
    }

    /// `count/period ms/burst`, as the scripts read it.
    var text: String { "\(max(1, count))/\(max(1, period.milliseconds))/\(max(1, burst))" }

    init?(text: some StringProtocol) {
        let numbers = text.split(separator: "/").compactMap { Int($0) }
        guard numbers.count == 3, numbers.allSatisfy({ $0 > 0 }) else { return nil }
        self.init(numbers[0], per: .milliseconds(numbers[1]), burst: numbers[2])
    }
}

/// A rate that processes share, for calls to somebody who counts them: one for each provider, or account.
///
/// Ask before the call, and snooze when it is refused: `case .wait(let time): return .snoozed(time)` spends no attempt.
/// A `429` of theirs goes into `hold`, so that nobody else asks meanwhile. To hold back all jobs of a kind, whatever they
/// call, give its `JobPolicy` a `rate` instead: then they do not even start.
package struct RateLimit: Sendable, Hashable {
    /// Letters, digits, `.`, `-`, `_`.
    package var name: QueueName
    /// What holds until an operator says otherwise.
    package var rate: Rate

    package init(_ name: QueueName, _ rate: Rate) {
        self.name = name
        self.rate = rate
    }
}

package enum RateAnswer: Sendable, Hashable {
    case granted
    /// Not now: worth asking again after this long.
    case wait(Duration)
}

/// How a shared rate stands.
package struct RateStatus: Sendable, Hashable {
    package var rate: Rate
    package var isOperators: Bool
    /// Until the next may come; zero: now.
    package var opensAfter: Duration
}

extension JobQueue {
    /// Asks for `count` calls at once. Time is the server's, so all processes agree.
    package func take(_ limit: RateLimit, count: Int = 1) async throws(JobsError) -> RateAnswer {
        let arguments: [RedisArgument] = ["take", .text(limit.rate.text), .int(max(1, count))]
        guard let answer = try await evaluateRate(limit.name, arguments).array, answer.count == 2,
            let wait = answer[1].int
        else { throw .unexpectedAnswer("rate") }
        return answer[0].int == 1 ? .granted : .wait(.milliseconds(wait))
    }

    /// Nobody is granted anything for this long: the other side said `Retry-After`. Never shortens what holds already.
    package func hold(_ limit: RateLimit, for duration: Duration) async throws(JobsError) {
        _ = try await evaluateRate(
            limit.name,
            ["hold", .text(limit.rate.text), .int(max(0, duration.milliseconds))]
        )
    }

    // MARK: For operators

    package func status(of limit: RateLimit) async throws(JobsError) -> RateStatus {
        guard let answer = try await evaluateRate(limit.name, ["show", .text(limit.rate.text)]).array,
            answer.count == 4, let rate = answer[1].string.flatMap({ Rate(text: $0) }), let wait = answer[3].int
        else { throw .unexpectedAnswer("rate") }
        return RateStatus(rate: rate, isOperators: answer[2].int == 1, opensAfter: .milliseconds(wait))
    }

    /// From now on, instead of what the code says; stays until it is reset.
    package func setRate(_ rate: Rate, of name: QueueName) async throws(JobsError) {
        _ = try await evaluateRate(name, ["set", .text(rate.text)])
    }

    package func resetRate(of name: QueueName) async throws(JobsError) {
        _ = try await evaluateRate(name, ["reset"])
    }

    private func evaluateRate(_ name: QueueName, _ arguments: [RedisArgument]) async throws(JobsError) -> RedisValue {
        do {
            return try await redis.evaluate(
                scripts.rate,
                keys: keys(QueueName(unchecked: "rate/\(name)")),
                arguments: arguments
            )
        } catch {
            throw .redis(error)
        }
    }
}
