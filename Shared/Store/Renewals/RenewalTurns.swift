package import Domain
package import Foundation
package import Postgres

/// What one event made of a subscription.
package struct RenewalTurn: Sendable {
    /// As it is now, committed with the transaction.
    package var renewal: LockedRenewal
    package var commands: [RenewalCommand]
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
        guard var renewal = try lockedRenewal(id, mentioning: event.period, form: form) else { return nil }
        let before = renewal.state
        let (state, commands) = reducer.reduce(before, event, at: now)
        renewal.state = state
        if state != before {
            try save(renewal, before: before, at: now) { try freeze(renewal, $0) }
        }
        if let (key, fact) = event.evidence, state.attempt(key) != nil {
            try keepEvidence(fact, of: key, id, source, debugID: debugID, at: now)
        }
        for command in commands {
            switch command {
            case .tell(let news): try tell(news, of: renewal, at: now)
            case .alarm(let alarm): try raise(alarm, of: id, at: now)
            case .send, .lookUp: break
            }
        }
        return RenewalTurn(renewal: renewal, commands: commands)
    }

    /// What PayPal's event says of a charge of ours, found by the `custom_id` that we gave it.
    ///
    /// Nil where it is no charge of ours. A shop may write any `custom_id` into orders of its own, so the payment must be
    /// its own merchant's, and carry the invoice id that only we make.
    @discardableResult
    package func learnOfCharge(
        customID: String,
        invoiceID: String?,
        of merchant: Merchant.ID,
        _ fact: ChargeFact,
        from source: ChargeSource = .webhook,
        at now: Date
    ) throws -> RenewalTurn? {
        guard let id = ChargeNames.subscription(inCustomID: customID).flatMap({ VaultSubscription.ID($0) }),
            let renewal = try renewal(id), renewal.subscription.merchant == merchant,
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

    private func keepEvidence(
        _ fact: (what: String, externalID: String?),
        of key: ChargeAttempt.Key,
        _ id: VaultSubscription.ID,
        _ source: ChargeSource,
        debugID: String?,
        at now: Date
    ) throws(PostgresError) {
        try run(
            """
            INSERT INTO charge_evidence (subscription, period, number, seq, source, fact, external_id, debug_id, at)
            VALUES (\(id), \(key.period), \(key.number), \(key.seq), \(source), \(fact.what), \(fact.externalID),
                \(debugID), \(now))
            """
        )
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

    fileprivate var evidence: (ChargeAttempt.Key, (what: String, externalID: String?))? {
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
