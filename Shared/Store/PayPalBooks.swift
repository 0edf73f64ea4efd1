package import Domain
package import Foundation
package import Postgres

// What is asked for when PayPal's books are compared with ours.

extension Transaction {
    // MARK: What we know of what the books name

    /// Which of these events were settled.
    package func settledPayPalEvents(among ids: [String]) throws(PostgresError) -> Set<String> {
        Set(
            try rows(
                """
                SELECT id
                FROM paypal_events
                WHERE id = ANY(\(ids)) AND status IN ('applied', 'ignored', 'flagged')
                """
            )
            .decode(String.self)
        )
    }

    package func payPalOrders(among ids: [String], of merchant: Merchant.ID) throws(PostgresError) -> Set<String> {
        Set(
            try rows("SELECT id FROM paypal_orders WHERE id = ANY(\(ids)) AND merchant = \(merchant)")
                .decode(String.self)
        )
    }

    package func payPalCaptures(
        among ids: [String],
        of merchant: Merchant.ID
    ) throws(PostgresError) -> [String: PayPalCapture.Status] {
        let found = try rows(
            "SELECT id, status FROM paypal_captures WHERE id = ANY(\(ids)) AND merchant = \(merchant)"
        )
        .decode((String, PayPalCapture.Status).self)
        return Dictionary(found) { first, _ in first }
    }

    package func payPalRefunds(
        among ids: [String],
        of merchant: Merchant.ID
    ) throws(PostgresError) -> [String: PayPalRefund.Status] {
        let found = try rows(
            "SELECT id, status FROM paypal_refunds WHERE id = ANY(\(ids)) AND merchant = \(merchant)"
        )
        .decode((String, PayPalRefund.Status).self)
        return Dictionary(found) { first, _ in first }
    }

    /// Captures that we hold as money taken, of a span.
    package func payPalCaptures(
        takenFrom start: Date,
        to end: Date,
        of merchant: Merchant.ID
    ) throws(PostgresError) -> [String] {
        try rows(
            """
            SELECT id
            FROM paypal_captures
            WHERE merchant = \(merchant)
              AND created_at BETWEEN \(start) AND \(end)
              AND status IN ('COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'REVERSED')
            ORDER BY created_at, id
            """
        )
        .decode(String.self)
    }

    // MARK: What is open

    /// When the oldest charge was first sent whose outcome nobody knows.
    package func oldestOpenCharge(in environment: Merchant.Environment) throws(PostgresError) -> Date? {
        try rows(
            """
            SELECT min(a.first_sent_at)
            FROM charge_attempts a
            JOIN vault_subscriptions s ON s.id = a.subscription
            JOIN merchants m ON m.id = s.merchant
            WHERE a.state IN ('sending', 'indeterminate', 'settling', 'review')
              AND m.environment = \(environment)
            """
        )
        .decode(Date?.self).first ?? nil
    }

    /// Orders of a merchant that are not over here: made in the last days, captured without a known outcome, or of a
    /// charge that nobody can tell the outcome of.
    package func openPayPalOrders(
        of merchant: Merchant.ID,
        madeSince start: Date,
        until end: Date
    ) throws(PostgresError) -> [String] {
        try rows(
            """
            SELECT id
            FROM paypal_orders
            WHERE merchant = \(merchant)
              AND created_at <= \(end)
              AND (created_at >= \(start) AND status NOT IN ('COMPLETED', 'VOIDED') OR capturing_since <= \(end))
            UNION
            SELECT a.order_id
            FROM charge_attempts a
            JOIN vault_subscriptions s ON s.id = a.subscription
            WHERE s.merchant = \(merchant)
              AND a.state IN ('sending', 'indeterminate', 'settling', 'review')
              AND a.order_id IS NOT NULL
              AND a.last_sent_at <= \(end)
            ORDER BY 1
            """
        )
        .decode(String.self)
    }

    /// Whether somebody waits to hear what became of the charge by this order.
    package func isChargeOpen(order id: String) throws(PostgresError) -> Bool {
        try !rows(
            """
            SELECT
            FROM charge_attempts
            WHERE order_id = \(id) AND state IN ('sending', 'indeterminate', 'settling', 'review')
            LIMIT 1
            """
        )
        .isEmpty
    }

    /// Captures that PayPal had yet to settle.
    package func pendingCaptures(of merchant: Merchant.ID, until end: Date) throws(PostgresError) -> [String] {
        try pending("paypal_captures", of: merchant, until: end)
    }

    package func pendingRefunds(of merchant: Merchant.ID, until end: Date) throws(PostgresError) -> [String] {
        try pending("paypal_refunds", of: merchant, until: end)
    }

    private func pending(
        _ table: StaticString,
        of merchant: Merchant.ID,
        until end: Date
    ) throws(PostgresError) -> [String] {
        try rows(
            """
            SELECT id
            FROM \(raw: table)
            WHERE merchant = \(merchant) AND status = 'PENDING' AND created_at <= \(end)
            ORDER BY created_at, id
            """
        )
        .decode(String.self)
    }
}
