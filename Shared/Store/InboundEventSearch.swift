package import Domain
package import Foundation
package import Postgres

/// Which inbound events of a site an operator looks for; what is nil matches all.
package struct InboundEventSearch: Sendable {
    package var site: Site.ID
    package var email: EmailAddress?
    package var order: String?
    package var name: String?
    package var status: InboundEvent.Status?
    package var deliveryKeys: [String]?
    package var since: Date?
    package var until: Date?
    /// Goes on behind this event.
    package var after: InboundEvent.ID?
    package var limit = 50

    package init(site: Site.ID) { self.site = site }
}

/// An inbound event as an operator sees one; its body is asked for apart.
package struct FoundInboundEvent: Sendable, Hashable {
    package var id: InboundEvent.ID
    package var provider: Provider
    package var deliveryKey: String
    package var name: String
    package var source: InboundEvent.Source
    package var mode: Mode?
    package var order: String?
    package var email: String?
    package var occurredAt: Date?
    package var receivedAt: Date
    package var appliedAt: Date
    package var status: InboundEvent.Status
    package var reason: String?

    fileprivate init(row: Row) throws(PostgresError) {
        id = try row["id"]
        provider = try row["provider"]
        deliveryKey = try row["delivery_key"]
        name = try row["name"]
        source = try row["source"]
        mode = try row["mode"]
        order = try row["order_number"]
        email = try row["email"]
        occurredAt = try row["occurred_at"]
        receivedAt = try row["received_at"]
        status = try row["status"]
        appliedAt = try row["applied_at"]
        reason = try row["reason"]
    }
}

extension Transaction {
    /// Events that fit, the newest first.
    package func search(_ search: InboundEventSearch) throws(PostgresError) -> [FoundInboundEvent] {
        var conditions: [Query] = ["site = \(search.site)"]
        if let email = search.email { conditions.append("email = \(email.normalized)") }
        if let order = search.order { conditions.append("order_number = \(order)") }
        if let name = search.name { conditions.append("name = \(name)") }
        if let status = search.status { conditions.append("status = \(status)") }
        if let keys = search.deliveryKeys { conditions.append("delivery_key = ANY(\(keys))") }
        if let since = search.since { conditions.append("received_at >= \(since)") }
        if let until = search.until { conditions.append("received_at < \(until)") }
        if let after = search.after {
            conditions.append(
                "(received_at, id) < (SELECT a.received_at, a.id FROM inbound_events a WHERE a.id = \(after))"
            )
        }
        return try foundEvents(
            """
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY received_at DESC, id DESC
            LIMIT \(search.limit)
            """
        )
    }

    package func foundInboundEvent(_ id: InboundEvent.ID, of site: Site.ID) throws(PostgresError) -> FoundInboundEvent?
    {
        try foundEvents("WHERE id = \(id) AND site = \(site)").first
    }

    /// The stored bytes, which never hold the secret.
    package func inboundEventBody(_ id: InboundEvent.ID) throws(PostgresError) -> [UInt8]? {
        try rows("SELECT body FROM inbound_events WHERE id = \(id)").first?["body"]
    }

    private func foundEvents(_ condition: Query) throws(PostgresError) -> [FoundInboundEvent] {
        let query: Query = """
            SELECT id, provider, delivery_key, name, source, mode, order_number, email, occurred_at, received_at,
                applied_at, status, reason
            FROM inbound_events
            """
        return try rows("\(query) \(condition)").values(FoundInboundEvent.init(row:))
    }
}
