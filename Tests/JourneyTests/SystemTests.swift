import FaultKit
import Foundation
import Jobs
import Postgres
import Redis
import Seeds
import TestKit
import Testing

@Suite(.serialized) struct `The whole system, real processes on real servers` {
    @Test func `many processes and disordered, tripled deliveries end as one of each in order does`() async throws {
        let system = try await Gatehouse(.init(ingress: 2, fulfillment: 2))
        var random = SeededRandom(seed: 42)
        let now = Int(Date().timeIntervalSince1970)
        let lives = (1...60).map { Life(order: 60_000_000 + $0, now: now, random: &random) }
        let bodies = lives.flatMap { $0.webhooks(account: Gatehouse.account, secret: Gatehouse.secret) }.map(\.body)

        // Each site is a world of its own: one in order, the others in disorder, to be compared with it.
        try await system.makeSite("ordered")
        let orderly = Post(
            targets: [system.targets(site: "ordered")[0]],
            connections: 1,
            duplicated: 0,
            disorder: 0,
            seed: 1
        )
        _ = try await orderly.send(bodies, by: system.http)
        for seed in UInt64(1)...3 {
            try await system.makeSite("world-\(seed)")
            let post = Post(
                targets: system.targets(site: "world-\(seed)"),
                duplicated: 100,
                disorder: bodies.count,
                seed: seed
            )
            _ = try await post.send(bodies, by: system.http)
        }
        try await system.drained()

        let expected = try await Snapshot(of: "ordered", in: system.pool)
        #expect(expected.members.count == lives.count)
        for seed in 1...3 {
            #expect(try await Snapshot(of: "world-\(seed)", in: system.pool) == expected)
        }
        #expect(try await Books(of: lives, site: "ordered", in: system.pool).findings == [])
        try await system.end()
    }

    @Test func `Postgres may be away: every webhook is accepted, and applied when it is back`() async throws {
        let system = try await Gatehouse()
        var random = SeededRandom(seed: 5)
        let lives = (1...20).map {
            Life(order: 70_000_000 + $0, now: Int(Date().timeIntervalSince1970), random: &random)
        }
        let bodies = lives.flatMap { $0.webhooks(account: Gatehouse.account, secret: Gatehouse.secret) }.map(\.body)
        // POSTGRES_AWAY_SECONDS=90 spreads the webhooks over an outage of that length.
        let away = ProcessInfo.processInfo.environment["POSTGRES_AWAY_SECONDS"].flatMap { Double($0) }
        await system.postgres.stopImmediately()
        let post = Post(
            targets: system.targets,
            duplicated: 0,
            seed: 5,
            perSecond: away.map { Double(bodies.count) / max(1, $0) }
        )
        let record = try await post.send(bodies, by: system.http)
        #expect(record.refused.isEmpty && record.lostAnswers == 0)
        try await system.postgres.start()
        try await system.drained()
        let redis = try system.redis.client()
        #expect(try await JobQueue(redis: redis, logger: .silent).stats(of: "fulfillment").dead == 0)
        await redis.close()
        #expect(try await Books(of: lives, site: "demo", in: system.pool).findings == [])
        try await system.end()
    }

    @Test func `what the processes write holds neither the secret nor a buyer's address`() async throws {
        let system = try await Gatehouse()
        var random = SeededRandom(seed: 9)
        let life = Life(order: 80_000_001, now: Int(Date().timeIntervalSince1970), random: &random)
        let bodies = life.webhooks(account: Gatehouse.account, secret: Gatehouse.secret).map(\.body)
        _ = try await Post(targets: system.targets, seed: 9).send(bodies, by: system.http)
        try await system.drained()
        #expect(await system.stop(.fulfillment(0)) == .code(0))
        #expect(await system.stop(.ingress(0)) == .code(0))
        let logs = try await system.logs()
        #expect(logs.contains("order.success"))
        #expect(!logs.contains(Gatehouse.secret))
        #expect(!logs.contains(life.email))
        let stored = try await system.pool.query("SELECT convert_from(body, 'UTF8') FROM inbound_events")
        let kept = try stored.decode(String.self)
        #expect(kept.count == life.steps.count)
        #expect(kept.allSatisfy { !$0.contains(Gatehouse.secret) && $0.contains("order_id=\(life.order)") })
        try await system.end()
    }
}

/// What a site holds in the end, without ids and times of our own.
private struct Snapshot: Equatable {
    var members: [String]
    var entitlements: [String]
    var ledger: [String]
    var messages: [String]

    init(of site: String, in pool: PostgresPool) async throws {
        members = try await pool.query(
            """
            SELECT m.email || ' ' || coalesce(m.billing_email, '-') || ' ' || coalesce(m.first_name, '-')
            FROM members m JOIN sites s ON s.id = m.site WHERE s.slug = \(site) ORDER BY 1
            """
        ).decode(String.self)
        entitlements = try await pool.query(
            """
            SELECT concat_ws(' ', m.email, p.slug, e.status, e.access, e.access_until, e.paid_through, e.next_change_at)
            FROM entitlements e
            JOIN members m ON m.id = e.member
            JOIN plans p ON p.id = e.plan
            JOIN sites s ON s.id = e.site
            WHERE s.slug = \(site) ORDER BY 1
            """
        ).decode(String.self)
        ledger = try await pool.query(
            """
            SELECT concat_ws(' ', o.number, i.item_key, i.sold_at, i.cancelled_at,
                (SELECT string_agg(p.key || p.paid_at, ',' ORDER BY p.key) FROM order_payments p WHERE p.order_item = i.id),
                (SELECT string_agg(f.key || f.failed_at, ',' ORDER BY f.key) FROM order_failures f WHERE f.order_item = i.id),
                (SELECT string_agg(r.key || r.refunded_at, ',' ORDER BY r.key) FROM order_refunds r WHERE r.order_item = i.id))
            FROM order_items i
            JOIN orders o ON o.id = i.order_id
            JOIN sites s ON s.id = o.site
            WHERE s.slug = \(site) ORDER BY 1
            """
        ).decode(String.self)
        // Entitlement messages tell each step of the way, and the way depends on the order of arrival; facts do not.
        messages = try await pool.query(
            """
            SELECT concat_ws(' ', m.email, t.type, count(*))
            FROM outbox t
            JOIN members m ON m.id = t.member
            JOIN sites s ON s.id = t.site
            WHERE s.slug = \(site)
                AND t.type IN ('member.created', 'order.paid', 'order.refunded', 'subscription.renewed')
            GROUP BY m.email, t.type ORDER BY 1
            """
        ).decode(String.self)
    }
}
