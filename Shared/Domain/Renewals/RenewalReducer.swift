package import Foundation

/// The one place where it is decided whether, when and how often anybody is charged.
///
/// Pure: no clock, no I/O, no randomness. The worker, the webhooks, reconciliation, the operator and the simulation all
/// drive this same function; whoever calls it commits the new state before the first command is carried out.
package struct RenewalReducer: Sendable {
    package var rules: RenewalRules
    package var times: RenewalTimes

    package init(rules: RenewalRules = .all, times: RenewalTimes = RenewalTimes()) {
        self.rules = rules
        self.times = times
    }

    package func reduce(_ state: RenewalState, _ event: RenewalEvent, at now: Date) -> (RenewalState, [RenewalCommand])
    {
        var turn = Turn(state: state, rules: rules, times: times, now: now)
        turn.take(event)
        return (turn.state, turn.commands)
    }

    /// Whether a charge may still be written to the socket, `elapsed` seconds after its commit on a clock that goes on
    /// while the machine sleeps.
    package func maySend(after elapsed: Double) -> Bool {
        !rules.holds(.sendDeadline) || elapsed <= times.sendDeadline
    }

    /// One event being worked on.
    struct Turn {
        var state: RenewalState
        let rules: RenewalRules
        let times: RenewalTimes
        let now: Date
        var commands: [RenewalCommand] = []

        mutating func take(_ event: RenewalEvent) {
            switch event {
            case .wake: wake()
            case .chargeFirst: chargeFirst()
            case .chargeNow(let period): chargeNow(period)
            case .answered(let key, let fence, let answer): answered(key, fence, answer)
            case .ordered(let key, let fence, let order): ordered(key, fence, order)
            case .lookedUp(let key, let fence, let finding): lookedUp(key, fence, finding)
            case .learned(let key, let fact):
                if let index = index(key) { apply(fact, to: index) }
            case .end(let reason): end(reason)
            case .resolve(let period, let decision): resolve(period, decision)
            }
            // Whatever was settled, by whomever: what runs is looked at again.
            if state.nextActionAt == nil, runs, openIndex == nil { state.nextActionAt = earliest.map { max($0, now) } }
        }

        // MARK: Finding one's way

        func index(_ key: ChargeAttempt.Key) -> Int? { state.attempts.firstIndex { $0.key == key } }
        func periodIndex(_ number: Int) -> Int? { state.periods.firstIndex { $0.number == number } }
        var openIndex: Int? { state.attempts.firstIndex { $0.state.isOpen } }

        func replacement(of period: Int, number: Int) -> Int {
            var next = 0
            for attempt in state.attempts where attempt.key.period == period && attempt.key.number == number {
                next = max(next, attempt.key.seq + 1)
            }
            return next
        }

        /// Whether the subscription may be charged at all.
        var runs: Bool { state.status.renews && state.isConnected && state.endedAt == nil }
    }
}
