package import Domain
package import Foundation
package import Postgres

// What an operator does to deliveries. Each takes the place of what was planned: the turn moves on, so that the job of the
// earlier plan finds nothing to do, and an attempt that is under way is waited for.

extension Transaction {
    /// Sends it again now, whatever became of it. A pending one goes on in its schedule, a settled one starts anew. Nil
    /// when there is no such delivery or its endpoint is switched off.
    package func resend(_ id: Delivery.ID, at now: Date) throws(PostgresError) -> PlannedDelivery? {
        try planned(
            """
            UPDATE deliveries d
            SET state = 'pending', settled_at = NULL, turn = turn + 1, due_at = \(now),
                step = CASE WHEN d.state = 'pending' THEN d.step ELSE 0 END
            FROM endpoints e
            WHERE d.id = \(id)
              AND e.id = d.endpoint
              AND e.state = 'enabled'
            RETURNING d.id, d.endpoint, d.turn, d.due_at
            """
        )
        .first
    }

    /// How many messages since then an endpoint did not get: what failed or was canceled, and what was never sent because
    /// the endpoint was off. What is pending is on its way and not counted, and nobody misses a test.
    package func countRecoverable(
        of endpoint: Endpoint.ID,
        since: Date
    ) throws(PostgresError) -> Int {
        try rows(
            """
            SELECT count(*)
            FROM outbox m
            JOIN endpoints e ON e.id = \(endpoint) AND e.owner = m.owner
            LEFT JOIN deliveries d ON d.endpoint = e.id AND d.message = m.id
            WHERE m.created_at >= \(since)
              AND NOT \(raw: Self.isWaiting)
              AND m.type <> ALL(\(Message.testTypes))
              AND ((d.id IS NULL AND \(Self.wanted)) OR d.state IN ('failed', 'canceled'))
            """
        )
        .decode(Int.self).first ?? 0
    }

    /// Plans the next of them, the oldest first, `spacing` apart from `start` on. None are left when it answers fewer than
    /// `limit`.
    package func recover(
        to endpoint: Endpoint.ID,
        since: Date,
        startingAt start: Date,
        spacing: TimeInterval,
        limit: Int,
        now: Date
    ) throws(PostgresError) -> [PlannedDelivery] {
        try planned(
            """
            WITH missing AS (
                SELECT m.id, m.owner, m.position, \(raw: Self.subject) AS subject
                FROM outbox m
                JOIN endpoints e ON e.id = \(endpoint) AND e.owner = m.owner AND e.state = 'enabled'
                LEFT JOIN deliveries d ON d.endpoint = e.id AND d.message = m.id
                WHERE m.created_at >= \(since)
                  AND NOT \(raw: Self.isWaiting)
                  AND m.type <> ALL(\(Message.testTypes))
                  AND ((d.id IS NULL AND \(Self.wanted)) OR d.state IN ('failed', 'canceled'))
                ORDER BY m.position
                LIMIT \(limit)
                FOR KEY SHARE OF m
            ), planned AS (
                INSERT INTO deliveries (id, owner, endpoint, message, position, subject, due_at, created_at)
                SELECT gen_random_uuid(), owner, \(endpoint), id, position, subject,
                    \(start) + make_interval(secs => \(spacing) * (row_number() OVER (ORDER BY position) - 1)), \(now)
                FROM missing
                ORDER BY position
                ON CONFLICT (message, endpoint) DO UPDATE
                SET state = 'pending', settled_at = NULL, turn = deliveries.turn + 1, step = 0, due_at = EXCLUDED.due_at
                WHERE deliveries.state IN ('failed', 'canceled')
                RETURNING id, endpoint, turn, due_at, position
            )
            SELECT id, endpoint, turn, due_at
            FROM planned
            ORDER BY position
            """
        )
    }

    /// A message that tells of nothing, to one endpoint, even if that is switched off.
    ///
    /// - Parameter step: how far its schedule counts as done already.
    package func stageTest(
        to endpoint: Endpoint,
        as message: Message.ID,
        body: [UInt8],
        step: Int,
        at now: Date
    ) throws(PostgresError) -> PlannedDelivery? {
        try run(
            """
            INSERT INTO outbox (id, site, merchant, type, body, created_at, relayed_at)
            VALUES (\(message), \(endpoint.owner.site), \(endpoint.owner.merchant), \(Message.testType), \(body), \(now), \(now))
            """
        )
        return try planned(
            """
            INSERT INTO deliveries (id, owner, endpoint, message, position, subject, step, due_at, created_at)
            SELECT \(Delivery.ID.new(at: now)), m.owner, \(endpoint.id), m.id, m.position, m.id, \(step), \(now), \(now)
            FROM outbox m
            WHERE m.id = \(message)
            RETURNING id, endpoint, turn, due_at
            """
        )
        .first
    }
}
