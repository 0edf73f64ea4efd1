import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Invariants of the tables` {
    var pool: PostgresPool {
        get throws { try #require(TestDatabase.current).pool }
    }

    @Test func `migrations apply once and then are done`() async throws {
        let fresh = try await TestDatabase.fresh()
        let names = try await Schema.migrations.apply(to: fresh.pool)
        #expect(names.first == "0001_sites_and_plans")
        #expect(try await Schema.migrations.apply(to: fresh.pool).isEmpty)
        #expect(try await Schema.migrations.pending(in: fresh.pool).isEmpty)
    }

    /// Each breaks one rule; `$site`, `$plan`, `$member` and `$item` are rows that are there.
    static let violations: [(String, String)] = [
        ("INSERT INTO sites VALUES ($other, 'Example', 'x', NULL, false, 7, 7, 'active', now())", "23514"),
        ("INSERT INTO sites VALUES ($other, 'example', 'x', NULL, false, 7, 7, 'active', now())", "23505"),
        ("INSERT INTO sites VALUES ($other, 'x', 'x', 'Upper', false, 7, 7, 'active', now())", "23514"),
        ("INSERT INTO sites VALUES ($other, 'x', 'x', NULL, false, -1, 7, 'active', now())", "23514"),
        ("INSERT INTO plan_items VALUES ($plan, $site, 'product-01', now())", "23514"),
        ("INSERT INTO plan_items VALUES ($plan, $other, 'product-1', now())", "23503"),
        ("UPDATE members SET email = 'Upper@example.com'", "23514"),
        ("UPDATE members SET first_name = ''", "23514"),
        (
            "INSERT INTO members (id, site, email, email_original, origin, created_at, updated_at) "
                + "VALUES ($other, $site, 'ana@example.com', 'Ana@example.com', 'sale', now(), now())", "23505"
        ),
        (
            "INSERT INTO orders (id, site, provider, account, mode, number, created_at, updated_at) "
                + "SELECT $other, site, provider, account, mode, number, now(), now() FROM orders", "23505"
        ),
        (
            "INSERT INTO order_items (id, order_id, item_key) SELECT $other, order_id, item_key FROM order_items",
            "23505"
        ),
        ("UPDATE order_items SET sold_at = NULL, paid_gross = 1", "23514"),
        ("UPDATE order_items SET suspended_at = now()", "23514"),
        ("UPDATE entitlements SET access = false", "23514"),
        ("UPDATE entitlements SET status = 'ended'", "23514"),
        ("UPDATE entitlements SET status = 'ending'", "23514"),
        ("UPDATE entitlements SET granted_by = 'me'", "23514"),
        ("UPDATE entitlements SET status = 'refunded', access = false, next_change_at = now()", "23514"),
        (
            "INSERT INTO entitlements (id, site, member, plan, order_item, status, access, created_at, updated_at) "
                + "SELECT $other, site, member, plan, order_item, status, access, now(), now() FROM entitlements",
            "23505"
        ),
        ("DELETE FROM members", "23503"),
        ("DELETE FROM plans", "23503"),
        (
            "INSERT INTO outbox (id, site, type, body, created_at) VALUES ($other, $site, 'Nonsense', '', now())",
            "23514"
        ),
    ]

    @Test(arguments: violations)
    func `what must not be is refused`(sql: String, sqlstate: String) async throws {
        let pool = try pool
        let ids = Dictionary(
            uniqueKeysWithValues: ["site", "plan", "member", "order", "item", "other"].map { ($0, UUID()) }
        )
        func filled(_ sql: String) -> Query {
            Query(stringLiteral: ids.reduce(sql) { $0.replacing("$\($1.key)", with: "'\($1.value)'") })
        }
        for row in [
            "INSERT INTO sites VALUES ($site, 'example', 'Example', 'acme', false, 7, 7, 'active', now())",
            "INSERT INTO plans VALUES ($plan, $site, 'basic', 'Basic', now())",
            "INSERT INTO plan_items VALUES ($plan, $site, 'product-7', now())",
            "INSERT INTO members (id, site, email, email_original, origin, created_at, updated_at) "
                + "VALUES ($member, $site, 'ana@example.com', 'Ana@example.com', 'sale', now(), now())",
            "INSERT INTO orders (id, site, provider, account, mode, number, member, created_at, updated_at) "
                + "VALUES ($order, $site, 'thrivecart', 'acme', 'live', '1', $member, now(), now())",
            "INSERT INTO order_items (id, order_id, item_key, sold_at) VALUES ($item, $order, 'product-7', now())",
            "INSERT INTO entitlements (id, site, member, plan, order_item, status, access, created_at, updated_at) "
                + "VALUES ($other, $site, $member, $plan, $item, 'active', true, now(), now())",
        ] { try await pool.query(filled(row)) }

        let error = await #expect(throws: PostgresError.self) {
            try await pool.query(filled(sql.replacing("$other, site", with: "gen_random_uuid(), site")))
        }
        #expect(error?.sqlstate == sqlstate)
    }
}
