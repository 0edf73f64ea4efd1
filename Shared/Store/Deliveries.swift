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
    /// The first for each endpoint that has new ones.
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
        try planForGrowth()
        let messages = try rows(
            """
            DELETE FROM outbox_waiting
            WHERE position IN (SELECT position FROM outbox_waiting ORDER BY position LIMIT \(limit))
            RETURNING message
            """
        )
        .decode(UUID.self)
        guard !messages.isEmpty else { return Relayed() }
        return Relayed(
            messages: messages.count,
            deliveries: try makeDeliveries(of: messages, at: now),
            mailable: try mailable(messages, kinds)
        )
    }

    /// Answers with the first for each endpoint.
    ///
    /// Endpoints are looked up by what a message names, three ways: with one condition for all three, each message would be
    /// tried on every endpoint of its owner. Ids begin with the message's time, so that their index grows at its end.
    private func makeDeliveries(of messages: [UUID], at now: Date) throws(PostgresError) -> [PlannedDelivery] {
        try planned(
            """
            WITH m AS MATERIALIZED (
                SELECT m.id, m.owner, m.position, m.type, m.plan, m.order_id, \(raw: Self.subject) AS subject
                FROM outbox m
                WHERE m.id = ANY(\(messages))
                  AND (m.merchant IS NULL
                    OR EXISTS (SELECT FROM merchants r WHERE r.id = m.merchant AND r.webhooks_url IS NOT NULL))
            ), found AS (
                SELECT m.*, e.id AS endpoint, e.state, e.types
                FROM m
                JOIN endpoints e ON e.owner = m.owner AND e.plan IS NULL
                UNION ALL
                SELECT m.*, e.id, e.state, e.types
                FROM m
                JOIN endpoints e ON e.plan = m.plan AND e.owner = m.owner
                UNION ALL
                SELECT DISTINCT m.*, e.id, e.state, e.types
                FROM m
                JOIN order_items i ON i.order_id = m.order_id
                JOIN plan_items p ON p.site = m.owner AND p.item_key = i.item_key
                JOIN endpoints e ON e.plan = p.plan AND e.owner = m.owner
                WHERE m.plan IS NULL
            ), made AS (
                INSERT INTO deliveries (id, owner, endpoint, message, position, subject, due_at, created_at)
                SELECT overlay(gen_random_uuid()::text PLACING left(id::text, 15) FROM 1 FOR 15)::uuid,
                    owner, endpoint, id, position, subject, \(now), \(now)
                FROM found f
                WHERE state = 'enabled'
                  AND (types = '{}' OR type = ANY(types))
                  AND NOT EXISTS (SELECT FROM deliveries d WHERE d.message = f.id AND d.endpoint = f.endpoint)
                ORDER BY position
                RETURNING id, endpoint, turn, due_at, position
            )
            SELECT DISTINCT ON (endpoint) id, endpoint, turn, due_at
            FROM made
            ORDER BY endpoint, position
            """
        )
    }

    /// Because plans are kept while the tables grow from nothing to many, and what is best for nothing is never an index.
    func planForGrowth() throws(PostgresError) {
        try run("SET LOCAL enable_seqscan = off")
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

    /// Whether message `m` still waits for its relay.
    static var isWaiting: StaticString { "EXISTS (SELECT FROM outbox_waiting w WHERE w.position = m.position)" }

    /// Endpoints at which something should have been tried by `now`, with the first of it; in pages.
    package func overdueEndpoints(
        at now: Date,
        after last: Endpoint.ID? = nil,
        limit: Int
    ) throws(PostgresError) -> [PlannedDelivery] {
        try planForGrowth()
        return try planned(
            """
            SELECT d.id, d.endpoint, d.turn, d.due_at
            FROM endpoints e
            CROSS JOIN LATERAL (
                SELECT d.id, d.endpoint, d.turn, d.due_at
                FROM deliveries d
                WHERE d.endpoint = e.id
                  AND d.state = 'pending'
                  AND d.due_at <= \(now)
                ORDER BY d.due_at, d.position
                LIMIT 1
            ) d
            WHERE \(last) IS NULL OR e.id > \(last)
            ORDER BY e.id
            LIMIT \(limit)
            """
        )
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
