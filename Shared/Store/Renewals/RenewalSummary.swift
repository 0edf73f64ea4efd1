package import Postgres

/// How all charges of a database came out.
package struct RenewalSummary: Sendable, Hashable {
    /// Subscriptions by status.
    package var statuses: [String: Int]
    /// Periods whose first try was declined.
    package var declinedPeriods: Int
    /// Periods that were paid, by the number of the try that paid them.
    package var paidAtTry: [Int: Int]
    package var waived: Int
    /// Charges and periods that wait for a person.
    package var inReview: Int
}

extension Transaction {
    package func renewalSummary() throws(PostgresError) -> RenewalSummary {
        let statuses = try rows("SELECT status, count(*) FROM vault_subscriptions GROUP BY status")
            .decode((String, Int).self)
        let paid = try rows(
            """
            SELECT number, count(DISTINCT (subscription, period))
            FROM charge_attempts
            WHERE state = 'captured'
            GROUP BY number
            """
        )
        .decode((Int, Int).self)
        let rest = try rows(
            """
            SELECT (SELECT count(DISTINCT (subscription, period)) FROM charge_attempts
                    WHERE number = 1 AND state = 'declined'),
                (SELECT count(*) FROM charge_periods WHERE status = 'waived'),
                (SELECT count(*) FROM charge_periods WHERE status = 'review')
                    + (SELECT count(*) FROM charge_attempts WHERE state = 'review')
            """
        )
        .decode((Int, Int, Int).self).first
        return RenewalSummary(
            statuses: Dictionary(statuses, uniquingKeysWith: { first, _ in first }),
            declinedPeriods: rest?.0 ?? 0,
            paidAtTry: Dictionary(paid, uniquingKeysWith: { first, _ in first }),
            waived: rest?.1 ?? 0,
            inReview: rest?.2 ?? 0
        )
    }
}
