package import Domain
package import Foundation
package import Postgres

/// What one event made of a subscription.
package struct RenewalTurn: Sendable {
    /// As it is now, committed with the transaction.
    package var renewal: LockedRenewal
    package var commands: [RenewalCommand]
    /// What is to be sent for the attempts that this turn has begun.
    package var frozen: [ChargeAttempt.Key: FrozenBody] = [:]
}

/// An event of one subscription, on its way to the reducer.
package struct RenewalNotice: Sendable {
    package var subscription: VaultSubscription.ID
    package var event: RenewalEvent
    package var source: ChargeSource
    /// PayPal's id of the answer that says so.
    package var debugID: String?
    package var at: Date

    package init(
        _ event: RenewalEvent,
        of subscription: VaultSubscription.ID,
        from source: ChargeSource,
        debugID: String? = nil,
        at: Date
    ) {
        self.subscription = subscription
        self.event = event
        self.source = source
        self.debugID = debugID
        self.at = at
    }
}

/// Who says so.
package enum ChargeSource: String, Sendable, PostgresValue {
    case api, webhook, lookup
    case byOperator = "operator"
}

extension Transaction {
    /// Takes an event to the reducer and writes what follows, with the evidence, the alarms and what shops are told.
    ///
    /// The same function for the worker, webhooks, reconciliation and operators: there is no second road to a decision.
    /// Safe to run twice: a fact that is known changes nothing. Nil where there is no such subscription.
    /// - Parameters:
    ///   - freeze: makes the bytes of a new attempt; only who may send has it.
    @discardableResult
    package func advance(
        _ id: VaultSubscription.ID,
        _ event: RenewalEvent,
        from source: ChargeSource,
        debugID: String? = nil,
        reducer: RenewalReducer = RenewalReducer(),
        form: RenewalState.Form = .oneStep,
        at now: Date,
        freeze: (LockedRenewal, ChargeAttempt) throws -> FrozenBody? = { _, _ in nil }
    ) throws -> RenewalTurn? {
        let notice = RenewalNotice(event, of: id, from: source, debugID: debugID, at: now)
        return try advance([notice], reducer: reducer, form: form, freeze: freeze)[0]
    }

    /// The same for many at once, in few statements; the turns are in the order of the notices.
    package func advance(
        _ notices: [RenewalNotice],
        reducer: RenewalReducer,
        form: RenewalState.Form,
        freeze: (LockedRenewal, ChargeAttempt) throws -> FrozenBody? = { _, _ in nil }
    ) throws -> [RenewalTurn?] {
        try planForGrowth()
        var turns: [RenewalTurn?] = Array(repeating: nil, count: notices.count)
        var waiting = Array(notices.indices)
        // Of two notices of one subscription the second is taken to what the first has made of it.
        while !waiting.isEmpty {
            var subscriptions: Set<VaultSubscription.ID> = []
            let round = waiting.filter { subscriptions.insert(notices[$0].subscription).inserted }
            waiting.removeAll { round.contains($0) }
            let taken = try advanceTogether(round.map { notices[$0] }, reducer, form, freeze)
            for (index, turn) in zip(round, taken) { turns[index] = turn }
        }
        return turns
    }

    /// Notices of different subscriptions.
    private func advanceTogether(
        _ notices: [RenewalNotice],
        _ reducer: RenewalReducer,
        _ form: RenewalState.Form,
        _ freeze: (LockedRenewal, ChargeAttempt) throws -> FrozenBody?
    ) throws -> [RenewalTurn?] {
        let ids = notices.map(\.subscription)
        let periods = zip(ids, notices.map(\.event.period)).compactMap { id, period in period.map { (id, $0) } }
        let renewals = try lockedRenewals(ids, mentioning: Dictionary(uniqueKeysWithValues: periods), form: form)
        var changes = RenewalChanges()
        let turns = try notices.map { notice -> RenewalTurn? in
            guard var renewal = renewals[notice.subscription] else { return nil }
            let before = renewal.state
            let (state, commands) = reducer.reduce(before, notice.event, at: notice.at)
            renewal.state = state
            let frozen = try changes.add(renewal, before: before, at: notice.at, freeze: freeze)
            if let line = notice.evidence(before, state), state.attempt(line.key) != nil { changes.add(line) }
            return RenewalTurn(renewal: renewal, commands: commands, frozen: frozen)
        }
        try changes.write(to: self)
        for (notice, turn) in zip(notices, turns) {
            guard let turn else { continue }
            for case .alarm(let alarm) in turn.commands { try raise(alarm, of: notice.subscription, at: notice.at) }
        }
        try tell(zip(notices, turns).compactMap { notice, turn in turn.map { ($0, notice.at) } })
        return turns
    }

    /// What PayPal's event says of a charge of ours, found by the `custom_id` that we gave it.
    ///
    /// Nil where it is no charge of ours. A shop may write any `custom_id` into orders of its own, and it sees the invoice
    /// ids that we make: so the payment must be its own merchant's, and all that the period costs.
    @discardableResult
    package func learnOfCharge(
        customID: String,
        invoiceID: String?,
        amount: Money?,
        of merchant: Merchant.ID,
        _ fact: ChargeFact,
        from source: ChargeSource = .webhook,
        at now: Date
    ) throws -> RenewalTurn? {
        guard let id = ChargeNames.subscription(inCustomID: customID).flatMap({ VaultSubscription.ID($0) }),
            let renewal = try renewal(id), renewal.subscription.merchant == merchant,
            renewal.subscription.amount == amount,
            let key = try chargeKey(in: customID, of: id), invoiceID == renewal.names.invoiceID(period: key.period)
        else { return nil }
        return try advance(id, .learned(key, fact), from: source, at: now)
    }

