import Domain
import Foundation

// The verdict: PayPal's ledger against what our side believes and told.

extension Simulation {
    func judge() -> [String] {
        var found = paypal.complaints
        for subject in subjects.indices {
            found += charges(of: subject)
            found += periods(of: subject)
            found += revoke(of: subject)
            if reducer.rules.holds(.oneOpenAttempt), subjects[subject].openAtOnce > 1 {
                found.append("I7 subscription \(subject) had \(subjects[subject].openAtOnce) open attempts at once")
            }
        }
        return found
    }

    private func captures(of subject: Int) -> [ModelPayPal.Capture] {
        paypal.captures.filter { $0.subscription == subject }
    }

    /// I1, I3, I4, I9, I11.
    private func charges(of subject: Int) -> [String] {
        var found: [String] = []
        let state = subjects[subject].state
        var ledger: [Int: [ModelPayPal.Capture]] = [:]
        for capture in captures(of: subject) { ledger[capture.key.period, default: []].append(capture) }
        for (period, captures) in ledger.sorted(by: { $0.key < $1.key }) {
            if captures.count > 1 { found.append("I1 period \(subject).\(period) was charged \(captures.count) times") }
            let row = state.period(period)
            let isBeingSettled = state.attempts.contains { $0.key.period == period && $0.state.isInDoubt }
            if row?.status != .paid, !isBeingSettled {
                found.append("I3 period \(subject).\(period) was charged and is \(row?.status.rawValue ?? "unknown")")
            }
            if let known = row?.captureID, !captures.contains(where: { $0.id == known }) {
                found.append("I3 period \(subject).\(period) names a capture that is another's")
            }
        }
        for row in state.periods {
            if row.status == .paid, !row.isUnlinked, ledger[row.number] == nil {
                found.append("I3 period \(subject).\(row.number) counts as paid without money")
            }
            let told = subjects[subject].told[row.number] ?? 0
            // In review again: it was told, and PayPal took it back.
            if told != (row.status == .paid ? 1 : 0), row.status != .review {
                found.append("I9 the payment of period \(subject).\(row.number) was told \(told) times")
            }
        }
        if let ended = subjects[subject].endedAt {
            for capture in captures(of: subject) where capture.at > ended {
                guard let first = state.attempt(capture.key)?.firstSentAt, Self.time(first) <= ended else {
                    found.append("I4 period \(subject).\(capture.key.period) was charged after the end")
                    continue
                }
            }
        }
        return found
    }

    /// I2, I10.
    private func periods(of subject: Int) -> [String] {
        var found: [String] = []
        let state = subjects[subject].state
        for attempt in state.attempts where attempt.state == .sending || attempt.state == .indeterminate {
            if let last = attempt.lastSentAt, now - Self.time(last) > 12 * Self.hour {
                found.append("I10 \(attempt.key) of \(subject) is still \(attempt.state.rawValue)")
            }
        }
        guard state.status.renews else { return found }
        var number = subjects[subject].firstPeriod
        while let due = state.due(number), Self.time(due) <= now - 2 * Self.day {
            let row = state.period(number)
            let isWorkedOn = state.attempts.contains { $0.key.period == number && $0.state.isOpen }
            let isDunned = (row?.step ?? 0) > 0 && (state.nextActionAt.map(Self.time) ?? 0) > now - 2 * Self.day
            let isBehind = number >= state.current && isHeldUp(subject)
            if row == nil || row?.status == .due, !isWorkedOn, !isDunned, !isBehind {
                found.append("I2 period \(subject).\(number) was skipped")
            }
            number += 1
        }
        return found
    }

    /// Later periods wait while an earlier one is dunned, or waits for a person or for PayPal.
    private func isHeldUp(_ subject: Int) -> Bool {
        let state = subjects[subject].state
        if state.attempts.contains(where: { $0.state == .review || $0.state == .settling }) { return true }
        let isDunned = (state.period(state.current)?.step ?? 0) > 0
        // One an hour when many are overdue.
        return isDunned || (state.nextActionAt.map(Self.time) ?? 0) > now - Self.hour * 3
    }

    /// I5.
    private func revoke(of subject: Int) -> [String] {
        let state = subjects[subject].state
        guard state.status == .revoked else {
            return subjects[subject].revokes > 0 ? ["I5 subscription \(subject) was revoked and is not"] : []
        }
        var found: [String] = []
        if subjects[subject].revokes != 1 { found.append("I5 subscription \(subject) was revoked more than once") }
        let period = state.current
        if captures(of: subject).contains(where: { $0.key.period == period }) {
            found.append("I5 subscription \(subject) was revoked although period \(period) is paid")
        }
        let refusals = paypal.refusals.filter { $0.subscription == subject && $0.key.period == period }
        let forgone = state.attempts.filter { $0.key.period == period && $0.state == .forgone }
        let numbers = Set(refusals.map(\.key.number)).union(forgone.map(\.key.number))
        if numbers.count < 3 || (refusals.isEmpty || (!forgone.isEmpty && !refusals.contains { $0.isFinal })) {
            found.append("I5 subscription \(subject) was revoked after declines of tries \(numbers.sorted())")
        }
        let first = state.attempts.filter { $0.key.period == period && $0.key.number == 1 }
            .compactMap { $0.state == .declined ? $0.settledAt.map(Self.time) : nil }.min()
        guard let first else { return found }
        for refusal in refusals where refusal.key.number > 1 {
            let wait = refusal.key.number == 2 ? 3 * Self.day : 7 * Self.day
            let isManual = state.attempt(refusal.key)?.kind == .manual
            if !isManual, refusal.at < first + wait - 1 {
                found.append("I5 try \(refusal.key.number) of \(subject).\(period) came early")
            }
        }
        return found
    }
}
