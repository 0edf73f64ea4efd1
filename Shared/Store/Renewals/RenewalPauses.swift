package import Domain
package import Foundation
package import Postgres

/// Nobody is charged while it stands.
package struct RenewalPause: Sendable, Hashable {
    package enum Source: String, Sendable, CaseIterable, PostgresValue {
        case byOperator = "operator"
        /// Many charges of several merchants failed alike.
        case breaker
        /// PayPal's clock and ours differ.
        case clock
        /// Our books don't add up.
        case invariants
    }

    package var merchant: Merchant.ID?
    package var source: Source
    package var reason: String
    package var since: Date
}

extension Transaction {
    /// False when the same source has paused already.
    ///
    /// - Parameter found: the violations that it is for.
    @discardableResult
    package func pauseRenewals(
        of merchant: Merchant.ID? = nil,
        by source: RenewalPause.Source,
        reason: String,
        found: [String] = [],
        at now: Date
    ) throws(PostgresError) -> Bool {
        try run(
            """
            INSERT INTO renewal_pauses (merchant, source, reason, found, since)
            VALUES (\(merchant), \(source), \(reason), \(found), \(now))
            ON CONFLICT (source, merchant) WHERE ended_at IS NULL DO NOTHING
            """
        ) == 1
    }

    /// Ends all pauses of everybody, or of one merchant. Answers how many there were.
    @discardableResult
    package func resumeRenewals(of merchant: Merchant.ID? = nil, at now: Date) throws(PostgresError) -> Int {
        try run(
            """
            UPDATE renewal_pauses
            SET ended_at = greatest(since, \(now))
            WHERE ended_at IS NULL
              AND merchant IS NOT DISTINCT FROM \(merchant)
            """
        )
    }

    /// Pauses that stand, the oldest first; with a merchant, only those that hold for it.
    package func renewalPauses(for merchant: Merchant.ID? = nil) throws(PostgresError) -> [RenewalPause] {
        try rows(
            """
            SELECT merchant, source, reason, since
            FROM renewal_pauses
            WHERE ended_at IS NULL
              AND (\(merchant) IS NULL OR merchant IS NULL OR merchant = \(merchant))
            ORDER BY since
            """
        )
        .values { row throws(PostgresError) in
            RenewalPause(
                merchant: try row["merchant"],
                source: try row["source"],
                reason: try row["reason"],
                since: try row["since"]
            )
        }
    }

    /// What stands against charging these: mostly nothing against any. Of several pauses the oldest.
    package func renewalPauses(
        of subscriptions: [VaultSubscription.ID]
    ) throws(PostgresError) -> [VaultSubscription.ID: RenewalPause] {
        guard !subscriptions.isEmpty else { return [:] }
        let standing = try renewalPauses()
        guard !standing.isEmpty else { return [:] }
        let merchants = try rows("SELECT id, merchant FROM vault_subscriptions WHERE id = ANY(\(subscriptions))")
            .decode((VaultSubscription.ID, Merchant.ID).self)
        var pauses: [VaultSubscription.ID: RenewalPause] = [:]
        for (subscription, merchant) in merchants {
            pauses[subscription] = standing.first { $0.merchant == nil || $0.merchant == merchant }
        }
        return pauses
    }

    /// The violations of pauses that a person has ended.
    package func knownViolations() throws(PostgresError) -> Set<String> {
        Set(
            try rows(
                """
                SELECT DISTINCT unnest(found)
                FROM renewal_pauses
                WHERE source = 'invariants'
                  AND ended_at IS NOT NULL
                """
            )
            .decode(String.self)
        )
    }

    // MARK: The breaker

    /// From when on the breaker judges: what led to a pause that a person has ended leads to no other one.
    package func breakerLooks(from start: Date) throws(PostgresError) -> Date {
        let resumed =
            try rows(
                """
                SELECT max(ended_at)
                FROM renewal_pauses
                WHERE source = 'breaker'
                  AND ended_at > \(start)
                """
            )
            .decode(Date?.self).first ?? nil
        return max(start, resumed ?? start)
    }

    /// Refusals of late that are nobody's bank's: the most frequent kind of them that hit so many merchants.
    package func refusalsAlike(
        since time: Date,
        fewest: Int,
        merchants: Int
    ) throws(PostgresError) -> (what: String, attempts: Int, merchants: Int)? {
        try rows(
            """
            SELECT coalesce(a.decline->>'issue', 'HTTP ' || (a.decline->>'status')), count(*),
                count(DISTINCT s.merchant)
            FROM charge_attempts a
            JOIN vault_subscriptions s ON s.id = a.subscription
            WHERE a.state = 'declined'
              AND a.settled_at >= \(time)
              AND a.decline->>'fault' <> 'buyer'
            GROUP BY 1
            HAVING count(*) >= \(fewest) AND count(DISTINCT s.merchant) >= \(merchants)
            ORDER BY 2 DESC
            LIMIT 1
            """
        )
        .decode((String, Int, Int).self)
        .first.map { (what: $0.0, attempts: $0.1, merchants: $0.2) }
    }

    /// How many periods were tried for the first time in a span of time, and how many of those tries were declined.
    ///
    /// What is tried again on day 3 and day 7 was declined before, and mostly is again: it would look like a storm.
    package func chargesSettled(from start: Date, to end: Date) throws(PostgresError) -> (all: Int, declined: Int) {
        let row = try rows(
            """
            SELECT count(*), count(*) FILTER (WHERE state = 'declined')
            FROM charge_attempts
            WHERE state IN ('captured', 'declined')
              AND number = 1
              AND settled_at >= \(start)
              AND settled_at < \(end)
            """
        )
        .decode((Int, Int).self).first
        return (all: row?.0 ?? 0, declined: row?.1 ?? 0)
    }
}
