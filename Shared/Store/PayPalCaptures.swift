package import Domain
package import Foundation
package import Postgres

extension Transaction {
    private static var columns: StaticString {
        "id, merchant, order_id, subscription, status, amount_minor, currency, created_at"
    }

    /// Keeps a capture, or the later state of one. False when it is another merchant's, or when nothing is new.
    ///
    /// What is told late never takes a capture back: a COMPLETED that comes after REFUNDED changes nothing.
    @discardableResult
    package func save(_ capture: PayPalCapture, at now: Date) throws(PostgresError) -> Bool {
        try save([capture], at: now) == 1
    }

    /// The same for many, no two with one id; how many were kept.
    @discardableResult
    func save(_ captures: [PayPalCapture], at now: Date) throws(PostgresError) -> Int {
        var kept = 0
        for (status, alike) in Dictionary(grouping: captures, by: \.status) {
            let earlier = PayPalCapture.Status.allCases.filter { $0.rank < status.rank }
            kept += try run(
                """
                INSERT INTO paypal_captures AS c (id, merchant, order_id, subscription, status, amount_minor, currency,
                    created_at, updated_at)
                SELECT n.*, \(now)
                FROM unnest(\(alike.map(\.id)), \(alike.map(\.merchant)), \(alike.map(\.order)),
                    \(alike.map(\.subscription)), \(alike.map(\.status)), \(alike.map(\.amount.minorUnits)),
                    \(alike.map(\.amount.currency)), \(alike.map(\.createdAt))) AS n
                ON CONFLICT (id) DO UPDATE
                SET status = excluded.status, updated_at = excluded.updated_at
                WHERE c.merchant = excluded.merchant
                  AND c.status = ANY(\(earlier))
                """
            )
        }
        return kept
    }

    package func payPalCapture(_ id: String) throws(PostgresError) -> PayPalCapture? {
        try rows("SELECT \(raw: Self.columns) FROM paypal_captures WHERE id = \(id)")
            .values(PayPalCapture.init(row:)).first
    }

    /// Nil for another merchant's as for none at all.
    package func payPalCapture(_ id: String, of merchant: Merchant.ID) throws(PostgresError) -> PayPalCapture? {
        try rows("SELECT \(raw: Self.columns) FROM paypal_captures WHERE id = \(id) AND merchant = \(merchant)")
            .values(PayPalCapture.init(row:)).first
    }

    package func payPalCaptures(ofOrder id: String) throws(PostgresError) -> [PayPalCapture] {
        try rows("SELECT \(raw: Self.columns) FROM paypal_captures WHERE order_id = \(id) ORDER BY created_at, id")
            .values(PayPalCapture.init(row:))
    }
}

extension PayPalCapture {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            merchant: try row["merchant"],
            order: try row["order_id"],
            subscription: try row["subscription"],
            status: try row["status"],
            amount: Money(minorUnits: try row["amount_minor"], currency: try row["currency"]),
            createdAt: try row["created_at"]
        )
    }
}
