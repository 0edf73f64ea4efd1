package import Domain
package import Foundation
package import Postgres

extension Transaction {
    private static var columns: StaticString { "id, merchant, capture, status, amount_minor, currency, created_at" }

    /// Keeps a refund, or its later state. False when it is another merchant's, or when nothing is new.
    @discardableResult
    package func save(_ refund: PayPalRefund, at now: Date) throws(PostgresError) -> Bool {
        try run(
            """
            INSERT INTO paypal_refunds AS r (id, merchant, capture, status, amount_minor, currency, created_at,
                updated_at)
            VALUES (\(refund.id), \(refund.merchant), \(refund.capture), \(refund.status),
                \(refund.amount?.minorUnits), \(refund.amount?.currency), \(refund.createdAt), \(now))
            ON CONFLICT (id) DO UPDATE
            SET status = excluded.status, updated_at = excluded.updated_at,
                amount_minor = coalesce(r.amount_minor, excluded.amount_minor),
                currency = coalesce(r.currency, excluded.currency)
            WHERE r.merchant = excluded.merchant
              AND (r.status = 'PENDING' AND excluded.status <> 'PENDING' OR r.amount_minor IS NULL)
            """
        ) == 1
    }

    package func payPalRefunds(ofCapture id: String) throws(PostgresError) -> [PayPalRefund] {
        try rows("SELECT \(raw: Self.columns) FROM paypal_refunds WHERE capture = \(id) ORDER BY created_at, id")
            .values(PayPalRefund.init(row:))
    }
}

extension PayPalRefund {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            merchant: try row["merchant"],
            capture: try row["capture"],
            status: try row["status"],
            amount: try Money(row: row),
            createdAt: try row["created_at"]
        )
    }
}
