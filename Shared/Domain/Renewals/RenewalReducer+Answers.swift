import Foundation

// What is learned, and what follows. Facts count from whoever learned them; not knowing counts only from who holds the fence.

extension RenewalReducer.Turn {
    mutating func answered(_ key: ChargeAttempt.Key, _ fence: Int, _ answer: ChargeAnswer) {
        guard let index = index(key) else { return }
        switch answer {
        case .fact(let fact): return apply(fact, to: index)
        case .duplicateInvoice:
            if rules.holds(.duplicateInvoice) { return duplicate(index) }
            return apply(.declined(ChargeDecline(fault: .buyer, issue: "DUPLICATE_INVOICE_ID")), to: index)
        case .unknown where !rules.holds(.outageNotDecline):
            return apply(.declined(ChargeDecline(fault: .buyer, status: 503)), to: index)
        default: break
        }

        guard state.attempts[index].fence == fence, state.attempts[index].state == .sending else { return }
        state.attempts[index].leaseUntil = nil
        switch answer {
        case .mismatch:
            state.attempts[index].state = .review
            commands.append(.alarm(.mismatch(key)))
        case .notDone(let retryAfter):
            notDone(index, retryAfter)
        case .orderGone:
            state.attempts[index].onlyLookUp = true
            state.attempts[index].orderID = nil
            doubt(index)
        case .unknown(let order):
            state.attempts[index].orderID = order ?? state.attempts[index].orderID
            doubt(index)
        case .fact, .duplicateInvoice: break
        }
    }

    mutating func ordered(_ key: ChargeAttempt.Key, _ fence: Int, _ order: String) {
        guard let index = index(key), state.attempts[index].fence == fence, state.attempts[index].state == .sending
        else { return }
        state.attempts[index].orderID = order
    }

    mutating func lookedUp(_ key: ChargeAttempt.Key, _ fence: Int, _ finding: ChargeFinding) {
        guard let index = index(key) else { return }
        if case .fact(let fact) = finding { return apply(fact, to: index) }
        guard state.attempts[index].fence == fence, state.attempts[index].state.isInDoubt,
            state.attempts[index].state != .review
        else { return }
        state.attempts[index].leaseUntil = nil
        state.attempts[index].probeAt = now + times.pause
        // What PayPal has taken under advisement is in no search, and comes to an end by itself.
        if state.attempts[index].state == .settling { return }
        switch finding {
        case .fact, .unavailable: break
        case .nothing(let until):
            guard let last = state.attempts[index].lastSentAt else { return absent(index) }
            if until >= last + times.searchMargin { absent(index) }
        case .unable:
            unable(index)
        }
    }

    // MARK: Not knowing

    private mutating func doubt(_ index: Int) {
        state.attempts[index].state = .indeterminate
        state.attempts[index].probeAt = now + times.pause
    }

    private mutating func notDone(_ index: Int, _ retryAfter: Double?) {
        state.attempts[index].doubts -= 1
        state.attempts[index].probeAt = now + max(1, retryAfter ?? times.pause)
        if state.attempts[index].doubts > 0 {
            state.attempts[index].state = .indeterminate
        } else {
            state.attempts[index].state = .planned
            state.attempts[index].firstSentAt = nil
        }
    }

    /// Nothing was captured: the period may be charged by another attempt of the same step.
    private mutating func absent(_ index: Int) {
        settle(index, .absent)
        let key = state.attempts[index].key
        guard runs, key.period == state.current, period(of: index)?.status == .due else { return }
        if key.seq < times.replacements {
            if state.attempts[index].kind == .scheduled { state.nextActionAt = now }
        } else {
            review(index)
        }
    }

    private mutating func unable(_ index: Int) {
        let isOwed = period(of: index)?.status == .due && runs
        if isOwed, state.guardsInvoices {
            // Whatever was captured, PayPal refuses the next one by its invoice id, and that is the proof.
            return absent(index)
        }
        // A webhook may yet tell.
        if !isOwed, let last = state.attempts[index].lastSentAt, now.timeIntervalSince(last) < 4 * times.pause {
            return
        }
        review(index)
    }

    private mutating func review(_ index: Int) {
        state.attempts[index].state = .review
        state.attempts[index].settledAt = nil
        commands.append(.alarm(.unprovable(state.attempts[index].key)))
    }

    private func period(of index: Int) -> ChargePeriod? { state.period(state.attempts[index].key.period) }

    mutating func settle(_ index: Int, _ outcome: ChargeAttempt.State) {
        state.attempts[index].state = outcome
        state.attempts[index].leaseUntil = nil
        state.attempts[index].settledAt = now
    }

    // MARK: Facts

    mutating func apply(_ fact: ChargeFact, to index: Int) {
        switch fact {
        case .captured(let id, let order):
            state.attempts[index].orderID = order ?? state.attempts[index].orderID
            captured(index, id)
        case .settling(let order):
            guard state.attempts[index].state.isOpen else { return }
            state.attempts[index].state = .settling
            state.attempts[index].orderID = order ?? state.attempts[index].orderID
            state.attempts[index].leaseUntil = nil
            state.attempts[index].probeAt = now + times.pause
        case .declined(let decline):
            declined(index, decline)
        }
    }

    mutating func captured(_ index: Int, _ captureID: String) {
        let key = state.attempts[index].key
        let wasKnown = state.attempts[index].state == .captured
        settle(index, .captured)
        state.attempts[index].captureID = captureID
        guard let period = periodIndex(key.period) else { return }
        if state.periods[period].status == .paid {
            link(period, captureID)
        } else {
            pay(period, captureID)
            // Who is being activated has not ended: whether it comes to that is seen a day later.
            if !runs, state.status != .activating, !wasKnown {
                commands.append(.alarm(.capturedAfterEnd(key, captureID: captureID)))
            }
        }
    }

    private mutating func duplicate(_ index: Int) {
        guard state.attempts[index].state.isOpen else { return }
        settle(index, .duplicate)
        guard let period = periodIndex(state.attempts[index].key.period), state.periods[period].status != .paid else {
            return
        }
        pay(period, nil)
    }

    /// A paid period learns by which capture, or that there are two.
    private mutating func link(_ period: Int, _ captureID: String) {
        if let known = state.periods[period].captureID {
            guard known != captureID else { return }
            let number = state.periods[period].number
            commands.append(.alarm(.chargedTwice(period: number, captureID: known, and: captureID)))
        } else {
            state.periods[period].captureID = captureID
            state.periods[period].isUnlinked = false
        }
    }

    mutating func pay(_ period: Int, _ captureID: String?) {
        state.periods[period].status = .paid
        state.periods[period].captureID = captureID
        state.periods[period].isUnlinked = captureID == nil
        let number = state.periods[period].number
        commands.append(.tell(.paid(period: number, captureID: captureID)))
        if number == state.current { moveOn() }
    }

    /// To the next period that nobody has decided about.
    mutating func moveOn() {
        guard state.status.renews, state.endedAt == nil else { return }
        state.current = state.frontier
        state.status = .active
        state.firstDeclinedAt = nil
        // One charge an hour at most, also when the next one is due already.
        state.nextActionAt = state.due(state.current).map { $0 <= now ? now + times.pause : $0 }
    }
}
