package import Domain
package import Foundation
package import Postgres

/// One reason why a member has, or had, access to a plan: an entitlement with where it comes from, in words.
package struct AccessSource: Sendable, Hashable {
    package var member: Member.ID
    package var plan: Plan.ID
    package var planSlug: Slug
    /// Nil for a grant by hand.
    package var bought: Purchase?
    package var grantedBy: String?
    package var state: EntitlementState
    package var since: Date

    package struct Purchase: Sendable, Hashable {
        package var provider: Provider
        package var mode: Mode
        package var order: String
        package var item: ItemKey?
        package var itemName: String?
    }

    fileprivate init(row: Row) throws(PostgresError) {
        member = try row["member"]
        plan = try row["plan"]
        planSlug = try row["slug"]
        grantedBy = try row["granted_by"]
        since = try row["created_at"]
        state = try EntitlementState(row: row)
        if let order = try row["number", as: String?.self] {
            bought = Purchase(
                provider: try row["provider"],
                mode: try row["mode"],
                order: order,
                item: try row["item_key"],
                itemName: try row["item_name"]
            )
        }
    }
}

extension Transaction {
    /// Every source of these members, by plan and then the oldest first.
    package func accessSources(of members: [Member.ID]) throws(PostgresError) -> [AccessSource] {
        return try rows(
            """
            SELECT e.member, e.plan, p.slug, e.granted_by, e.status, e.access, e.access_until, e.paid_through,
                e.next_change_at, e.created_at, o.provider, o.mode, o.number, i.item_key, i.name AS item_name
            FROM entitlements e
            JOIN plans p ON p.id = e.plan
            LEFT JOIN order_items i ON i.id = e.order_item
            LEFT JOIN orders o ON o.id = i.order_id
            WHERE e.member = ANY(\(members))
            ORDER BY p.slug, e.created_at, e.id
            """
        )
        .values(AccessSource.init(row:))
    }
}
