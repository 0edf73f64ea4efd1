package import Domain
package import Foundation
package import Postgres

/// Something in our books that must never be.
package struct InvariantViolation: Sendable, Hashable, Encodable {
    /// I1, I2, …
    package var invariant: String
    package var subscription: VaultSubscription.ID?
    package var period: Int?
    package var detail: String

    package init(invariant: String, subscription: VaultSubscription.ID?, period: Int?, detail: String) {
        self.invariant = invariant
        self.subscription = subscription
        self.period = period
        self.detail = detail
    }

    /// What is the same as long as it is the same violation.
    package var key: String {
        "\(invariant) \(subscription.map(\.description) ?? "-").\(period.map(String.init) ?? "-") \(detail)"
    }
}

/// What must hold of renewals in every database, at every commit.
package struct RenewalInvariant: Sendable {
    package var name: String
    package var says: String
    /// A violation stops all charging; others wake an operator.
    package var isGrave: Bool
    fileprivate var query: @Sendable (Date) -> Query

    /// What shops were told is kept for longer than this, whatever an operator chooses: for four days at least.
    private static let rememberedFor: TimeInterval = 3 * 86_400

    package static let all: [RenewalInvariant] = [
        RenewalInvariant(name: "I1", says: "no period is paid by two captures", isGrave: true) { _ in
            """
            SELECT a.subscription, a.period, count(DISTINCT a.capture_id) || ' captures' AS detail
            FROM charge_attempts a
            WHERE a.state = 'captured' AND a.capture_id IS NOT NULL
            GROUP BY a.subscription, a.period
            HAVING count(DISTINCT a.capture_id) > 1
            """
        },
        RenewalInvariant(name: "I2", says: "no period is skipped", isGrave: false) { now in
            """
            SELECT s.id AS subscription, s.next_period AS period,
                coalesce('due since ' || s.next_action_at, 'nobody looks at it any more') AS detail
            FROM vault_subscriptions s
            WHERE s.status IN ('trialing', 'active', 'past_due')
              AND (s.next_action_at <= \(now.addingTimeInterval(-2 * 86_400)) OR s.next_action_at IS NULL)
              AND NOT EXISTS (
                  SELECT FROM charge_attempts a
                  WHERE a.subscription = s.id AND a.state IN ('sending', 'review', 'settling')
              )
              AND NOT EXISTS (
                  SELECT FROM renewal_pauses p
                  WHERE p.ended_at IS NULL AND (p.merchant IS NULL OR p.merchant = s.merchant)
              )
            UNION ALL
            SELECT a.subscription, a.period, 'could not be sent since ' || a.created_at
            FROM charge_attempts a
            JOIN vault_subscriptions s ON s.id = a.subscription
            WHERE a.state = 'planned'
              AND a.created_at <= \(now.addingTimeInterval(-2 * 86_400))
              AND s.status IN ('trialing', 'active', 'past_due')
              AND NOT EXISTS (
                  SELECT FROM renewal_pauses p
                  WHERE p.ended_at IS NULL AND (p.merchant IS NULL OR p.merchant = s.merchant)
              )
            UNION ALL
            SELECT p.subscription, p.number, 'left behind as due'
            FROM charge_periods p
            JOIN vault_subscriptions s ON s.id = p.subscription
            WHERE p.status = 'due' AND p.number < s.next_period
              AND s.status IN ('trialing', 'active', 'past_due')
            """
        },
        RenewalInvariant(
            name: "I3",
            says: "a period is paid if and only if one of its charges was captured",
            isGrave: true
        ) { _ in
            """
            SELECT p.subscription, p.number AS period, 'paid by a capture that no charge has' AS detail
            FROM charge_periods p
            WHERE p.status = 'paid' AND p.capture_id IS NOT NULL
              AND NOT EXISTS (
                  SELECT FROM charge_attempts a
                  WHERE a.subscription = p.subscription AND a.period = p.number AND a.capture_id = p.capture_id
              )
              AND EXISTS (SELECT FROM charge_attempts a WHERE a.subscription = p.subscription AND a.period = p.number)
            UNION ALL
            SELECT p.subscription, p.number, 'captured and not paid'
            FROM charge_periods p
            JOIN charge_attempts a ON a.subscription = p.subscription AND a.period = p.number
            WHERE a.state = 'captured' AND p.status <> 'paid'
            UNION ALL
            SELECT a.subscription, a.period, 'its capture has another amount'
            FROM charge_attempts a
            JOIN charge_periods p ON p.subscription = a.subscription AND p.number = a.period
            JOIN paypal_captures c ON c.id = a.capture_id
            WHERE c.amount_minor <> p.amount_minor OR c.currency <> p.currency
            """
        },
        RenewalInvariant(name: "I4", says: "no charge is begun after the subscription has ended", isGrave: true) { _ in
            """
            SELECT a.subscription, a.period, 'begun ' || a.first_sent_at || ', ended ' || s.cancel_requested_at AS detail
            FROM charge_attempts a
            JOIN vault_subscriptions s ON s.id = a.subscription
            WHERE s.status = 'canceled' AND a.first_sent_at > s.cancel_requested_at
            """
        },
        RenewalInvariant(name: "I5", says: "access is taken after three declines, and told once", isGrave: true) {
            now in
            // A message is forgotten when it is old: only of late ones it can be seen that they were told.
            """
            SELECT s.id AS subscription, p.number AS period, 'revoked after ' || t.tries || ' tries, told ' || f.told
                || ' times' AS detail
            FROM vault_subscriptions s
            JOIN charge_periods p ON p.subscription = s.id AND p.number = s.next_period
            CROSS JOIN LATERAL (
                SELECT count(DISTINCT a.number) AS tries,
                    max(a.settled_at) FILTER (WHERE a.state <> 'captured') AS last
                FROM charge_attempts a
                WHERE a.subscription = s.id AND a.period = p.number AND a.state IN ('declined', 'forgone', 'captured')
            ) t
            CROSS JOIN LATERAL (
                SELECT count(*) AS told
                FROM forwards f
                WHERE f.merchant = s.merchant AND f.event = 'THRIVE-REVOKE-' || s.id AND NOT f.simulated
            ) f
            WHERE s.status = 'revoked'
              AND (p.status NOT IN ('exhausted', 'paid') OR t.tries < 3
                OR (f.told <> 1 AND t.last >= \(now.addingTimeInterval(-rememberedFor))))
            """
        },
        RenewalInvariant(name: "I6", says: "no request id stands for two charges", isGrave: true) { _ in
            // The table keeps them apart; what is looked at is that each is the one of its own charge.
            """
            SELECT a.subscription, a.period, a.request_id || ' with ' || a.invoice_id || ' is of another charge' AS detail
            FROM charge_attempts a
            JOIN vault_subscriptions s ON s.id = a.subscription
            JOIN merchants m ON m.id = s.merchant
            WHERE a.request_id NOT LIKE '%:' || m.environment || ':' || a.subscription || ':' || a.period || ':'
                || a.number || ':' || a.seq
              OR a.invoice_id <> m.environment || '-' || a.subscription || '-' || a.period
            """
        },
        RenewalInvariant(name: "I7", says: "at most one charge of a subscription is open", isGrave: true) { _ in
            """
            SELECT a.subscription, max(a.period) AS period, count(*) || ' open charges' AS detail
            FROM charge_attempts a
            WHERE a.state IN ('planned', 'sending', 'indeterminate', 'settling', 'review')
            GROUP BY a.subscription
            HAVING count(*) > 1
            """
        },
        RenewalInvariant(name: "I8", says: "no charge is sent again when PayPal may have forgotten it", isGrave: true) {
            _ in
            """
            SELECT a.subscription, a.period, 'sent again after ' || (a.last_sent_at - a.first_sent_at) AS detail
            FROM charge_attempts a
            WHERE a.last_sent_at - a.first_sent_at >= interval '6 hours' AND a.form = 'one-step'
            """
        },
        RenewalInvariant(
            name: "I9",
            says: "a paid period is told once within a day, a renewal with the shop's own id",
            isGrave: false
        ) { now in
            """
            SELECT p.subscription, p.number AS period,
                p.capture_id || ' was told ' || count(f.message) || ' times' AS detail
            FROM charge_periods p
            JOIN vault_subscriptions s ON s.id = p.subscription
            LEFT JOIN paypal_news n ON n.type = 'PAYMENT.CAPTURE.COMPLETED' AND n.resource = p.capture_id
            LEFT JOIN forwards f ON f.merchant = s.merchant AND f.event = n.event AND NOT f.simulated
            WHERE p.status = 'paid'
              AND p.updated_at BETWEEN \(now.addingTimeInterval(-rememberedFor)) AND \(now.addingTimeInterval(-86_400))
            GROUP BY p.subscription, p.number, p.capture_id, s.thrive_order_id, s.trial_days
            HAVING p.capture_id IS NOT NULL
              AND (count(f.message) <> 1 OR bool_or(f.thrive_order_id IS DISTINCT FROM
                  CASE WHEN p.number > 0 OR s.trial_days > 0 THEN s.thrive_order_id END))
            """
        },
        RenewalInvariant(
            name: "I10",
            says: "what became of a charge is known within twelve hours, or in 35 days where PayPal holds it",
            isGrave: false
        ) { now in
            """
            SELECT a.subscription, a.period, a.state || ' since ' || a.last_sent_at AS detail
            FROM charge_attempts a
            WHERE (
                  a.state IN ('sending', 'indeterminate')
                  AND CASE a.form WHEN 'one-step' THEN a.last_sent_at ELSE a.first_sent_at END
                    < \(now.addingTimeInterval(-12 * 3600))
              )
              OR (a.state = 'settling' AND a.last_sent_at < \(now.addingTimeInterval(-35 * 86_400)))
            """
        },
        RenewalInvariant(name: "I11", says: "what was captured is what periods say was paid", isGrave: true) { _ in
            """
            SELECT NULL::uuid AS subscription, NULL::integer AS period,
                coalesce(k.currency, b.currency) || ': ' || abs(coalesce(k.total, 0) - coalesce(b.total, 0))
                    || CASE WHEN coalesce(k.total, 0) > coalesce(b.total, 0) THEN ' more' ELSE ' less' END
                    || ' captured than booked, in the smallest unit' AS detail
            FROM (
                SELECT c.currency, sum(c.amount_minor) AS total
                FROM paypal_captures c
                JOIN charge_attempts a ON a.capture_id = c.id
                GROUP BY c.currency
            ) k
            FULL JOIN (
                SELECT p.currency, sum(p.amount_minor) AS total
                FROM charge_periods p
                JOIN paypal_captures c ON c.id = p.capture_id
                JOIN charge_attempts a ON a.capture_id = p.capture_id
                WHERE p.status = 'paid'
                GROUP BY p.currency
            ) b ON b.currency = k.currency
            WHERE k.total IS DISTINCT FROM b.total
            """
        },
        RenewalInvariant(name: "I12", says: "who has paid is a subscriber within a day", isGrave: false) { now in
            """
            SELECT s.id AS subscription, 0 AS period,
                c.id || ' was captured, and the shop has not finished the activation' AS detail
            FROM paypal_captures c
            JOIN vault_subscriptions s ON s.id = c.subscription
            WHERE c.status = 'COMPLETED'
              AND s.status IN ('approving', 'activating')
              AND c.created_at < \(now.addingTimeInterval(-86_400))
            """
        },
    ]
}

extension Transaction {
    /// What is wrong, at most `limit` of each kind. Takes a look at everything: for once an hour, not for each request.
    package func violations(
        of invariant: RenewalInvariant,
        at now: Date,
        limit: Int = 20
    ) throws(PostgresError) -> [InvariantViolation] {
        try rows(
            "SELECT v.subscription, v.period, v.detail FROM (\(invariant.query(now))) v ORDER BY 1, 2, 3 LIMIT \(limit)"
        )
        .values { row throws(PostgresError) in
            InvariantViolation(
                invariant: invariant.name,
                subscription: try row["subscription"],
                period: try row["period"],
                detail: try row["detail"]
            )
        }
    }
}
