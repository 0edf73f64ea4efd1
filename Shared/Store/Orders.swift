package import Domain
package import Foundation
package import Postgres

/// An order as it is kept: the ledger, and what we made of it.
package struct StoredOrder: Sendable {
    package var id: Order.ID
    package var site: Site.ID
    package var reference: OrderReference
    /// Nil until something of it opens a plan.
    package var member: Member.ID?
    package var flags: Set<OrderFlag>
    package var ledger: Order
    /// The rows of the ledger's items; nil is the row of events that named none.
    package var itemIDs: [ItemKey?: OrderItem.ID]
}

extension Transaction {
    private static var columns: StaticString {
        """
        id, site, provider, account, mode, number, member, sold_at, invoice, currency, total_gross,
        flags
        """
    }

    /// The order, made if nobody had heard of it, and held until the end of the transaction.
    func lockOrder(
        _ reference: OrderReference,
        of site: Site.ID,
        at now: Date
    ) throws(PostgresError) -> StoredOrder {
        try run(
            """
            INSERT INTO orders (id, site, provider, account, mode, number, created_at, updated_at)
            VALUES (\(Order.ID.new(at: now)), \(site), \(reference.provider), \(reference.account),
                \(reference.mode), \(reference.number), \(now), \(now))
            ON CONFLICT (site, provider, account, mode, number) DO NOTHING
            """
        )
        let found = try orders(
            """
            WHERE site = \(site)
              AND provider = \(reference.provider)
              AND account = \(reference.account)
              AND mode = \(reference.mode)
              AND number = \(reference.number)
            FOR UPDATE
            """
        )
        // Because orders are never deleted, the row is either ours or was there.
        guard let order = found.first else { throw .decode(column: "orders.id", reason: "the order is gone") }
        return order
    }

    /// The order with everything that says whose it is, held until the end of the transaction.
    ///
    /// Customers are locked before orders, everywhere. Throws a lost race when the order got another customer between the
    /// two: run the transaction again.
    package func lockOrderWithCustomers(
        _ reference: OrderReference,
        buyer: Buyer?,
        of site: Site.ID,
        at now: Date
    ) throws(PostgresError) -> StoredOrder {
        let locked = try lockCustomers(of: reference, and: buyer?.customerID, of: site)
        let order = try lockOrder(reference, of: site, at: now)
        let customers = order.ledger.buyers.values.compactMap(\.customer)
        guard customers.allSatisfy({ locked.contains(Self.lockName($0, near: reference, of: site)) }) else {
            throw .server(PostgresError.Refusal(sqlstate: "40001", table: "order_buyers"))
        }
        return order
    }

    /// These orders, held until the end of the transaction; always locked in one order of rows.
    func lockOrders(_ ids: [Order.ID]) throws(PostgresError) -> [StoredOrder] {
        guard !ids.isEmpty else { return [] }
        return try orders("WHERE id = ANY(\(ids)) ORDER BY id FOR UPDATE")
    }

    package func order(_ id: Order.ID) throws(PostgresError) -> StoredOrder? {
        try orders("WHERE id = \(id)").first
    }

    /// The orders of one account that have these numbers.
    package func orders(
        numbered numbers: Set<String>,
        at provider: Provider,
        account: String,
        mode: Mode,
        of site: Site.ID
    ) throws(PostgresError) -> [String: StoredOrder] {
        guard !numbers.isEmpty else { return [:] }
        let found = try orders(
            """
            WHERE site = \(site)
              AND provider = \(provider)
              AND account = \(account)
              AND mode = \(mode)
              AND number = ANY(\(numbers.sorted()))
            """
        )
        return Dictionary(found.map { ($0.reference.number, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private func orders(_ condition: Query) throws(PostgresError) -> [StoredOrder] {
        var orders = try rows("SELECT \(raw: Self.columns) FROM orders \(condition)").values(StoredOrder.init(row:))
        try loadItems(into: &orders)
        try loadBuyers(into: &orders)
        return orders
    }

    /// Writes what `news` touched, as `order` has it now. The row must be locked.
    package func save(_ order: inout StoredOrder, touchedBy news: Order, at now: Date) throws(PostgresError) {
        if news.sale != nil, let sale = order.ledger.sale {
            try run(
                """
                UPDATE orders
                SET sold_at = \(sale.soldAt), invoice = \(sale.invoice), currency = \(sale.currency),
                    total_gross = \(sale.totalGross), updated_at = \(now)
                WHERE id = \(order.id)
                """
            )
        }
        try saveItems(of: &order, touchedBy: news, at: now)
        try saveBuyers(of: order, touchedBy: news)
    }

    func assign(_ orders: [Order.ID], to member: Member.ID, at now: Date) throws(PostgresError) {
        try run("UPDATE orders SET member = \(member), updated_at = \(now) WHERE id = ANY(\(orders))")
    }

    func isHolder(_ member: Member.ID, onlyOf orders: [Order.ID]) throws(PostgresError) -> Bool {
        try rows("SELECT FROM orders WHERE member = \(member) AND NOT id = ANY(\(orders)) LIMIT 1").isEmpty
    }

    /// What was made of the ledger: whose it is, and what a person should look at.
    func saveOutcome(of order: StoredOrder, at now: Date) throws(PostgresError) {
        try run(
            """
            UPDATE orders
            SET member = \(order.member), flags = \(order.flags.sorted()), updated_at = \(now)
            WHERE id = \(order.id)
              AND (member IS DISTINCT FROM \(order.member) OR flags <> \(order.flags.sorted()))
            """
        )
    }

    /// Orders of a site, or those with any of `items`, after `id`, for working through all of them in pages.
    func orderIDs(
        of site: Site.ID,
        holding items: Set<ItemKey>?,
        after id: Order.ID?,
        limit: Int
    ) throws(PostgresError) -> [Order.ID] {
        let holds: Query =
            if let items {
                "AND EXISTS (SELECT FROM order_items i WHERE i.order_id = o.id AND i.item_key = ANY(\(items.sorted())))"
            } else {
                ""
            }
        return try rows(
            """
            SELECT o.id
            FROM orders o
            WHERE o.site = \(site)
              AND (\(id) IS NULL OR o.id > \(id))
              \(holds)
            ORDER BY o.id
            LIMIT \(limit)
            """
        )
        .decode(Order.ID.self)
    }
}

extension StoredOrder {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            site: try row["site"],
            reference: OrderReference(
                provider: try row["provider"],
                account: try row["account"],
                mode: try row["mode"],
                number: try row["number"]
            ),
            member: try row["member"],
            flags: Set(try row["flags", as: [OrderFlag].self]),
            ledger: Order(),
            itemIDs: [:]
        )
        if let soldAt = try row["sold_at", as: Date?.self] {
            ledger.sale = OrderSale(
                soldAt: soldAt,
                invoice: try row["invoice"],
                currency: try row["currency"],
                totalGross: try row["total_gross"]
            )
        }
    }
}
