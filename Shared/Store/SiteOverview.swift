package import Domain
package import Foundation
package import Postgres

/// A site as an operator sees one.
package struct FoundSite: Sendable, Hashable {
    package var id: Site.ID
    package var slug: String
    package var name: String
    package var thriveCartAccount: String?
    package var testModeGrants: Bool
    package var graceDays: Int
    package var slackDays: Int
    package var status: String
    package var createdAt: Date
    package var plans: Int
    package var members: Int
    /// Secrets that are good now, and when the newest was set.
    package var secrets: Int
    package var secretSetAt: Date?

    fileprivate init(row: Row) throws(PostgresError) {
        id = Site.ID(try row["id", as: UUID.self])
        slug = try row["slug"]
        name = try row["name"]
        thriveCartAccount = try row["thrivecart_account"]
        testModeGrants = try row["test_mode_grants"]
        graceDays = try row["grace_days"]
        slackDays = try row["slack_days"]
        status = try row["status"]
        createdAt = try row["created_at"]
        plans = try row["plans"]
        members = try row["members"]
        secrets = try row["secrets"]
        secretSetAt = try row["secret_set_at"]
    }
}

/// A plan as an operator sees one.
package struct FoundPlan: Sendable, Hashable {
    package var id: Plan.ID
    package var slug: String
    package var name: String
    /// Its External IDs, in their order.
    package var items: [String]
    /// Members with at least one source of it, with access or not.
    package var members: Int
    package var createdAt: Date

    fileprivate init(row: Row) throws(PostgresError) {
        id = Plan.ID(try row["id", as: UUID.self])
        slug = try row["slug"]
        name = try row["name"]
        items = try row["items"]
        members = try row["members"]
        createdAt = try row["created_at"]
    }
}

extension Transaction {
    /// All sites by their short names, or the one with this name.
    package func foundSites(slug: Slug? = nil, at now: Date) throws(PostgresError) -> [FoundSite] {
        let condition: Query = if let slug { "WHERE s.slug = \(slug.text)" } else { "" }
        let found = try rows(
            """
            SELECT s.id, s.slug, s.name, s.thrivecart_account, s.test_mode_grants, s.grace_days, s.slack_days, s.status,
                s.created_at,
                (SELECT count(*) FROM plans p WHERE p.site = s.id) AS plans,
                (SELECT count(*) FROM members m WHERE m.site = s.id) AS members,
                good.secrets, good.secret_set_at
            FROM sites s
            CROSS JOIN LATERAL (
                SELECT count(*) AS secrets, max(c.created_at) AS secret_set_at
                FROM site_secrets c
                WHERE c.site = s.id AND c.provider = 'thrivecart' AND (c.retired_at IS NULL OR c.retired_at > \(now))
            ) good
            \(condition)
            ORDER BY s.slug
            """
        )
        var sites: [FoundSite] = []
        for row in found { sites.append(try FoundSite(row: row)) }
        return sites
    }

    /// A site's plans by their short names, or the one with this name.
    package func foundPlans(of site: Site.ID, slug: Slug? = nil) throws(PostgresError) -> [FoundPlan] {
        let condition: Query = if let slug { "AND p.slug = \(slug.text)" } else { "" }
        let found = try rows(
            """
            SELECT p.id, p.slug, p.name, p.created_at,
                ARRAY(SELECT i.item_key FROM plan_items i WHERE i.plan = p.id ORDER BY i.item_key) AS items,
                (SELECT count(DISTINCT e.member) FROM entitlements e WHERE e.plan = p.id) AS members
            FROM plans p
            WHERE p.site = \(site.uuid) \(condition)
            ORDER BY p.slug
            """
        )
        var plans: [FoundPlan] = []
        for row in found { plans.append(try FoundPlan(row: row)) }
        return plans
    }
}
