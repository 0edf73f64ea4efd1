package import Domain
package import Foundation
package import Postgres

// What is compared with PayPal's record.

/// A period, and the capture that our books say has paid it.
package struct PeriodPayment: Sendable, Hashable {
    package var subscription: VaultSubscription.ID
    package var period: Int
    package var captureID: String
    package var invoiceID: String
    package var amount: Money
    package var merchantPayPalID: String
}

/// An open charge with its bytes.
package struct FrozenCharge: Sendable, Hashable {
    package var subscription: VaultSubscription.ID
    package var key: ChargeAttempt.Key
    package var requestID: String
    package var invoiceID: String
    package var sealed: [UInt8]
    package var sha256: [UInt8]
}

/// An invoice id of ours, and how its period stands.
package struct ChargedInvoice: Sendable, Hashable {
    package var id: String
    package var subscription: VaultSubscription.ID
    package var period: Int
    package var captureID: String?
    package var isPaid: Bool
    /// A charge of it has no outcome yet.
    package var isOpen: Bool
}

extension Transaction {
    /// Periods of connected merchants that were paid from `start` to `end`; at most `limit`, drawn by lot.
    package func periodPayments(from start: Date, to end: Date, limit: Int) throws(PostgresError) -> [PeriodPayment] {
        try rows(
            """
            SELECT p.subscription, p.number, p.capture_id, p.amount_minor, p.currency, m.paypal_id,
                m.environment || '-' || p.subscription || '-' || p.number AS invoice_id
            FROM charge_periods p
            JOIN vault_subscriptions s ON s.id = p.subscription
            JOIN merchants m ON m.id = s.merchant
            WHERE p.status = 'paid'
              AND p.capture_id IS NOT NULL
              AND p.updated_at BETWEEN \(start) AND \(end)
              AND m.state = 'connected'
            ORDER BY random()
            LIMIT \(limit)
            """
        )
        .values { row throws(PostgresError) in
            PeriodPayment(
                subscription: try row["subscription"],
                period: try row["number"],
                captureID: try row["capture_id"],
                invoiceID: try row["invoice_id"],
                amount: Money(minorUnits: try row["amount_minor"], currency: try row["currency"]),
                merchantPayPalID: try row["paypal_id"]
            )
        }
    }

    /// How many there are.
    package func periodPayments(from start: Date, to end: Date) throws(PostgresError) -> Int {
        try rows(
            """
            SELECT count(*)
            FROM charge_periods
            WHERE status = 'paid'
              AND capture_id IS NOT NULL
              AND updated_at BETWEEN \(start) AND \(end)
            """
        )
        .decode(Int.self).first ?? 0
    }

    package func frozenCharges(limit: Int) throws(PostgresError) -> [FrozenCharge] {
        try rows(
            """
            SELECT subscription, period, number, seq, request_id, invoice_id, body, body_sha256
            FROM charge_attempts
            WHERE body IS NOT NULL
              AND state IN ('planned', 'sending', 'indeterminate', 'settling', 'review')
            ORDER BY created_at DESC
            LIMIT \(limit)
            """
        )
        .values { row throws(PostgresError) in
            FrozenCharge(
                subscription: try row["subscription"],
                key: ChargeAttempt.Key(period: try row["period"], number: try row["number"], seq: try row["seq"]),
                requestID: try row["request_id"],
                invoiceID: try row["invoice_id"],
                sealed: try row["body"],
                sha256: try row["body_sha256"]
            )
        }
    }

    /// PayPal's ids of the connected merchants whose buyers were charged since `start`.
    package func merchantsCharged(since start: Date) throws(PostgresError) -> [String] {
        try rows(
            """
            SELECT DISTINCT m.paypal_id
            FROM charge_attempts a
            JOIN vault_subscriptions s ON s.id = a.subscription
            JOIN merchants m ON m.id = s.merchant
            WHERE a.last_sent_at >= \(start)
              AND m.state = 'connected'
            ORDER BY m.paypal_id
            """
        )
        .decode(String.self)
    }

    /// Those of these invoice ids that are of charges of ours.
    package func chargedInvoices(among ids: [String]) throws(PostgresError) -> [ChargedInvoice] {
        try rows(
            """
            SELECT a.invoice_id, a.subscription, a.period, p.capture_id, p.status = 'paid' AS paid,
                bool_or(a.state IN ('planned', 'sending', 'indeterminate', 'settling', 'review')) AS open
            FROM charge_attempts a
            JOIN charge_periods p ON p.subscription = a.subscription AND p.number = a.period
            WHERE a.invoice_id = ANY(\(ids))
            GROUP BY a.invoice_id, a.subscription, a.period, p.capture_id, p.status
            """
        )
        .values { row throws(PostgresError) in
            ChargedInvoice(
                id: try row["invoice_id"],
                subscription: try row["subscription"],
                period: try row["period"],
                captureID: try row["capture_id"],
                isPaid: try row["paid"],
                isOpen: try row["open"]
            )
        }
    }
}
