package import Domain
package import Postgres

/// Which order of a site is meant; what is nil matches all.
package struct OrderSearch: Sendable {
    package var site: Site.ID
    package var provider: Provider
    package var number: String?
    /// Whom any of its events named.
    package var email: EmailAddress?
    package var mode: Mode?

    package init(site: Site.ID, provider: Provider, number: String? = nil, email: EmailAddress? = nil, mode: Mode? = nil) {
        self.site = site
        self.provider = provider
        self.number = number
        self.email = email
        self.mode = mode
    }
}

extension Transaction {
    /// The newest order that fits, by its sale.
    package func newestOrder(_ search: OrderSearch) throws(PostgresError) -> StoredOrder? {
        var conditions: [Query] = ["o.site = \(search.site)", "o.provider = \(search.provider)"]
        if let number = search.number { conditions.append("o.number = \(number)") }
        if let mode = search.mode { conditions.append("o.mode = \(mode)") }
        if let email = search.email {
            conditions.append(
                "EXISTS (SELECT FROM order_buyers b WHERE b.order_id = o.id AND b.email = \(email.normalized))"
            )
        }
        let found = try rows(
            """
            SELECT o.id
            FROM orders o
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY o.sold_at DESC NULLS LAST, o.id DESC
            LIMIT 1
            """
        )
        .decode(Order.ID.self).first
        return try found.flatMap { id throws(PostgresError) in try order(id) }
    }
}
