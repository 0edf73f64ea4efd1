import Foundation

// When something is sent, and when it is only looked up.

extension RenewalReducer.Turn {
    mutating func wake() {
        if state.endedAt == nil, state.status.renews, !state.isConnected { end(.disconnected) }
        if let open = openIndex {
            attend(to: open)
            if rules.holds(.oneOpenAttempt) || !commands.isEmpty { return }
        }
        guard !rules.holds(.lastLook) || runs, let earliest else { return }
        if earliest > now { return state.nextActionAt = earliest }
        guard !runs || (state.nextActionAt ?? .distantFuture) <= now else { return }
        plan()
    }

    /// Before this the current period is not charged, whatever else says it is time: it is not due, or dunning waits.
    var earliest: Date? {
        guard let due = state.due(state.current) else { return nil }
        guard let step = period(state.current)?.step, step > 0, step <= times.dunning.count,
            let first = state.firstDeclinedAt
        else { return due }
        return max(due, first + times.dunning[step - 1])
    }

    private func period(_ number: Int) -> ChargePeriod? { state.period(number) }

    // MARK: A new attempt

    private mutating func plan() {
        guard let period = currentPeriod() else { return }
        let number = state.periods[period].step + 1
        guard state.periods[period].status == .due, number <= times.dunning.count + 1 else { return }
        if number > 1, let (decline, at) = state.lastDecline,
            decline.forbidsTrying(at: now.timeIntervalSince1970, declinedAt: at.timeIntervalSince1970)
        {
            return forgo(period, number, decline)
        }
        let key = ChargeAttempt.Key(
            period: state.current,
            number: number,
            seq: replacement(of: state.current, number: number)
        )
        state.attempts.append(ChargeAttempt(key, form: state.form, at: now))
        send(state.attempts.count - 1)
    }

    /// The period to be charged; made when it comes due, with those that came due after it.
    private mutating func currentPeriod() -> Int? {
        if let index = periodIndex(state.current) { return index }
        guard state.current == state.frontier, let due = state.due(state.current) else { return nil }
        state.periods.append(ChargePeriod(number: state.current, dueAt: due))
        let index = state.periods.count - 1
        state.frontier += 1
        setAsideOverdue()
        return index
    }

    /// After an outage of ours one period is charged, and a person decides about the others: nobody wants three charges in
    /// a minute, nobody wants to lose them silently.
    private mutating func setAsideOverdue() {
        let first = state.frontier
        while state.frontier - first < Self.mostSetAside, let due = state.due(state.frontier), due <= now {
            state.periods.append(ChargePeriod(number: state.frontier, dueAt: due, status: .review))
            state.frontier += 1
        }
        if state.frontier > first { commands.append(.alarm(.overdue(periods: first...(state.frontier - 1)))) }
    }

    /// A daily subscription that was forgotten for three years is a case for more than one look.
    private static let mostSetAside = 1000

    private mutating func forgo(_ period: Int, _ number: Int, _ decline: ChargeDecline) {
        let key = ChargeAttempt.Key(
            period: state.current,
            number: number,
            seq: replacement(of: state.current, number: number)
        )
        var attempt = ChargeAttempt(key, at: now)
        attempt.state = .forgone
        attempt.decline = decline
        attempt.settledAt = now
        state.attempts.append(attempt)
        spendStep(number, of: period, decline)
    }

    // MARK: An open attempt

    private mutating func attend(to index: Int) {
        let attempt = state.attempts[index]
        if attempt.state == .review { return }
        if let lease = attempt.leaseUntil, lease > now { return }
        if attempt.state != .sending, attempt.probeAt > now { return }
        switch attempt.state {
        case .planned: send(index)
        case .settling: lookUp(index)
        default: mayAskAgain(attempt) ? send(index) : lookUp(index)
        }
    }

    /// Whether PayPal would still answer with the outcome of the first sending.
    private func mayAskAgain(_ attempt: ChargeAttempt) -> Bool {
        if attempt.onlyLookUp { return false }
        if attempt.form == .twoStep { return true }
        guard rules.holds(.ttlLookup), let first = attempt.firstSentAt else { return true }
        return now.timeIntervalSince(first) < times.askingAgain
    }

    /// The last look, and with the same commit the note that it is being sent.
    private mutating func send(_ index: Int) {
        if rules.holds(.lastLook), !mayBeCharged(state.attempts[index]) { return giveUp(index) }
        dispatch(index)
    }

    private mutating func dispatch(_ index: Int) {
        state.attempts[index].state = .sending
        state.attempts[index].fence += 1
        state.attempts[index].leaseUntil = now + times.lease
        state.attempts[index].firstSentAt = state.attempts[index].firstSentAt ?? now
        state.attempts[index].lastSentAt = now
        state.attempts[index].sends += 1
        state.attempts[index].doubts += 1
        commands.append(.send(state.attempts[index].key, fence: state.attempts[index].fence))
    }

    private func mayBeCharged(_ attempt: ChargeAttempt) -> Bool {
        guard runs, let period = period(attempt.key.period) else { return false }
        return period.status == .due || (period.status == .review && attempt.kind == .manual)
    }

    /// It must not be sent any more. What may have been sent already is looked up.
    private mutating func giveUp(_ index: Int) {
        if state.attempts[index].doubts == 0 {
            settle(index, .void)
        } else {
            lookUp(index)
        }
    }

    private mutating func lookUp(_ index: Int) {
        if state.attempts[index].state == .sending { state.attempts[index].state = .indeterminate }
        state.attempts[index].fence += 1
        state.attempts[index].leaseUntil = now + times.lease
        commands.append(.lookUp(state.attempts[index].key, fence: state.attempts[index].fence))
    }

    // MARK: The first charge

    /// Only a shop's asking sends it, the first time and again: nobody is charged for what was called off. What became of it
    /// is found out like that of any other.
    mutating func chargeFirst() {
        guard state.status == .activating, state.isConnected, state.endedAt == nil else { return }
        if let open = openIndex {
            switch state.attempts[open].state {
            // A repeat beside one that is under way is the same request, and PayPal answers both alike.
            case .planned, .sending, .indeterminate: if mayAskAgain(state.attempts[open]) { dispatch(open) }
            default: break
            }
            return
        }
        if periodIndex(0) == nil {
            guard state.frontier == 0 else { return }
            state.periods.append(ChargePeriod(number: 0, dueAt: now))
            state.frontier = 1
        }
        guard period(0)?.status == .due else { return }
        let key = ChargeAttempt.Key(period: 0, number: 1, seq: replacement(of: 0, number: 1))
        state.attempts.append(ChargeAttempt(key, at: now))
        dispatch(state.attempts.count - 1)
    }

    // MARK: An operator's wish

    mutating func chargeNow(_ number: Int) {
        guard runs, openIndex == nil, let index = periodIndex(number), state.periods[index].status.isOwed,
            state.periods[index].dueAt <= now
        else { return }
        // The number of the step that is spent: another decline of it spends no more.
        let step = max(1, state.periods[index].step)
        let key = ChargeAttempt.Key(period: number, number: step, seq: replacement(of: number, number: step))
        state.attempts.append(ChargeAttempt(key, kind: .manual, form: state.form, at: now))
        send(state.attempts.count - 1)
    }
}
