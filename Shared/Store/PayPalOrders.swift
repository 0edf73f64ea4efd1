package import Domain
package import Foundation
package import Postgres

extension Transaction {
    private static var columns: StaticString {
        """
        id, merchant, subscription, status, amount_minor, currency, custom_id, invoice_id, debug_id, capturing_since,
        created_at
        """
    }

    /// Keeps an order, or what is new about it. False when the id belongs to another merchant: then nothing is changed,
    /// and nothing of it may be shown.
    package func save(_ order: PayPalOrder, at now: Date) throws(PostgresError) -> Bool {
        try save([order], at: now).contains(order.id)
    }

    /// The same for many, no two with one id; the ids of those that were kept.
    func save(_ orders: [PayPalOrder], at now: Date) throws(PostgresError) -> Set<String> {
        let kept = try rows(
            """
            INSERT INTO paypal_orders AS o (id, merchant, subscription, status, amount_minor, currency, custom_id,
                invoice_id, debug_id, created_at, updated_at)
            SELECT n.*, \(now)
            FROM unnest(\(orders.map(\.id)), \(orders.map(\.merchant)), \(orders.map(\.subscription)),
                \(orders.map(\.status)), \(orders.map(\.amount?.minorUnits)), \(orders.map(\.amount?.currency)),
                \(orders.map(\.customID)), \(orders.map(\.invoiceID)), \(orders.map(\.debugID)),
                \(orders.map(\.createdAt))) AS n
            ON CONFLICT (id) DO UPDATE
            SET status = CASE WHEN o.status = 'COMPLETED' THEN o.status ELSE excluded.status END,
                subscription = coalesce(o.subscription, excluded.subscription),
                amount_minor = coalesce(o.amount_minor, excluded.amount_minor),
                currency = coalesce(o.currency, excluded.currency),
                debug_id = coalesce(excluded.debug_id, o.debug_id),
                updated_at = excluded.updated_at
            WHERE o.merchant = excluded.merchant
            RETURNING o.id
            """
        )
        return Set(try kept.decode(String.self))
    }

    package func payPalOrder(_ id: String) throws(PostgresError) -> PayPalOrder? {
        try rows("SELECT \(raw: Self.columns) FROM paypal_orders WHERE id = \(id)").values(PayPalOrder.init(row:)).first
    }

    /// Nil for another merchant's as for none at all.
    package func payPalOrder(_ id: String, of merchant: Merchant.ID) throws(PostgresError) -> PayPalOrder? {
        try rows("SELECT \(raw: Self.columns) FROM paypal_orders WHERE id = \(id) AND merchant = \(merchant)")
            .values(PayPalOrder.init(row:)).first
    }

    /// The oldest order of a subscription; of a vault-first one that of its first charge.
    package func firstOrder(of subscription: VaultSubscription.ID) throws(PostgresError) -> String? {
        try rows(
            """
            SELECT id
            FROM paypal_orders
            WHERE subscription = \(subscription)
            ORDER BY created_at, id
            LIMIT 1
            """
        )
        .decode(String.self).first
    }

    /// Writes down that money may move from now on; must be committed before PayPal is asked to capture. False when an
    /// earlier mark stands there still.
    package func markCapturing(_ id: String, of merchant: Merchant.ID, at now: Date) throws(PostgresError) -> Bool {
        try run(
            """
            UPDATE paypal_orders
            SET capturing_since = \(now), updated_at = \(now)
            WHERE id = \(id) AND merchant = \(merchant)
              AND capturing_since IS NULL
            """
        ) == 1
    }

    /// The outcome of the capture is known, and written down in the same transaction.
    package func clearCapturing(_ id: String, of merchant: Merchant.ID, at now: Date) throws(PostgresError) {
        try run(
            """
            UPDATE paypal_orders
            SET capturing_since = NULL, updated_at = \(now)
            WHERE id = \(id) AND merchant = \(merchant)
            """
        )
    }

    /// Orders whose capture began before `time` and has no outcome yet, the oldest first, page by page.
    package func ordersCapturing(
        since time: Date,
        after last: PayPalOrder? = nil,
        limit: Int
    ) throws(PostgresError) -> [PayPalOrder] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM paypal_orders
            WHERE capturing_since < \(time)
              AND (\(last?.capturingSince) IS NULL OR (capturing_since, id) > (\(last?.capturingSince), \(last?.id)))
            ORDER BY capturing_since, id
            LIMIT \(limit)
            """
        )
        .values(PayPalOrder.init(row:))
    }
}

extension PayPalOrder {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            merchant: try row["merchant"],
            subscription: try row["subscription"],
            status: try row["status"],
            amount: try Money(row: row),
            customID: try row["custom_id"],
            invoiceID: try row["invoice_id"],
            debugID: try row["debug_id"],
            capturingSince: try row["capturing_since"],
            createdAt: try row["created_at"]
        )
    }
}
