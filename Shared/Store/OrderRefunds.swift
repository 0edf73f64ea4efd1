import Domain
import Postgres

extension Transaction {
    private static var columns: StaticString {
        "order_item, key, refunded_at, invoice, amount_gross, order_total_gross"
    }

    func refunds(of items: [OrderItem.ID]) throws(PostgresError) -> [OrderItem.ID: [String: ItemRefund]] {
        let found = try rows("SELECT \(raw: Self.columns) FROM order_refunds WHERE order_item = ANY(\(items))")
        var refunds: [OrderItem.ID: [String: ItemRefund]] = [:]
        for row in found {
            refunds[try row["order_item"], default: [:]][try row["key"]] = ItemRefund(
                refundedAt: try row["refunded_at"],
                invoice: try row["invoice"],
                amountGross: try row["amount_gross"],
                orderTotalGross: try row["order_total_gross"]
            )
        }
        return refunds
    }

    func save(_ refunds: [String: ItemRefund], of item: OrderItem.ID) throws(PostgresError) {
        for (key, refund) in refunds {
            try run(
                """
                INSERT INTO order_refunds (\(raw: Self.columns))
                VALUES (\(item), \(key), \(refund.refundedAt), \(refund.invoice), \(refund.amountGross),
                    \(refund.orderTotalGross))
                ON CONFLICT (order_item, key) DO UPDATE
                SET refunded_at = excluded.refunded_at, invoice = excluded.invoice,
                    amount_gross = excluded.amount_gross, order_total_gross = excluded.order_total_gross
                """
            )
        }
    }
}
