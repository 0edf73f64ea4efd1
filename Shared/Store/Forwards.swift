package import Domain
package import Foundation
package import Postgres

/// What a message to a merchant has beside its bytes, as one attempt needs it.
package struct OutgoingForward: Sendable, Hashable {
    package var merchant: Merchant.ID
    /// PayPal's id of the merchant.
    package var payPalID: String
    /// The values of `Forward.passedHeaders`, in that order.
    package var paypalHeaders: [String?]
    package var isSimulated: Bool
    package var isSigned: Bool
    /// The merchant's webhook secret; nil when it has none yet.
    package var secret: [UInt8]?
}

extension Transaction {
    /// Puts what a merchant is told beside the change that it tells of: both are kept, or neither.
    ///
    /// Safe to call twice: of two forwards of one event to one merchant the second is not kept, and nil is answered; of a
    /// simulated one each is. While the merchant has no `webhooks_url` the message is kept and goes nowhere.
    @discardableResult
    package func stageForward(
        _ forward: Forward,
        to merchant: Merchant.ID,
        at now: Date
    ) throws(PostgresError) -> Message.ID? {
        let id = Message.ID.new(at: now)
        let isKnown =
            try rows(
                """
                SELECT EXISTS (
                    SELECT FROM forwards
                    WHERE merchant = \(merchant)
                      AND event = \(forward.event)
                      AND NOT simulated
                )
                """
            )
            .decode(Bool.self) == [true]
        if isKnown, !forward.isSimulated { return nil }
        try matchEndpoint(of: merchant, at: now)
        try run(
            """
            INSERT INTO outbox (id, merchant, type, subject, body, created_at)
            VALUES (\(id), \(merchant), \(forward.type),
                CASE WHEN \(forward.subject) IS NULL THEN NULL ELSE md5(\(forward.subject))::uuid END,
                \(forward.body), \(now))
            """
        )
        try run(
            """
            INSERT INTO forwards (message, merchant, event, thrive_order_id, paypal_headers, simulated, signed)
            VALUES (\(id), \(merchant), \(forward.event), \(forward.order), \(forward.paypalHeaders),
                \(forward.isSimulated), \(forward.isSigned))
            """
        )
        return id
    }

    /// Makes the merchant's endpoint what its `webhooks_url` says. A new address starts with a clean record.
    private func matchEndpoint(of merchant: Merchant.ID, at now: Date) throws(PostgresError) {
        try run(
            """
            INSERT INTO endpoints (id, merchant, url, state_since, created_at)
            SELECT \(Endpoint.ID.new(at: now)), m.id, m.webhooks_url, \(now), \(now)
            FROM merchants m
            WHERE m.id = \(merchant)
              AND m.webhooks_url IS NOT NULL
            ON CONFLICT (merchant) DO UPDATE
            SET url = EXCLUDED.url, state = 'enabled', state_since = EXCLUDED.state_since, failing_since = NULL, failures = 0
            WHERE endpoints.url <> EXCLUDED.url
            """
        )
    }

    /// What came of a forward's first attempt; nil while there is none.
    package func firstAttempt(of message: Message.ID) throws(PostgresError) -> FoundAttempt? {
        try rows(
            """
            SELECT a.delivery, a.number, a.at, a.status, a.failure, a.latency_ms, a.answer, a.next_at, a.recorded_at
            FROM deliveries d
            JOIN delivery_attempts a ON a.delivery = d.id AND a.number = 1
            WHERE d.message = \(message)
            """
        )
        .values(FoundAttempt.init(row:)).first
    }

    /// Of these messages those that go to merchants.
    func outgoingForwards(_ messages: [Message.ID]) throws(PostgresError) -> [Message.ID: OutgoingForward] {
        var found: [Message.ID: OutgoingForward] = [:]
        for row in try rows(
            """
            SELECT f.message, f.merchant, f.paypal_headers, f.simulated, f.signed, m.paypal_id, m.webhook_secret
            FROM forwards f
            JOIN merchants m ON m.id = f.merchant
            WHERE f.message = ANY(\(messages))
            """
        ) {
            found[try row["message"]] = OutgoingForward(
                merchant: try row["merchant"],
                payPalID: try row["paypal_id"],
                paypalHeaders: try row["paypal_headers"],
                isSimulated: try row["simulated"],
                isSigned: try row["signed"],
                secret: try row["webhook_secret"]
            )
        }
        return found
    }
}
