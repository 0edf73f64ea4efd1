package import Domain
package import Foundation
package import Postgres

/// One thing that was said of a charge.
package struct ChargeEvidence: Sendable, Hashable {
    package var key: ChargeAttempt.Key
    package var source: String
    package var fact: String
    package var externalID: String?
    package var debugID: String?
    package var at: Date
}

/// What waits for a person's word.
package struct UndecidedRenewal: Sendable, Hashable {
    package var subscription: VaultSubscription.ID
    package var period: Int
    /// A charge whose outcome nobody can prove; else a period that is not charged by itself.
    package var isCharge: Bool
    package var since: Date
}

/// Something that a person must look at.
package struct ChargeAlarm: Sendable, Hashable {
    package var id: Int64
    package var subscription: VaultSubscription.ID
    package var period: Int
    package var kind: String
    package var detail: String
    package var at: Date
}

extension Transaction {
    package func chargeEvidence(of id: VaultSubscription.ID) throws(PostgresError) -> [ChargeEvidence] {
        try rows(
            """
            SELECT period, number, seq, source, fact, external_id, debug_id, at
            FROM charge_evidence
            WHERE subscription = \(id)
            ORDER BY id
            """
        )
        .values { row throws(PostgresError) in
            ChargeEvidence(
                key: ChargeAttempt.Key(period: try row["period"], number: try row["number"], seq: try row["seq"]),
                source: try row["source"],
                fact: try row["fact"],
                externalID: try row["external_id"],
                debugID: try row["debug_id"],
                at: try row["at"]
            )
        }
    }

    /// What nobody has seen yet, the newest first; with a subscription, all of its own.
    package func chargeAlarms(of id: VaultSubscription.ID? = nil, limit: Int) throws(PostgresError) -> [ChargeAlarm] {
        try rows(
            """
            SELECT id, subscription, period, kind, detail, at
            FROM charge_alarms
            WHERE subscription = \(id) OR (\(id) IS NULL AND seen_at IS NULL)
            ORDER BY id DESC
            LIMIT \(limit)
            """
        )
        .values { row throws(PostgresError) in
            ChargeAlarm(
                id: try row["id"],
                subscription: try row["subscription"],
                period: try row["period"],
                kind: try row["kind"],
                detail: try row["detail"],
                at: try row["at"]
            )
        }
    }

    /// Those of one period, or all. Answers how many nobody had seen.
    @discardableResult
    package func markAlarmsSeen(
        of id: VaultSubscription.ID,
        period: Int? = nil,
        at now: Date
    ) throws(PostgresError) -> Int {
        try run(
            """
            UPDATE charge_alarms
            SET seen_at = \(now)
            WHERE subscription = \(id)
              AND seen_at IS NULL
              AND period = coalesce(\(period), period)
            """
        )
    }

    /// Charges and periods that nobody but a person decides about, the longest waiting first.
    package func undecidedRenewals(limit: Int) throws(PostgresError) -> [UndecidedRenewal] {
        try rows(
            """
            SELECT subscription, period, true AS charge, coalesce(last_sent_at, created_at) AS since
            FROM charge_attempts
            WHERE state = 'review'
            UNION ALL
            SELECT p.subscription, p.number, false, p.updated_at
            FROM charge_periods p
            WHERE p.status = 'review'
              AND NOT EXISTS (
                  SELECT FROM charge_attempts a
                  WHERE a.subscription = p.subscription AND a.period = p.number AND a.state = 'review'
              )
            ORDER BY since, subscription, period
            LIMIT \(limit)
            """
        )
        .values { row throws(PostgresError) in
            UndecidedRenewal(
                subscription: try row["subscription"],
                period: try row["period"],
                isCharge: try row["charge"],
                since: try row["since"]
            )
        }
    }

    /// The request as it was sealed; nil once the attempt is settled.
    package func frozenBody(
        of id: VaultSubscription.ID,
        _ key: ChargeAttempt.Key
    ) throws(PostgresError) -> FrozenBody? {
        let row = try rows(
            """
            SELECT body, body_sha256
            FROM charge_attempts
            WHERE subscription = \(id)
              AND period = \(key.period)
              AND number = \(key.number)
              AND seq = \(key.seq)
            """
        )
        .decode(([UInt8]?, [UInt8]?).self).first
        guard let sealed = row?.0, let digest = row?.1 else { return nil }
        return FrozenBody(sealed: sealed, sha256: digest)
    }
}
