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

    package static func digest(of bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

    /// What it is sealed for: bytes copied to another row don't open.
    package static func place(of requestID: String) -> String { "charge_attempts/\(requestID)" }
}

extension Transaction {
    /// Writes what is different from `before`: the subscription, its periods, its attempts.
    ///
    /// - Parameter freeze: makes the bytes of an attempt that is new.
    package func save(
        _ renewal: LockedRenewal,
        before: RenewalState,
        at now: Date,
        freeze: (ChargeAttempt) throws -> FrozenBody?
    ) throws {
        let state = renewal.state
        for period in state.periods where before.period(period.number) != period {
            try save(period, of: renewal.subscription, at: now)
        }
        for attempt in state.attempts {
            if let old = before.attempt(attempt.key) {
                if old != attempt { try update(attempt, of: renewal.subscription.id, wakeAt: state.wakeAt) }
            } else {
                try insert(attempt, of: renewal, wakeAt: state.wakeAt, try freeze(attempt), at: now)
            }
        }
        try updateSubscription(renewal)
    }

    private func save(
        _ period: ChargePeriod,
        of subscription: VaultSubscription,
        at now: Date
    ) throws(PostgresError) {
        try run(
            """
            INSERT INTO charge_periods (subscription, number, due_at, amount_minor, currency, status, step, capture_id,
                unlinked, created_at, updated_at)
            VALUES (\(subscription.id), \(period.number), \(period.dueAt), \(subscription.amount.minorUnits),
                \(subscription.amount.currency), \(period.status), \(period.step), \(period.captureID),
                \(period.isUnlinked), \(now), \(now))
            ON CONFLICT (subscription, number) DO UPDATE
            SET status = excluded.status, step = excluded.step, capture_id = excluded.capture_id,
                unlinked = excluded.unlinked, updated_at = excluded.updated_at
            """
        )
    }

    private func insert(
        _ attempt: ChargeAttempt,
        of renewal: LockedRenewal,
        wakeAt: Date?,
        _ body: FrozenBody?,
        at now: Date
    ) throws(PostgresError) {
        let key = attempt.key
        try run(
            """
            INSERT INTO charge_attempts (subscription, period, number, seq, kind, state, request_id, invoice_id, body,
                body_sha256, fence, lease_until, first_sent_at, last_sent_at, sends, doubts, probe_at, wake_at,
                order_id, only_look_up, capture_id, decline, settled_at, created_at)
            VALUES (\(renewal.subscription.id), \(key.period), \(key.number), \(key.seq), \(attempt.kind),
                \(attempt.state), \(renewal.names.requestID(attempt)), \(renewal.names.invoiceID(period: key.period)),
                \(body?.sealed), \(body?.sha256), \(attempt.fence), \(attempt.leaseUntil), \(attempt.firstSentAt),
                \(attempt.lastSentAt), \(attempt.sends), \(attempt.doubts), \(attempt.probeAt),
                \(attempt.state.isOpen ? wakeAt : nil), \(attempt.orderID), \(attempt.onlyLookUp),
                \(attempt.captureID), \(try Self.json(attempt.decline)), \(attempt.settledAt), \(now))
            """
        )
    }

    private func update(
        _ attempt: ChargeAttempt,
        of subscription: VaultSubscription.ID,
        wakeAt: Date?
    ) throws(PostgresError) {
        let key = attempt.key
        try run(
            """
            UPDATE charge_attempts
            SET state = \(attempt.state), fence = \(attempt.fence), lease_until = \(attempt.leaseUntil),
                first_sent_at = \(attempt.firstSentAt), last_sent_at = \(attempt.lastSentAt),
                sends = \(attempt.sends), doubts = \(attempt.doubts), probe_at = \(attempt.probeAt),
                wake_at = \(attempt.state.isOpen ? wakeAt : nil), order_id = \(attempt.orderID),
                only_look_up = \(attempt.onlyLookUp), capture_id = \(attempt.captureID),
                decline = \(try Self.json(attempt.decline)), settled_at = \(attempt.settledAt),
                body = CASE WHEN \(attempt.state.isOpen) THEN body END
            WHERE subscription = \(subscription)
              AND period = \(key.period)
              AND number = \(key.number)
              AND seq = \(key.seq)
            """
        )
    }

    private func updateSubscription(_ renewal: LockedRenewal) throws(PostgresError) {
        let (state, old) = (renewal.state, renewal.subscription)
        let ended = state.status == .canceled ? state.endedAt ?? old.cancelRequestedAt : old.cancelRequestedAt
        let lastError = state.lastDecline.map { $0.0.lastError } ?? old.lastError
        try run(
            """
            UPDATE vault_subscriptions
            SET status = \(state.status), next_period = \(state.current), next_action_at = \(state.wakeAt),
                first_failed_at = \(state.firstDeclinedAt), last_error = \(lastError),
                cancel_requested_at = \(ended), row_version = row_version + 1
            WHERE id = \(old.id)
            """
        )
    }

    private static func json(_ decline: ChargeDecline?) throws(PostgresError) -> PostgresJSON? {
        guard let decline else { return nil }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        do {
            return try PostgresJSON(encoding: decline, with: encoder)
        } catch {
            // Because words and numbers always encode.
            throw .value(position: 1, reason: "a decline could not be encoded")
        }
    }
}
