package import Domain
package import Foundation
package import Postgres

/// The next that are due at one endpoint, in their order.
package struct DueSearch: Sendable, Hashable {
    /// A place in an endpoint's order.
    package struct Place: Sendable, Hashable {
        package var dueAt: Date
        package var position: Int64
    }

    package var endpoint: Endpoint.ID
    /// Goes on behind this one.
    package var after: Place?

    package init(at endpoint: Endpoint.ID, after: Place? = nil) {
        self.endpoint = endpoint
        self.after = after
    }

    package static let limit = 64
}

/// What is due at one endpoint, and all that sending it needs.
package struct DueDeliveries: Sendable {
    /// Nil when there is no such endpoint, or nothing is due.
    package var endpoint: OutgoingEndpoint?
    package var deliveries: [OutgoingDelivery] = []
    /// Where the next search goes on; nil when this was all.
    package var next: DueSearch?
}

/// What all deliveries to one endpoint need.
package struct OutgoingEndpoint: Sendable, Hashable {
    package var id: Endpoint.ID
    /// Nil: the merchant wants no forwards any more.
    package var url: String?
    package var merchant: Merchant.ID?
    /// The newest first; a merchant's is its own and stands in the forward.
    package var secrets: [EndpointSecret] = []
}

/// All that one attempt needs beside its endpoint.
package struct OutgoingDelivery: Sendable, Hashable {
    package var delivery: Delivery.ID
    package var turn: Int
    package var endpoint: Endpoint.ID
    package var message: Message.ID
    package var type: String
    /// As it was staged; sent as it is.
    package var body: [UInt8]
    /// The try's number in the present schedule, from 1.
    package var step: Int
    /// Whom it is about, while it was never tried: first attempts about one subject go in their order.
    package var untried: UUID?
    /// Nil for what goes to a site.
    package var forward: OutgoingForward?

    package init(
        delivery: Delivery.ID,
        turn: Int,
        endpoint: Endpoint.ID,
        message: Message.ID,
        type: String,
        body: [UInt8],
        step: Int,
        untried: UUID? = nil
    ) {
        self.delivery = delivery
        self.turn = turn
        self.endpoint = endpoint
        self.message = message
        self.type = type
        self.body = body
        self.step = step
        self.untried = untried
    }
}

extension Transaction {
    /// What is due at each of the endpoints, in the searches' order. Nothing is written: an endpoint's deliveries are only
    /// sent by its round, and there is one at a time.
    package func due(_ searches: [DueSearch], at now: Date) throws(PostgresError) -> [DueDeliveries] {
        try planForGrowth()
        var found: [Endpoint.ID: (deliveries: [OutgoingDelivery], last: DueSearch.Place?)] = [:]
        for row in try dueRows(searches, at: now) {
            let (delivery, place) = try outgoing(row)
            found[delivery.endpoint, default: ([], nil)].deliveries.append(delivery)
            found[delivery.endpoint, default: ([], nil)].last = place
        }
        guard !found.isEmpty else { return searches.map { _ in DueDeliveries() } }
        let endpoints = try outgoingEndpoints(Array(found.keys), at: now)
        let forMerchants = found.filter { endpoints[$0.key]?.merchant != nil }
            .flatMap(\.value.deliveries).map(\.message)
        let forwards = try forMerchants.isEmpty ? [:] : outgoingForwards(forMerchants)
        return searches.map { search in
            guard let (deliveries, last) = found[search.endpoint] else { return DueDeliveries() }
            return DueDeliveries(
                endpoint: endpoints[search.endpoint],
                deliveries: deliveries.map { delivery in
                    var delivery = delivery
                    delivery.forward = forwards[delivery.message]
                    return delivery
                },
                next: deliveries.count < DueSearch.limit ? nil : DueSearch(at: search.endpoint, after: last)
            )
        }
    }

    /// By the later of two clocks: what another machine has planned for its now is due.
    private func dueRows(_ searches: [DueSearch], at now: Date) throws(PostgresError) -> Rows {
        let start = Date(timeIntervalSince1970: 0)
        return try rows(
            """
            SELECT d.endpoint, d.due_at, d.position, d.id, d.turn, d.step, d.untried, m.id, m.type, m.body
            FROM unnest(\(searches.map(\.endpoint)), \(searches.map { $0.after?.dueAt ?? start }),
                \(searches.map { $0.after?.position ?? 0 })) AS s (endpoint, due_at, position)
            CROSS JOIN LATERAL (
                SELECT d.id, d.endpoint, d.due_at, d.position, d.turn, d.step, d.message,
                    CASE WHEN d.attempts = 0 THEN d.subject END AS untried
                FROM deliveries d
                WHERE d.endpoint = s.endpoint
                  AND d.state = 'pending'
                  AND d.due_at <= greatest(\(now), now())
                  AND (d.due_at, d.position) > (s.due_at, s.position)
                ORDER BY d.due_at, d.position
                LIMIT \(DueSearch.limit)
            ) d
            JOIN outbox m ON m.id = d.message
            ORDER BY d.endpoint, d.due_at, d.position
            """
        )
    }

    private func outgoing(_ row: Row) throws(PostgresError) -> (OutgoingDelivery, DueSearch.Place) {
        // By number, since there are thousands a second.
        let delivery = OutgoingDelivery(
            delivery: try row[3],
            turn: try row[4],
            endpoint: try row[0],
            message: try row[7],
            type: try row[8],
            body: try row[9],
            step: try row[5, as: Int.self] + 1,
            untried: try row[6]
        )
        return (delivery, DueSearch.Place(dueAt: try row[1], position: try row[2]))
    }

    private func outgoingEndpoints(
        _ ids: [Endpoint.ID],
        at now: Date
    ) throws(PostgresError) -> [Endpoint.ID: OutgoingEndpoint] {
        let secrets = Dictionary(grouping: try secrets(of: ids, at: now), by: \.endpoint)
        var found: [Endpoint.ID: OutgoingEndpoint] = [:]
        for row in try rows(
            """
            SELECT e.id, CASE WHEN e.merchant IS NULL THEN e.url ELSE r.webhooks_url END AS url, e.merchant
            FROM endpoints e
            LEFT JOIN merchants r ON r.id = e.merchant
            WHERE e.id = ANY(\(ids))
            """
        ) {
            let id: Endpoint.ID = try row["id"]
            found[id] = OutgoingEndpoint(
                id: id,
                url: try row["url"],
                merchant: try row["merchant"],
                secrets: secrets[id] ?? []
            )
        }
        return found
    }

    /// What waits for a merchant that has taken its address away.
    package func cancelDeliveries(to endpoint: Endpoint.ID, at now: Date) throws(PostgresError) {
        try run(
            """
            UPDATE deliveries
            SET state = 'canceled', settled_at = \(now), turn = turn + 1
            WHERE endpoint = \(endpoint)
              AND state = 'pending'
            """
        )
    }
}
