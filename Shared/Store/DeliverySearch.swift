package import Domain
package import Foundation
package import Postgres

/// Which deliveries of an owner an operator looks for; what is nil matches all.
package struct DeliverySearch: Sendable {
    package var owner: Message.Owner
    package var endpoint: Endpoint.ID?
    package var type: String?
    package var email: EmailAddress?
    /// The provider's order id.
    package var order: String?
    package var state: Delivery.State?
    package var since: Date?
    /// Goes on behind this one.
    package var after: Delivery.ID?
    package var limit = 50

    package init(of owner: Message.Owner) { self.owner = owner }
}

/// A delivery as an operator sees one.
package struct FoundDelivery: Sendable, Hashable {
    package var id: Delivery.ID
    package var endpoint: Endpoint.ID
    package var url: String
    package var message: Message.ID
    package var type: String
    package var email: String?
    package var order: String?
    package var state: Delivery.State
    package var attempts: Int
    /// The last attempt's.
    package var status: Int?
    package var failure: String?
    package var createdAt: Date
    /// Of the next try; nil when there is none.
    package var dueAt: Date?
    package var settledAt: Date?
}

/// One POST as an operator sees it.
package struct FoundAttempt: Sendable, Hashable {
    package var delivery: Delivery.ID
    package var number: Int
    package var at: Date
    package var status: Int?
    package var failure: String?
    package var latency: Duration
    /// The beginning of the answer.
    package var answer: [UInt8]
    package var nextAt: Date?
    package var recordedAt: Date

    init(row: Row) throws(PostgresError) {
        delivery = try row["delivery"]
        number = try row["number"]
        at = try row["at"]
        status = try row["status"]
        failure = try row["failure"]
        latency = .milliseconds(try row["latency_ms", as: Int.self])
        answer = try row["answer"]
        nextAt = try row["next_at"]
        recordedAt = try row["recorded_at"]
    }
}

extension Transaction {
    /// Deliveries that fit, the latest message first.
    package func search(_ search: DeliverySearch) throws(PostgresError) -> [FoundDelivery] {
        var conditions: [Query] = ["m.owner = \(search.owner.uuid)"]
        if let endpoint = search.endpoint { conditions.append("d.endpoint = \(endpoint)") }
        if let type = search.type { conditions.append("m.type = \(type)") }
        if let email = search.email {
            conditions.append(
                "m.member IN (SELECT p.id FROM members p WHERE p.site = m.owner AND p.email = \(email.normalized))"
            )
        }
        if let order = search.order { conditions.append("o.number = \(order)") }
        if let state = search.state { conditions.append("d.state = \(state)") }
        if let since = search.since { conditions.append("m.created_at >= \(since)") }
        if let after = search.after {
            conditions.append(
                """
                (m.created_at, m.position, d.id) < (
                    SELECT n.created_at, n.position, a.id
                    FROM deliveries a
                    JOIN outbox n ON n.id = a.message
                    WHERE a.id = \(after))
                """
            )
        }
        return try foundDeliveries(
            """
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY m.created_at DESC, m.position DESC, d.id DESC
            LIMIT \(search.limit)
            """
        )
    }

    package func foundDelivery(_ id: Delivery.ID) throws(PostgresError) -> FoundDelivery? {
        try foundDeliveries("WHERE d.id = \(id)").first
    }

    private func foundDeliveries(_ rest: Query) throws(PostgresError) -> [FoundDelivery] {
        try rows(
            """
            SELECT d.id, d.endpoint, e.url, d.message, m.type, p.email_original, o.number, d.state, d.attempts,
                a.status, a.failure, d.created_at, CASE WHEN d.state = 'pending' THEN d.due_at END AS due_at,
                d.settled_at
            FROM deliveries d
            JOIN endpoints e ON e.id = d.endpoint
            JOIN outbox m ON m.id = d.message
            LEFT JOIN members p ON p.id = m.member
            LEFT JOIN orders o ON o.id = m.order_id
            LEFT JOIN delivery_attempts a ON a.delivery = d.id AND a.number = d.attempts
            \(rest)
            """
        )
        .values { row throws(PostgresError) in
            FoundDelivery(
                id: try row["id"],
                endpoint: try row["endpoint"],
                url: try row["url"],
                message: try row["message"],
                type: try row["type"],
                email: try row["email_original"],
                order: try row["number"],
                state: try row["state"],
                attempts: try row["attempts"],
                status: try row["status"],
                failure: try row["failure"],
                createdAt: try row["created_at"],
                dueAt: try row["due_at"],
                settledAt: try row["settled_at"]
            )
        }
    }

    /// The first try first.
    package func attempts(of delivery: Delivery.ID) throws(PostgresError) -> [FoundAttempt] {
        try rows(
            """
            SELECT delivery, number, at, status, failure, latency_ms, answer, next_at, recorded_at
            FROM delivery_attempts
            WHERE delivery = \(delivery)
            ORDER BY number
            """
        )
        .values(FoundAttempt.init(row:))
    }

    /// An owner's attempts in the order in which they were kept, with address and event: what a live tail shows.
    package func attempts(
        of owner: Message.Owner,
        recordedAfter moment: Date,
        limit: Int
    ) throws(PostgresError) -> [(attempt: FoundAttempt, url: String, type: String)] {
        try rows(
            """
            SELECT a.delivery, a.number, a.at, a.status, a.failure, a.latency_ms, a.answer, a.next_at, a.recorded_at,
                e.url, m.type
            FROM delivery_attempts a
            JOIN deliveries d ON d.id = a.delivery
            JOIN endpoints e ON e.id = d.endpoint
            JOIN outbox m ON m.id = d.message
            WHERE a.recorded_at > \(moment)
              AND d.owner = \(owner.uuid)
            ORDER BY a.recorded_at, a.delivery, a.number
            LIMIT \(limit)
            """
        )
        .values { row throws(PostgresError) in
            (try FoundAttempt(row: row), try row["url", as: String.self], try row["type", as: String.self])
        }
    }

    /// The bytes that were sent.
    package func messageBody(_ id: Message.ID) throws(PostgresError) -> [UInt8]? {
        try rows("SELECT body FROM outbox WHERE id = \(id)").decode([UInt8].self).first
    }
}
