package import Domain
package import Foundation
package import Postgres

/// What a provider told us, as it is kept.
package struct InboundRecord: Sendable {
    package var id: InboundEvent.ID
    package var site: Site.ID
    package var provider: Provider
    /// Layer 1. Source: rule B1.
    package var deliveryKey: String
    package var name: String
    package var source: InboundEvent.Source
    /// As it came, less the secret.
    package var body: [UInt8]
    package var mode: Mode?
    package var orderNumber: String?
    /// Normalised, for searching.
    package var email: String?
    package var occurredAt: Date?
    package var receivedAt: Date

    package init(
        id: InboundEvent.ID,
        site: Site.ID,
        provider: Provider,
        deliveryKey: String,
        name: String,
        source: InboundEvent.Source,
        body: [UInt8],
        mode: Mode? = nil,
        orderNumber: String? = nil,
        email: String? = nil,
        occurredAt: Date? = nil,
        receivedAt: Date
    ) {
        self.id = id
        self.site = site
        self.provider = provider
        self.deliveryKey = deliveryKey
        self.name = name
        self.source = source
        self.body = body
        self.mode = mode
        self.orderNumber = orderNumber
        self.email = email
        self.occurredAt = occurredAt
        self.receivedAt = receivedAt
    }
}

/// What became of an event.
package enum Verdict: Sendable, Hashable {
    case applied
    /// Without effect by its nature, or no news.
    case ignored(String)
    /// Without effect, and a person may put that right.
    case flagged(String)
    case failed(String)

    /// The fact was told before, by another road.
    package static let known = Verdict.ignored("known")

    package var status: InboundEvent.Status {
        switch self {
        case .applied: .applied
        case .ignored: .ignored
        case .flagged: .flagged
        case .failed: .failed
        }
    }

    package var reason: String? {
        switch self {
        case .applied: nil
        case .ignored(let reason), .flagged(let reason), .failed(let reason): reason
        }
    }
}

extension Transaction {
    /// Keeps an event; nil when the same delivery is kept already. Another one under way is waited for.
    ///
    /// It says `failed` until `settle` says better, in the same transaction.
    package func insert(_ event: InboundRecord, at now: Date) throws(PostgresError) -> InboundEvent.ID? {
        try rows(
            """
            INSERT INTO inbound_events (id, site, provider, delivery_key, name, source, body, mode, order_number, email,
                occurred_at, received_at, applied_at, status, reason)
            VALUES (\(event.id), \(event.site), \(event.provider), \(event.deliveryKey), \(event.name),
                \(event.source), \(event.body), \(event.mode), \(event.orderNumber), \(event.email),
                \(event.occurredAt), \(event.receivedAt), \(now), 'failed', 'not finished')
            ON CONFLICT (site, provider, delivery_key) DO NOTHING
            RETURNING id
            """
        )
        .decode(InboundEvent.ID.self).first
    }

    /// An event that is kept, by its delivery, held until the end of the transaction.
    package func lockInboundEvent(
        _ deliveryKey: String,
        from provider: Provider,
        of site: Site.ID
    ) throws(PostgresError) -> (id: InboundEvent.ID, status: InboundEvent.Status)? {
        let found = try rows(
            """
            SELECT id, status
            FROM inbound_events
            WHERE site = \(site)
              AND provider = \(provider)
              AND delivery_key = \(deliveryKey)
            FOR UPDATE
            """
        )
        return try found.first.map { row throws(PostgresError) in (try row["id"], try row["status"]) }
    }

    /// Writes what is read in an event that is kept already: a later release may see more in it.
    package func reread(_ event: InboundEvent.ID, as record: InboundRecord) throws(PostgresError) {
        try run(
            """
            UPDATE inbound_events
            SET name = \(record.name), mode = \(record.mode), order_number = \(record.orderNumber),
                email = \(record.email), occurred_at = \(record.occurredAt)
            WHERE id = \(event)
            """
        )
    }

    /// Writes what became of an event, and what else an operator should know of it.
    package func settle(
        _ event: InboundEvent.ID,
        _ verdict: Verdict,
        remarks: Set<CheckoutRemark> = [],
        at now: Date
    ) throws(PostgresError) {
        let remarks = remarks.map(\.rawValue).sorted().joined(separator: ", ")
        let reason = verdict.reason ?? (remarks.isEmpty ? nil : remarks)
        try run(
            """
            UPDATE inbound_events
            SET status = \(verdict.status), reason = \(reason), applied_at = \(now)
            WHERE id = \(event)
            """
        )
    }
}
