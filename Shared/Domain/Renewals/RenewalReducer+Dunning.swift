import Foundation

// Declines and their end; cancellation; a person's word.

extension RenewalReducer.Turn {
    mutating func declined(_ index: Int, _ decline: ChargeDecline) {
        switch state.attempts[index].state {
        case .captured, .declined, .duplicate, .forgone: return
        default: break
        }
        let key = state.attempts[index].key
        settle(index, .declined)
        state.attempts[index].decline = decline
        if decline.fault == .merchant { commands.append(.alarm(.merchantRefused(key, decline))) }

        guard let period = periodIndex(key.period) else { return }
        if state.periods[period].status == .paid, state.periods[period].isUnlinked { return reopen(period, key) }
        guard runs, key.period == state.current, state.periods[period].status == .due else { return }
        if rules.holds(.attemptNumber) {
            // A late word of an attempt whose step is spent, or whose place another one has taken, spends nothing.
            guard key.number > state.periods[period].step,
                replacement(of: key.period, number: key.number) == key.seq + 1
            else { return }
            spendStep(key.number, of: period, decline)
        } else {
            spendStep(state.periods[period].step + 1, of: period, decline)
        }
    }

    /// PayPal refused the invoice for the sake of a payment that it has now declined: nothing paid the period after all.
    private mutating func reopen(_ period: Int, _ key: ChargeAttempt.Key) {
        state.periods[period].status = .review
        state.periods[period].isUnlinked = false
        commands.append(.alarm(.unpaidAfterAll(key)))
    }

    /// Day 3 and day 7 count from the first decline, whenever the one before was; then it is over.
    mutating func spendStep(_ number: Int, of period: Int, _ decline: ChargeDecline) {
        state.periods[period].step = number
        let first = state.firstDeclinedAt ?? now
        state.firstDeclinedAt = first
        var nextTry: Date?
        if number <= times.dunning.count {
            state.status = .pastDue
            nextTry = max(first + times.dunning[number - 1], now + times.pause)
        }
        state.nextActionAt = nextTry
        commands.append(
            .tell(.declined(period: state.periods[period].number, number: number, decline, nextTry: nextTry))
        )
        guard nextTry == nil else { return }
        state.status = .revoked
        state.endedAt = now
        state.periods[period].status = .exhausted
        commands.append(.tell(.revoked(period: state.periods[period].number, lastError: decline.lastError)))
    }

    // MARK: No further periods

    mutating func end(_ reason: RenewalEnd) {
        guard state.status != .revoked, state.status != .canceled || state.endedAt == nil else { return }
        state.status = .canceled
        // What was begun was begun before, whatever clock says so.
        state.endedAt = state.attempts.compactMap(\.firstSentAt).reduce(now, max)
        state.nextActionAt = nil
        for index in state.attempts.indices where state.attempts[index].state == .planned {
            settle(index, .void)
        }
        commands.append(.tell(.ended(reason)))
    }

    // MARK: A person's word

    mutating func resolve(_ number: Int, _ decision: RenewalDecision) {
        guard let period = periodIndex(number) else { return }
        let open = state.attempts.firstIndex { $0.key.period == number && $0.state.isOpen }
        // What is on its way decides itself; a person's word is for what stands still.
        if let open, state.attempts[open].state != .review { return }
        guard state.periods[period].status.isOwed else {
            if let open { close(open, of: state.periods[period], decision) }
            return
        }
        switch decision {
        case .paid(let captureID):
            if let open {
                settle(open, captureID == nil ? .duplicate : .captured)
                state.attempts[open].captureID = captureID
            } else if let captureID {
                book(captureID, for: period)
            }
            pay(period, captureID)
        case .unpaid:
            if let open { settle(open, .absent) }
            if runs, number == state.current { state.nextActionAt = now }
        case .waive:
            if let open { settle(open, .void) }
            state.periods[period].status = .waived
            if number == state.current { moveOn() }
        }
    }

    /// What was paid otherwise, as the charge that it stands for: a period is paid by one of its charges.
    private mutating func book(_ captureID: String, for period: Int) {
        let (number, step) = (state.periods[period].number, max(1, state.periods[period].step))
        let key = ChargeAttempt.Key(period: number, number: step, seq: replacement(of: number, number: step))
        state.attempts.append(ChargeAttempt(key, kind: .manual, form: state.form, at: now))
        settle(state.attempts.count - 1, .captured)
        state.attempts[state.attempts.count - 1].captureID = captureID
    }

    /// A charge in review of a period that is paid, or let go, without it: while it is open nothing that follows is charged.
    private mutating func close(_ index: Int, of period: ChargePeriod, _ decision: RenewalDecision) {
        switch decision {
        case .paid(let captureID?) where captureID != period.captureID: captured(index, captureID)
        case .paid(nil): settle(index, .duplicate)
        // The money that was found is another charge's.
        case .paid, .unpaid: settle(index, .absent)
        case .waive: settle(index, .void)
        }
    }
}
