package import Domain
import Foundation
package import Postgres

extension Transaction {
    /// The columns of one aspect stand together; those of a sale are null until it comes.
    private static var columns: StaticString {
        """
        id, order_id, item_key, sold_at, name, paid_gross, recurs, next_due, frequency, subscription,
        suspension, suspended_at, suspension_period_end, cancelled_at, cancelled_period_end, completed_at
        """
    }

    func loadItems(into orders: inout [StoredOrder]) throws(PostgresError) {
        let found = try rows(
            "SELECT \(raw: Self.columns) FROM order_items WHERE order_id = ANY(\(orders.map(\.id)))"
        )
        .values(ItemRow.init(row:))
        guard !found.isEmpty else { return }

        let ids = found.map(\.id)
        let payments = try payments(of: ids)
        let failures = try failures(of: ids)
        let refunds = try refunds(of: ids)
        let places = Dictionary(uniqueKeysWithValues: orders.indices.map { (orders[$0].id, $0) })
        for row in found {
            guard let place = places[row.order] else { continue }
            var item = row.item
            item.payments = payments[row.id] ?? [:]
            item.failures = failures[row.id] ?? [:]
            item.refunds = refunds[row.id] ?? [:]
            orders[place].itemIDs[row.key] = row.id
            if let key = row.key {
                orders[place].ledger.items[key] = item
            } else {
                orders[place].ledger.unplaced = item
            }
        }
    }

    func saveItems(of order: inout StoredOrder, touchedBy news: Order, at now: Date) throws(PostgresError) {
        var touched: [(key: ItemKey?, item: OrderItem)] = news.items.keys.sorted().compactMap { key in
            order.ledger.items[key].map { (key, $0) }
        }
        if news.unplaced != OrderItem() { touched.append((nil, order.ledger.unplaced)) }

        for (key, item) in touched {
            let id = try save(item, key: key, of: order, at: now)
            order.itemIDs[key] = id
            let told = key.flatMap { news.items[$0] } ?? news.unplaced
            try save(item.payments.filter { told.payments[$0.key] != nil }, of: id)
            try save(item.failures.filter { told.failures[$0.key] != nil }, of: id)
            try save(item.refunds.filter { told.refunds[$0.key] != nil }, of: id)
        }
    }

    private func save(
        _ item: OrderItem,
        key: ItemKey?,
        of order: StoredOrder,
        at now: Date
    ) throws(PostgresError) -> OrderItem.ID {
        let saved = try rows(
            """
            INSERT INTO order_items (\(raw: Self.columns))
            VALUES (\(OrderItem.ID.new(at: now)), \(order.id), \(key),
                \(item.sale?.soldAt), \(item.sale?.name), \(item.sale?.paidGross), \(item.sale?.recurs ?? false),
                \(item.sale?.nextDue), \(item.sale?.frequency), \(item.subscription),
                \(item.suspension?.kind), \(item.suspension?.at), \(item.suspension?.periodEnd),
                \(item.cancellation?.at), \(item.cancellation?.periodEnd), \(item.completedAt))
            ON CONFLICT (order_id, item_key) DO UPDATE
            SET sold_at = excluded.sold_at, name = excluded.name, paid_gross = excluded.paid_gross,
                recurs = excluded.recurs, next_due = excluded.next_due, frequency = excluded.frequency,
                subscription = excluded.subscription, suspension = excluded.suspension,
                suspended_at = excluded.suspended_at, suspension_period_end = excluded.suspension_period_end,
                cancelled_at = excluded.cancelled_at, cancelled_period_end = excluded.cancelled_period_end,
                completed_at = excluded.completed_at
            RETURNING id
            """
        )
        .decode(OrderItem.ID.self)
        // Because an upsert always answers with its row.
        guard let id = saved.first else { throw .decode(column: "order_items.id", reason: "no row was saved") }
        return id
    }
}

private struct ItemRow {
    var id: OrderItem.ID
    var order: Order.ID
    var key: ItemKey?
    var item = OrderItem()

    init(row: Row) throws(PostgresError) {
        id = try row["id"]
        order = try row["order_id"]
        key = try row["item_key"]
        if let soldAt = try row["sold_at", as: Date?.self] {
            item.sale = ItemSale(
                soldAt: soldAt,
                name: try row["name"],
                paidGross: try row["paid_gross"],
                recurs: try row["recurs"],
                nextDue: try row["next_due"],
                frequency: try row["frequency"]
            )
        }
        item.subscription = try row["subscription"]
        if let kind = try row["suspension", as: Suspension.Kind?.self] {
            item.suspension = Suspension(
                kind,
                at: try row["suspended_at"],
                periodEnd: try row["suspension_period_end"]
            )
        }
        if let cancelledAt = try row["cancelled_at", as: Date?.self] {
            item.cancellation = ItemCancellation(at: cancelledAt, periodEnd: try row["cancelled_period_end"])
        }
        item.completedAt = try row["completed_at"]
    }
}
