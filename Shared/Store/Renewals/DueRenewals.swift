package import Domain
package import Foundation
package import Postgres

/// A subscription that somebody should look at, and when.
package struct DueRenewal: Sendable, Hashable {
    package var subscription: VaultSubscription.ID
    package var merchant: Merchant.ID
    package var period: Int
    package var at: Date
}

extension Transaction {
    /// What is due by `time`, the longest waiting first: periods to charge and charges to follow up.
    ///
    /// Its cost grows with what is due, not with what there is. Pages with `after`, the last one of the page before.
    package func dueRenewals(
        by time: Date,
        after last: DueRenewal? = nil,
        limit: Int
    ) throws(PostgresError) -> [DueRenewal] {
        let (at, id) = (last?.at ?? .distantPast, last?.subscription)
        return try rows(
            """
            SELECT d.id, d.merchant, d.next_period, d.at
            FROM (
                (SELECT id, merchant, next_period, next_action_at AS at
                FROM vault_subscriptions
                WHERE status IN ('trialing', 'active', 'past_due')
                  AND next_action_at <= \(time)
                  AND \(Self.isAfter("next_action_at", "id", at, id))
                ORDER BY next_action_at, id
                LIMIT \(limit))
                UNION
                (SELECT s.id, s.merchant, s.next_period, a.wake_at
                FROM charge_attempts a
                JOIN vault_subscriptions s ON s.id = a.subscription
                WHERE a.wake_at <= \(time)
                  AND \(Self.isAfter("a.wake_at", "a.subscription", at, id))
                ORDER BY a.wake_at, a.subscription
                LIMIT \(limit))
            ) d
            ORDER BY d.at, d.id
            LIMIT \(limit)
            """
        )
        .values { row throws(PostgresError) in
            DueRenewal(
                subscription: try row["id"],
                merchant: try row["merchant"],
                period: try row["next_period"],
                at: try row["at"]
            )
        }
    }

    private static func isAfter(
        _ time: StaticString,
        _ id: StaticString,
        _ at: Date,
        _ last: VaultSubscription.ID?
    ) -> Query {
        guard let last else { return "true" }
        return "(\(raw: time), \(raw: id)) > (\(at), \(last))"
    }

    /// How things stand, for operators and metrics.
    package func renewalFigures(at now: Date) throws(PostgresError) -> RenewalFigures {
        let due = try rows(
            """
            SELECT count(*), min(next_action_at)
            FROM vault_subscriptions
            WHERE status IN ('trialing', 'active', 'past_due')
              AND next_action_at <= \(now)
            """
        )
        .decode((Int, Date?).self).first
        let attempts = try rows(
            """
            SELECT count(*) FILTER (WHERE state IN ('sending', 'indeterminate')),
                min(last_sent_at) FILTER (WHERE state IN ('sending', 'indeterminate')),
                count(*) FILTER (WHERE state = 'settling'), count(*) FILTER (WHERE state = 'review'),
                count(*) FILTER (WHERE state = 'planned'), min(created_at) FILTER (WHERE state = 'planned')
            FROM charge_attempts
            WHERE state IN ('planned', 'sending', 'indeterminate', 'settling', 'review')
            """
        )
        .decode((Int, Date?, Int, Int, Int, Date?).self).first
        let review = try rows("SELECT count(*) FROM charge_periods WHERE status = 'review'").decode(Int.self).first
        let alarms = try rows("SELECT count(*) FROM charge_alarms WHERE seen_at IS NULL").decode(Int.self).first
        return RenewalFigures(
            due: due?.0 ?? 0,
            oldestDue: due?.1,
            unsent: attempts?.4 ?? 0,
            oldestUnsent: attempts?.5,
            indeterminate: attempts?.0 ?? 0,
            oldestIndeterminate: attempts?.1,
            settling: attempts?.2 ?? 0,
            review: (attempts?.3 ?? 0) + (review ?? 0),
            alarms: alarms ?? 0
        )
    }
}

package struct RenewalFigures: Sendable, Hashable {
    package var due: Int
    package var oldestDue: Date?
    /// Charges that are written down and could not be sent: PayPal is not reached, or refuses to listen.
    package var unsent: Int
    package var oldestUnsent: Date?
    package var indeterminate: Int
    package var oldestIndeterminate: Date?
    package var settling: Int
    /// Attempts and periods that wait for a person.
    package var review: Int
    package var alarms: Int
}
