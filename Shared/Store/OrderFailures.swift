import Domain
import Postgres

extension Transaction {
    func failures(of items: [OrderItem.ID]) throws(PostgresError) -> [OrderItem.ID: [String: ItemFailure]] {
        let found = try rows(
            "SELECT order_item, key, failed_at, invoice FROM order_failures WHERE order_item = ANY(\(items))"
        )
        var failures: [OrderItem.ID: [String: ItemFailure]] = [:]
        for row in found {
            failures[try row["order_item"], default: [:]][try row["key"]] = ItemFailure(
                failedAt: try row["failed_at"],
                invoice: try row["invoice"]
            )
        }
        return failures
    }

    func save(_ failures: [String: ItemFailure], of item: OrderItem.ID) throws(PostgresError) {
        for (key, failure) in failures {
            try run(
                """
                INSERT INTO order_failures (order_item, key, failed_at, invoice)
                VALUES (\(item), \(key), \(failure.failedAt), \(failure.invoice))
                ON CONFLICT (order_item, key) DO UPDATE
                SET failed_at = excluded.failed_at, invoice = excluded.invoice
                """
            )
        }
    }
}