    /// A first charge's name does not say which try it was: of several only the last can have come to anything.
    private func chargeKey(
        in customID: String,
        of id: VaultSubscription.ID
    ) throws(PostgresError) -> ChargeAttempt.Key? {
        if let renewal = ChargeNames.parse(customID: customID) { return renewal.key }
        return try chargeAttempts(of: id, in: [0]).last?.key
    }

    package func raise(_ alarm: RenewalAlarm, of id: VaultSubscription.ID, at now: Date) throws(PostgresError) {
        try run(
            """
            INSERT INTO charge_alarms (subscription, period, kind, detail, at)
            VALUES (\(id), \(alarm.period), \(alarm.kind), \(alarm.detail), \(now))
            """
        )
    }
}

extension RenewalNotice {
    fileprivate func evidence(_ before: RenewalState, _ after: RenewalState) -> ChargeEvidenceLine? {
        (event.evidence ?? event.decision(before, after)).map { key, fact in
            ChargeEvidenceLine(
                subscription: subscription,
                key: key,
                source: source,
                fact: fact.what,
                externalID: fact.externalID,
                debugID: debugID,
                at: at
            )
        }
    }
}

extension RenewalEvent {
    /// The period it speaks of.
    fileprivate var period: Int? {
        switch self {
        case .wake, .end: nil
        case .chargeFirst: 0
        case .chargeNow(let period), .resolve(let period, _): period
        case .answered(let key, _, _), .ordered(let key, _, _), .lookedUp(let key, _, _), .learned(let key, _):
            key.period
        }
    }

    fileprivate var evidence: (key: ChargeAttempt.Key, fact: (what: String, externalID: String?))? {
        switch self {
        case .wake, .chargeFirst, .end, .chargeNow, .resolve: nil
        case .ordered(let key, _, let order): (key, ("ordered", order))
        case .learned(let key, let fact): (key, fact.evidence)
        case .answered(let key, _, let answer):
            switch answer {
            case .fact(let fact): (key, fact.evidence)
            case .duplicateInvoice: (key, ("the invoice is paid already", nil))
            case .mismatch: (key, ("the answer was of another charge", nil))
            case .unknown(let order): (key, ("unknown", order))
            case .notDone: (key, ("not done", nil))
            case .orderGone: (key, ("the order is gone", nil))
            }
        case .lookedUp(let key, _, let finding):
            switch finding {
            case .fact(let fact): (key, fact.evidence)
            case .nothing: (key, ("nothing found", nil))
            case .unavailable: (key, ("could not look", nil))
            case .unable: (key, ("nothing to look with", nil))
            }
        }
    }
}

extension RenewalEvent {
    /// A person's word, kept with the charge that it settled, else with the period's last one.
    fileprivate func decision(
        _ before: RenewalState,
        _ after: RenewalState
    ) -> (key: ChargeAttempt.Key, fact: (what: String, externalID: String?))? {
        guard case .resolve(let period, let decision) = self,
            (before.periods, before.attempts) != (after.periods, after.attempts)
        else { return nil }
        let charges = after.attempts.filter { $0.key.period == period }
        guard let charge = charges.last(where: { before.attempt($0.key) != $0 }) ?? charges.last else { return nil }
        switch decision {
        case .paid(let captureID): return (charge.key, ("paid", captureID))
        case .unpaid: return (charge.key, ("nothing was taken", nil))
        case .waive: return (charge.key, ("the period is let go", nil))
        }
    }
}

extension ChargeFact {
    fileprivate var evidence: (what: String, externalID: String?) {
        switch self {
        case .captured(let id, _): ("captured", id)
        case .settling(let order): ("settling", order)
        case .declined(let decline): ("declined: \(decline.issue ?? "HTTP \(decline.status)")", nil)
        }
    }
}

extension RenewalAlarm {
    package var kind: String {
        switch self {
        case .unprovable: "unprovable"
        case .overdue: "overdue"
        case .capturedAfterEnd: "captured-after-end"
        case .chargedTwice: "charged-twice"
        case .unpaidAfterAll: "unpaid-after-all"
        case .mismatch: "mismatch"
        case .merchantRefused: "merchant-refused"
        }
    }

    fileprivate var period: Int {
        switch self {
        case .unprovable(let key), .capturedAfterEnd(let key, _), .unpaidAfterAll(let key), .mismatch(let key),
            .merchantRefused(let key, _):
            key.period
        case .overdue(let periods): periods.lowerBound
        case .chargedTwice(let period, _, _): period
        }
    }

    /// In words, with ids and without people.
    package var detail: String {
        switch self {
        case .unprovable: "nobody can prove what became of the charge"
        case .overdue(let periods):
            "periods \(periods.lowerBound) to \(periods.upperBound) came due while we could not charge"
        case .capturedAfterEnd(_, let capture): "capture \(capture) came after the subscription had ended"
        case .chargedTwice(_, let first, let second): "captures \(first) and \(second) both paid it"
        case .unpaidAfterAll: "PayPal declined the payment for which it had refused a second one"
        case .mismatch: "PayPal answered of another charge"
        case .merchantRefused(_, let decline):
            "the merchant can't receive: \(decline.issue ?? "HTTP \(decline.status)")"
        }
    }
}
