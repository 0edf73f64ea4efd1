package import Domain
package import Foundation
package import Postgres

/// An event of PayPal as it is kept.
package struct PayPalEventRecord: Sendable, Hashable {
    package enum Status: String, Sendable, Codable, CaseIterable {
        case applying, applied, ignored, flagged, failed

        /// Whether nothing more is to be done about it.
        package var isSettled: Bool { self == .applied || self == .ignored || self == .flagged }
    }

    package var id: String
    package var type: String
    package var body: [UInt8]
    /// The values of `Forward.passedHeaders`, in that order.
    package var headers: [String?]
    package var source: InboundEvent.Source
    package var merchant: Merchant.ID?
    package var subscription: VaultSubscription.ID?
    package var occurredAt: Date?
    package var receivedAt: Date
    package var status: Status
    package var reason: String?

    package init(
        id: String,
        type: String,
        body: [UInt8],
        headers: [String?],
        source: InboundEvent.Source,
        occurredAt: Date?,
        receivedAt: Date
    ) {
        self.id = id
        self.type = type
        self.body = body
        self.headers = headers
        self.source = source
        self.occurredAt = occurredAt
        self.receivedAt = receivedAt
        status = .applying
    }

    /// PayPal's headers by name in lower case, as `Forward` takes them.
    package var headersByName: [String: String] {
        var named: [String: String] = [:]
        for (name, value) in zip(Forward.passedHeaders, headers) { named[name.lowercased()] = value }
        return named
    }
}

extension Transaction {
    private static var columns: StaticString {
        "id, type, body, headers, source, merchant, subscription, occurred_at, received_at, status, reason"
    }

    /// Keeps an event, and holds it until the end of the transaction. Answers what was known of it before: nil if nothing.
    package func keep(_ event: PayPalEventRecord) throws(PostgresError) -> PayPalEventRecord.Status? {
        let isNew =
            try run(
                """
                INSERT INTO paypal_events (id, type, body, headers, source, occurred_at, received_at, status)
                VALUES (\(event.id), \(event.type), \(event.body), \(event.headers), \(event.source),
                    \(event.occurredAt), \(event.receivedAt), 'applying')
                ON CONFLICT (id) DO NOTHING
                """
            ) == 1
        if isNew { return nil }
        return try rows("SELECT status FROM paypal_events WHERE id = \(event.id) FOR UPDATE")
            .decode(PayPalEventRecord.Status.self).first
    }

    /// Whether this event was the first to tell the state of the payment.
    package func claimNews(
        _ type: String,
        of resource: String,
        _ state: String,
        for event: String
    ) throws(PostgresError) -> Bool {
        try run(
            """
            INSERT INTO paypal_news (type, resource, state, event)
            VALUES (\(type), \(resource), \(state), \(event))
            ON CONFLICT (type, resource, state) DO NOTHING
            """
        )
        return try rows(
            """
            SELECT event = \(event)
            FROM paypal_news
            WHERE type = \(type) AND resource = \(resource) AND state = \(state)
            """
        )
        .decode(Bool.self) == [true]
    }

    /// Writes what became of an event, and whose it is.
    package func settle(
        _ event: String,
        _ verdict: Verdict,
        merchant: Merchant.ID?,
        subscription: VaultSubscription.ID?,
        at now: Date
    ) throws(PostgresError) {
        try run(
            """
            UPDATE paypal_events
            SET status = \(verdict.status.rawValue), reason = \(verdict.reason),
                merchant = coalesce(\(merchant), merchant), subscription = coalesce(\(subscription), subscription),
                settled_at = \(now)
            WHERE id = \(event)
            """
        )
    }

    package func payPalEvent(_ id: String) throws(PostgresError) -> PayPalEventRecord? {
        try rows("SELECT \(raw: Self.columns) FROM paypal_events WHERE id = \(id)")
            .values(PayPalEventRecord.init(row:)).first
    }

    /// The events of a type, or of all, the newest first.
    package func payPalEvents(ofType type: String?, limit: Int) throws(PostgresError) -> [PayPalEventRecord] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM paypal_events
            WHERE \(type) IS NULL OR type = \(type)
            ORDER BY received_at DESC, id
            LIMIT \(limit)
            """
        )
        .values(PayPalEventRecord.init(row:))
    }

    /// Events that began to be applied, or failed, and whose job may be lost, the oldest first.
    package func unsettledPayPalEvents(
        receivedFrom start: Date,
        to end: Date,
        after last: PayPalEventRecord?,
        limit: Int
    ) throws(PostgresError) -> [PayPalEventRecord] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM paypal_events
            WHERE status IN ('applying', 'failed')
              AND received_at BETWEEN \(start) AND \(end)
              AND (\(last?.id) IS NULL OR (received_at, id) > (\(last?.receivedAt), \(last?.id)))
            ORDER BY received_at, id
            LIMIT \(limit)
            """
        )
        .values(PayPalEventRecord.init(row:))
    }

    // MARK: Whom an event may be about

    /// Subscriptions that have yet to hear their vault token, of one buyer, the oldest first. PayPal tells no merchant.
    package func vaultSubscriptions(pendingFor customerID: String) throws(PostgresError) -> [VaultSubscription] {
        let ids = try rows(
            """
            SELECT id
            FROM vault_subscriptions
            WHERE customer_id = \(customerID) AND vault_pending
            ORDER BY created_at, id
            """
        )
        .decode(VaultSubscription.ID.self)
        var found: [VaultSubscription] = []
        for id in ids { if let subscription = try lockedVaultSubscription(id) { found.append(subscription) } }
        return found
    }
}

extension PayPalEventRecord {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            type: try row["type"],
            body: try row["body"],
            headers: try row["headers"],
            source: try row["source"],
            occurredAt: try row["occurred_at"],
            receivedAt: try row["received_at"]
        )
        merchant = try row["merchant"]
        subscription = try row["subscription"]
        status = try row["status"]
        reason = try row["reason"]
    }
}
