package import Domain
package import Foundation
package import Postgres

extension Transaction {
    /// With its items. False when the short name is taken. Follow with `rederive`, for sales may have come before.
    package func insert(_ plan: Plan) throws(PostgresError) -> Bool {
        let inserted = try run(
            """
            INSERT INTO plans (id, site, slug, name, created_at)
            VALUES (\(plan.id), \(plan.site), \(plan.slug), \(plan.name), \(plan.createdAt))
            ON CONFLICT (site, slug) DO NOTHING
            """
        )
        guard inserted == 1 else { return false }
        try link(plan.items, to: plan, at: plan.createdAt)
        return true
    }

    /// Lets these items open the plan too. Answers the ones that did not yet. Follow with `rederive`.
    @discardableResult
    package func link(_ items: Set<ItemKey>, to plan: Plan, at now: Date) throws(PostgresError) -> Set<ItemKey> {
        try lockMapping(of: plan.site, for: .changing)
        return Set(
            try rows(
                """
                INSERT INTO plan_items (plan, site, item_key, created_at)
                SELECT \(plan.id), \(plan.site), key, \(now)
                FROM unnest(\(items.sorted())) AS items (key)
                ON CONFLICT (plan, item_key) DO NOTHING
                RETURNING item_key
                """
            )
            .decode(ItemKey.self)
        )
    }

    /// Answers the items that did open it. Follow with `rederive`: what they gave is taken back.
    @discardableResult
    package func unlink(_ items: Set<ItemKey>, from plan: Plan) throws(PostgresError) -> Set<ItemKey> {
        try lockMapping(of: plan.site, for: .changing)
        return Set(
            try rows(
                """
                DELETE FROM plan_items
                WHERE plan = \(plan.id) AND item_key = ANY(\(items.sorted()))
                RETURNING item_key
                """
            )
            .decode(ItemKey.self)
        )
    }

    package func plan(slug: Slug, of site: Site.ID) throws(PostgresError) -> Plan? {
        try plans("p.site = \(site) AND p.slug = \(slug)").first
    }

    /// By their short names.
    package func plans(of site: Site.ID) throws(PostgresError) -> [Plan] {
        try plans("p.site = \(site)")
    }

    /// The plans that any of these items open.
    package func plans(openedBy items: Set<ItemKey>, of site: Site.ID) throws(PostgresError) -> [Plan] {
        guard !items.isEmpty else { return [] }
        return try plans(
            """
            p.id IN (
                SELECT plan FROM plan_items WHERE site = \(site) AND item_key = ANY(\(items.sorted()))
            )
            """
        )
    }

    package func plans(_ ids: Set<Plan.ID>) throws(PostgresError) -> [Plan] {
        guard !ids.isEmpty else { return [] }
        return try plans("p.id = ANY(\(Array(ids)))")
    }

    private func plans(_ condition: Query) throws(PostgresError) -> [Plan] {
        try rows(
            """
            SELECT p.id, p.site, p.slug, p.name, p.created_at,
                ARRAY(SELECT i.item_key FROM plan_items i WHERE i.plan = p.id) AS items
            FROM plans p
            WHERE \(condition)
            ORDER BY p.slug
            """
        )
        .values(Plan.init(row:))
    }
}

// MARK: Mapping and orders at once

enum MappingLock: Sendable {
    case reading, changing
}

extension Transaction {
    /// Until the end of the transaction: whoever reads which items open which plans waits for whoever changes it.
    ///
    /// Without it, an order that commits just after a plan was linked, having looked just before, would be missed by
    /// both. The change commits first; `rederive` then sees every order that did not see it.
    func lockMapping(of site: Site.ID, for use: MappingLock) throws(PostgresError) {
        let name = "mapping/\(site)"
        switch use {
        case .reading: try run("SELECT pg_advisory_xact_lock_shared(hashtextextended(\(name), 0))")
        case .changing: try run("SELECT pg_advisory_xact_lock(hashtextextended(\(name), 0))")
        }
    }
}

extension Plan {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            site: try row["site"],
            slug: try row["slug"],
            name: try row["name"],
            items: Set(try row["items", as: [ItemKey].self]),
            createdAt: try row["created_at"]
        )
    }
}
