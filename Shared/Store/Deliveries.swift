package import Domain
package import Foundation
package import Postgres

/// A delivery that somebody should send: what its job needs to know.
package struct PlannedDelivery: Sendable, Hashable {
    package var id: Delivery.ID
    package var endpoint: Endpoint.ID
    package var turn: Int
    package var dueAt: Date
}

/// What one look into the outbox did.
package struct Relayed: Sendable {
    /// Messages taken; none when there are none, or when another relay is at it.
    package var messages = 0
    /// In the order of their messages.
    package var deliveries: [PlannedDelivery] = []
    /// Those that members should have a letter about, in their order.
    package var mailable: [MailableMessage] = []
}

extension Transaction {
    /// "Outbox" and 1: whoever holds this advisory lock relays.
    private static let relayLock: Int64 = 0x4F75_7462_6F78_0001

    /// Makes a delivery of each waiting message for each endpoint that wants it.
    ///
    /// One relay at a time: with two, a message could go out before the one that was staged ahead of it.
    package func relay(
        limit: Int,
        mailing kinds: [Message.Kind] = [],
        at now: Date
    ) throws(PostgresError) -> Relayed {
        guard try rows("SELECT pg_try_advisory_xact_lock(\(Self.relayLock))").decode(Bool.self) == [true] else {
            return Relayed()
        }
        let messages = try rows(
            """
            SELECT id FROM outbox WHERE relayed_at IS NULL ORDER BY position LIMIT \(limit)
            """
        )
        .decode(UUID.self)
        guard !messages.isEmpty else { return Relayed() }
        let deliveries = try planned(
            """
            WITH made AS (
                INSERT INTO deliveries (id, owner, endpoint, message, position, subject, due_at, created_at)
                SELECT gen_random_uuid(), m.owner, e.id, m.id, m.position, \(raw: Self.subject),
                    \(now), \(now)
                FROM outbox m
                JOIN endpoints e ON e.owner = m.owner AND e.state = 'enabled'
                WHERE m.id = ANY(\(messages))
                  AND \(Self.wanted)
                  AND (m.merchant IS NULL
                    OR EXISTS (SELECT FROM merchants r WHERE r.id = m.merchant AND r.webhooks_url IS NOT NULL))
                ORDER BY m.position
                ON CONFLICT (endpoint, message) DO NOTHING
                RETURNING id, endpoint, turn, due_at, position
            )
            SELECT id, endpoint, turn, due_at FROM made ORDER BY position
            """
        )
        try run("UPDATE outbox SET relayed_at = \(now) WHERE id = ANY(\(messages))")
        return Relayed(
            messages: messages.count,
            deliveries: deliveries,
            mailable: try mailable(messages, kinds)
        )
    }

    /// What message `m` is about: first attempts of one subject go in their order.
    static var subject: StaticString { "coalesce(m.subject, m.member, m.order_id, m.id)" }

    /// Whether endpoint `e` wants message `m`. A message that names no plan tells of those that its order opens.
    static var wanted: Query {
        """
        (e.types = '{}' OR m.type = ANY(e.types))
          AND (e.plan IS NULL OR e.plan = m.plan
            OR (m.plan IS NULL AND EXISTS (
                SELECT FROM order_items i
                JOIN plan_items p ON p.site = m.site AND p.item_key = i.item_key
                WHERE i.order_id = m.order_id AND p.plan = e.plan)))
        """
    }

    /// What should have been tried by `now`, in pages: call it with the last of the page before.
    package func dueDeliveries(
        at now: Date,
        after last: PlannedDelivery? = nil,
        limit: Int
    ) throws(PostgresError) -> [PlannedDelivery] {
        try planned(
            """
            SELECT id, endpoint, turn, due_at
            FROM deliveries
            WHERE state = 'pending'
              AND due_at <= \(now)
              AND (\(last?.id) IS NULL OR (due_at, id) > (\(last?.dueAt), \(last?.id)))
            ORDER BY due_at, id
            LIMIT \(limit)
            """
        )
    }

    /// How far each is in its schedule.
    package func deliverySteps(_ ids: [Delivery.ID]) throws(PostgresError) -> [Delivery.ID: Int] {
        let steps = try rows("SELECT id, step FROM deliveries WHERE id = ANY(\(ids))")
            .decode((Delivery.ID, Int).self)
        return Dictionary(steps, uniquingKeysWith: { first, _ in first })
    }

    func planned(_ query: Query) throws(PostgresError) -> [PlannedDelivery] {
        try rows(query).values { row throws(PostgresError) in
            PlannedDelivery(
                id: try row["id"],
                endpoint: try row["endpoint"],
                turn: try row["turn"],
                dueAt: try row["due_at"]
            )
        }
    }
}
