internal import Crypto
package import Domain
package import Foundation
package import Postgres

/// What is sent for an attempt, as it is kept: sealed, with the digest of the bytes in the clear.
package struct FrozenBody: Sendable, Hashable {
    package var sealed: [UInt8]
    package var sha256: [UInt8]

    package init(sealed: [UInt8], of bytes: [UInt8]) {
        self.sealed = sealed
        sha256 = Self.digest(of: bytes)
    }

    init(sealed: [UInt8], sha256: [UInt8]) {
        self.sealed = sealed
        self.sha256 = sha256
    }

    package static func digest(of bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

    /// What it is sealed for: bytes copied to another row don't open.
    package static func place(of requestID: String) -> String { "charge_attempts/\(requestID)" }
}

/// What turns of several subscriptions have changed, and what was said that changed it.
struct RenewalChanges {
    private var subscriptions: [LockedRenewal] = []
    private var newPeriods: [(period: ChargePeriod, of: VaultSubscription, at: Date)] = []
    private var changedPeriods: [(period: ChargePeriod, of: VaultSubscription.ID, at: Date)] = []
    private var changedAttempts: [(attempt: ChargeAttempt, of: VaultSubscription.ID, wakeAt: Date?)] = []
    private var newAttempts: [(attempt: ChargeAttempt, of: LockedRenewal, body: FrozenBody?, at: Date)] = []
    private var evidence: [ChargeEvidenceLine] = []

    /// Takes in what is different from `before`: the subscription, its periods, its attempts.
    ///
    /// - Parameter freeze: makes the bytes of an attempt that is new.
    /// - Returns: the bytes that were made.
    mutating func add(
        _ renewal: LockedRenewal,
        before: RenewalState,
        at now: Date,
        freeze: (LockedRenewal, ChargeAttempt) throws -> FrozenBody?
    ) rethrows -> [ChargeAttempt.Key: FrozenBody] {
        let state = renewal.state
        guard state != before else { return [:] }
        if Self.changesSubscription(renewal, before) { subscriptions.append(renewal) }
        for period in state.periods {
            if let old = before.period(period.number) {
                if old != period { changedPeriods.append((period, renewal.subscription.id, now)) }
            } else {
                newPeriods.append((period, renewal.subscription, now))
            }
        }
        var frozen: [ChargeAttempt.Key: FrozenBody] = [:]
        for attempt in state.attempts {
            if let old = before.attempt(attempt.key) {
                if old != attempt { changedAttempts.append((attempt, renewal.subscription.id, state.wakeAt)) }
            } else {
                let body = try freeze(renewal, attempt)
                frozen[attempt.key] = body
                newAttempts.append((attempt, renewal, body, now))
            }
        }
        return frozen
    }

    /// Not so when a charge is sent and that is all: the attempt says when to look again, and until its outcome is known the
    /// subscription is as due as it was.
    private static func changesSubscription(_ renewal: LockedRenewal, _ before: RenewalState) -> Bool {
        var state = renewal.state
        guard state.attempts.contains(where: { $0.state == .sending }) else { return true }
        (state.attempts, state.periods, state.frontier) = (before.attempts, before.periods, before.frontier)
        return state != before
    }

    mutating func add(_ line: ChargeEvidenceLine) { evidence.append(line) }

    /// A statement for each table. Periods before their attempts, for attempts refer to them; attempts that end before those
    /// that begin, for one is open at a time.
    func write(to transaction: Transaction) throws(PostgresError) {
        if !newPeriods.isEmpty { try writeNewPeriods(transaction) }
        if !changedPeriods.isEmpty { try writeChangedPeriods(transaction) }
        if !changedAttempts.isEmpty { try writeChangedAttempts(transaction) }
        if !newAttempts.isEmpty { try writeNewAttempts(transaction) }
        if !subscriptions.isEmpty { try writeSubscriptions(transaction) }
        if !evidence.isEmpty { try writeEvidence(transaction) }
    }

    private func writeNewPeriods(_ transaction: Transaction) throws(PostgresError) {
        let (periods, owners, now) = (newPeriods.map(\.period), newPeriods.map(\.of), newPeriods.map(\.at))
        try transaction.run(
            """
            INSERT INTO charge_periods (subscription, number, due_at, amount_minor, currency, status, step, capture_id,
                unlinked, created_at, updated_at)
            SELECT p.*, p.now
            FROM unnest(\(owners.map(\.id)), \(periods.map(\.number)), \(periods.map(\.dueAt)),
                \(owners.map(\.amount.minorUnits)), \(owners.map(\.amount.currency)), \(periods.map(\.status)),
                \(periods.map(\.step)), \(periods.map(\.captureID)), \(periods.map(\.isUnlinked)), \(now))
                AS p (subscription, number, due_at, amount_minor, currency, status, step, capture_id, unlinked, now)
            """
        )
    }

    private func writeChangedPeriods(_ transaction: Transaction) throws(PostgresError) {
        let periods = changedPeriods.map(\.period)
        try transaction.run(
            """
            UPDATE charge_periods p
            SET status = c.status, step = c.step, capture_id = c.capture_id, unlinked = c.unlinked, updated_at = c.now
            FROM unnest(\(changedPeriods.map(\.of)), \(periods.map(\.number)), \(periods.map(\.status)),
                \(periods.map(\.step)), \(periods.map(\.captureID)), \(periods.map(\.isUnlinked)),
                \(changedPeriods.map(\.at))) AS c (subscription, number, status, step, capture_id, unlinked, now)
            WHERE p.subscription = c.subscription
              AND p.number = c.number
            """
        )
    }

    private func writeNewAttempts(_ transaction: Transaction) throws(PostgresError) {
        let (attempts, renewals) = (newAttempts.map(\.attempt), newAttempts.map(\.of))
        let requests = newAttempts.map { $0.of.names.requestID($0.attempt) }
        let invoices = newAttempts.map { $0.of.names.invoiceID(period: $0.attempt.key.period) }
        let wakes = newAttempts.map { $0.attempt.state.isOpen ? $0.of.state.wakeAt : nil }
        try transaction.run(
            """
            INSERT INTO charge_attempts (subscription, period, number, seq, kind, form, state, request_id, invoice_id,
                body, body_sha256, fence, lease_until, first_sent_at, last_sent_at, sends, doubts, probe_at, wake_at,
                order_id, only_look_up, capture_id, decline, settled_at, created_at)
            SELECT *
            FROM unnest(\(renewals.map(\.subscription.id)), \(attempts.map(\.key.period)),
                \(attempts.map(\.key.number)), \(attempts.map(\.key.seq)), \(attempts.map(\.kind)),
                \(attempts.map(\.form)), \(attempts.map(\.state)), \(requests), \(invoices), \(newAttempts.map(\.body?.sealed)),
                \(newAttempts.map(\.body?.sha256)), \(attempts.map(\.fence)), \(attempts.map(\.leaseUntil)),
                \(attempts.map(\.firstSentAt)), \(attempts.map(\.lastSentAt)), \(attempts.map(\.sends)),
                \(attempts.map(\.doubts)), \(attempts.map(\.probeAt)), \(wakes), \(attempts.map(\.orderID)),
                \(attempts.map(\.onlyLookUp)), \(attempts.map(\.captureID)), \(try Self.declines(attempts)),
                \(attempts.map(\.settledAt)), \(newAttempts.map(\.at)))
            """
        )
    }

    private func writeChangedAttempts(_ transaction: Transaction) throws(PostgresError) {
        let attempts = changedAttempts.map(\.attempt)
        let wakes = changedAttempts.map { $0.attempt.state.isOpen ? $0.wakeAt : nil }
        try transaction.run(
            """
            UPDATE charge_attempts a
            SET state = c.state, fence = c.fence, lease_until = c.lease_until, first_sent_at = c.first_sent_at,
                last_sent_at = c.last_sent_at, sends = c.sends, doubts = c.doubts, probe_at = c.probe_at,
                wake_at = c.wake_at, order_id = c.order_id, only_look_up = c.only_look_up, capture_id = c.capture_id,
                decline = c.decline, settled_at = c.settled_at, body = CASE WHEN c.open THEN a.body END
            FROM unnest(\(changedAttempts.map(\.of)), \(attempts.map(\.key.period)), \(attempts.map(\.key.number)),
                \(attempts.map(\.key.seq)), \(attempts.map(\.state)), \(attempts.map(\.fence)),
                \(attempts.map(\.leaseUntil)), \(attempts.map(\.firstSentAt)), \(attempts.map(\.lastSentAt)),
                \(attempts.map(\.sends)), \(attempts.map(\.doubts)), \(attempts.map(\.probeAt)), \(wakes),
                \(attempts.map(\.orderID)), \(attempts.map(\.onlyLookUp)), \(attempts.map(\.captureID)),
                \(try Self.declines(attempts)), \(attempts.map(\.settledAt)), \(attempts.map(\.state.isOpen)))
                AS c (subscription, period, number, seq, state, fence, lease_until, first_sent_at, last_sent_at, sends,
                    doubts, probe_at, wake_at, order_id, only_look_up, capture_id, decline, settled_at, open)
            WHERE a.subscription = c.subscription
              AND a.period = c.period
              AND a.number = c.number
              AND a.seq = c.seq
            """
        )
    }

    private func writeSubscriptions(_ transaction: Transaction) throws(PostgresError) {
        let (states, olds) = (subscriptions.map(\.state), subscriptions.map(\.subscription))
        let ends = subscriptions.map { renewal in
            let known = renewal.subscription.cancelRequestedAt
            return renewal.state.status == .canceled ? renewal.state.endedAt ?? known : known
        }
        let errors = subscriptions.map { $0.state.lastDecline.map { $0.0.lastError } ?? $0.subscription.lastError }
        try transaction.run(
            """
            UPDATE vault_subscriptions s
            SET status = c.status, next_period = c.next_period, next_action_at = c.next_action_at,
                first_failed_at = c.first_failed_at, last_error = c.last_error,
                cancel_requested_at = c.cancel_requested_at, row_version = s.row_version + 1
            FROM unnest(\(olds.map(\.id)), \(states.map(\.status)), \(states.map(\.current)),
                \(states.map(\.wakeAt)), \(states.map(\.firstDeclinedAt)), \(errors), \(ends))
                AS c (id, status, next_period, next_action_at, first_failed_at, last_error, cancel_requested_at)
            WHERE s.id = c.id
            """
        )
    }

    private func writeEvidence(_ transaction: Transaction) throws(PostgresError) {
        let keys = evidence.map(\.key)
        try transaction.run(
            """
            INSERT INTO charge_evidence (subscription, period, number, seq, source, fact, external_id, debug_id, at)
            SELECT *
            FROM unnest(\(evidence.map(\.subscription)), \(keys.map(\.period)), \(keys.map(\.number)),
                \(keys.map(\.seq)), \(evidence.map(\.source)), \(evidence.map(\.fact)),
                \(evidence.map(\.externalID)), \(evidence.map(\.debugID)), \(evidence.map(\.at)))
            """
        )
    }

    private static func declines(_ attempts: [ChargeAttempt]) throws(PostgresError) -> [PostgresJSON?] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        do {
            return try attempts.map { try $0.decline.map { try PostgresJSON(encoding: $0, with: encoder) } }
        } catch {
            // Because words and numbers always encode.
            throw .value(position: 1, reason: "a decline could not be encoded")
        }
    }
}

/// A line of `charge_evidence` to be.
struct ChargeEvidenceLine {
    var subscription: VaultSubscription.ID
    var key: ChargeAttempt.Key
    var source: ChargeSource
    var fact: String
    var externalID: String?
    var debugID: String?
    var at: Date
}
