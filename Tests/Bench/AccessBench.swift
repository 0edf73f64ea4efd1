import Domain
import FaultKit
import Foundation
import Postgres
import Store
import TestKit

/// Is this member allowed? Asked of a million members, by address and plan; beside pgbench asking the same.
struct AccessBench {
    var seconds: Double

    private static let members = 1_000_000
    private static let tasks = 16

    func run() async throws -> [Figure] {
        let server = try await PostgresServer(.init(isDurable: true, settings: ["max_wal_size": "8GB"]))
        let pool = try server.pool { $0.poolSize = 8 }
        try await Schema.migrations.apply(to: pool)
        let site = try await fill(pool)
        let store = Store(pool)
        guard let plan = Slug("basic") else { throw Unreadable(text: "basic") }

        let count = Int(12_000 * seconds)
        func ask(_ count: Int) async throws -> Samples {
            try await many(Self.tasks, count) { _ in
                let number = Int.random(in: 1...Self.members)
                guard let email = EmailAddress("buyer-\(number)@example.com"),
                    try await store.access(of: email, to: plan, at: site, now: .now)?.hasAccess == true
                else { throw Unreadable(text: "buyer \(number) has no access") }
            }
        }
        _ = try await ask(count / 10)  // warm
        let pace = Stopwatch()
        let samples = try await ask(count)
        let (time, cpu) = pace.read()
        let ours = Figure.Reading(
            by: "\(Self.tasks) tasks, 8 connections",
            value: Double(count) / time,
            cpu: cpu / Double(count) * 1e6,
            p50: samples.percentile(0.5),
            p99: samples.percentile(0.99)
        )
        let (rate, average) = try await PGBench(server: server, clients: 8, seconds: max(1, Int(seconds))).run(
            """
            \\set n random(1, \(Self.members))
            SELECT e.status, e.access, e.access_until, e.paid_through, e.next_change_at
            FROM members m
            JOIN entitlements e ON e.member = m.id
            JOIN plans p ON p.id = e.plan
            WHERE m.site = '\(site)' AND m.email = 'buyer-' || :n::text || '@example.com' AND p.slug = 'basic';
            """
        )
        await pool.close()
        await server.stop()
        let yardstick = Figure.Reading(
            by: "pgbench -M prepared -c 8, average \(average.rounded(to: 2)) ms",
            value: rate
        )
        return [
            Figure(
                name: "is this member allowed, of a million",
                ours: ours,
                yardstick: yardstick,
                goal: ("≥ 0.5 of pgbench", ours.value >= 0.5 * rate)
            )
        ]
    }

    /// A site with a plan, and its members, each with a grant.
    private func fill(_ pool: PostgresPool) async throws -> Site.ID {
        let site = Site.ID.new(at: .now)
        let plan = Plan.ID.new(at: .now)
        let now = Date.now
        try await pool.transaction(TransactionMode(statementTimeout: .never)) { transaction in
            try transaction.run(
                "INSERT INTO sites (id, slug, name, created_at) VALUES (\(site), 'demo', 'Demo', \(now))"
            )
            try transaction.run(
                "INSERT INTO plans (id, site, slug, name, created_at) VALUES (\(plan), \(site), 'basic', 'Basic', \(now))"
            )
            try transaction.run(
                """
                INSERT INTO members (id, site, email, email_original, origin, created_at, updated_at)
                SELECT gen_random_uuid(), \(site), e, e, 'operator', \(now), \(now)
                FROM (SELECT 'buyer-' || n || '@example.com' AS e FROM generate_series(1, \(Self.members)) n) addresses
                """
            )
            try transaction.run(
                """
                INSERT INTO entitlements (id, site, member, plan, granted_by, status, access, created_at, updated_at)
                SELECT gen_random_uuid(), m.site, m.id, \(plan), 'bench', 'active', true, \(now), \(now)
                FROM members m
                """
            )
        }
        try await pool.query("ANALYZE members, entitlements")
        return site
    }
}
