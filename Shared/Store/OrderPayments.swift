import Domain
import Foundation
import Postgres

extension Transaction {
    private static var columns: StaticString {
        "order_item, key, paid_at, timed, invoice, amount_gross, next_due, frequency, remaining"
    }

    func payments(of items: [OrderItem.ID]) throws(PostgresError) -> [OrderItem.ID: [String: ItemPayment]] {
        let found = try rows("SELECT \(raw: Self.columns) FROM order_payments WHERE order_item = ANY(\(items))")
        var payments: [OrderItem.ID: [String: ItemPayment]] = [:]
        for row in found {
            payments[try row["order_item"], default: [:]][try row["key"]] = ItemPayment(
                paidAt: try row["paid_at"],
                isTimed: try row["timed"],
                invoice: try row["invoice"],
                amountGross: try row["amount_gross"],
                nextDue: try row["next_due"],
                frequency: try row["frequency"],
                remaining: try row["remaining"]
            )
        }
        return payments
    }

    func save(_ payments: [String: ItemPayment], of item: OrderItem.ID) throws(PostgresError) {
        for (key, payment) in payments {
            try run(
                """
                INSERT INTO order_payments (\(raw: Self.columns))
                VALUES (\(item), \(key), \(payment.paidAt), \(payment.isTimed), \(payment.invoice),
                    \(payment.amountGross), \(payment.nextDue), \(payment.frequency), \(payment.remaining))
                ON CONFLICT (order_item, key) DO UPDATE
                SET paid_at = excluded.paid_at, timed = excluded.timed, invoice = excluded.invoice,
                    amount_gross = excluded.amount_gross, next_due = excluded.next_due,
                    frequency = excluded.frequency, remaining = excluded.remaining
                """
            )
        }
    }
}
