package import Domain
package import Foundation
package import Postgres

/// One change of a member's access, as the audit keeps it.
package struct AccessChange: Sendable, Hashable {
    package var source: Cause.Source
    /// An event's name, or a word of ours such as `lapse`.
    package var action: String
    package var event: InboundEvent.ID?
    package var plan: Slug?
    package var before: Entitlement.Status?
    package var after: Entitlement.Status?
    package var hadAccess: Bool?
    package var hasAccess: Bool?
    package var accessUntil: Date?
    package var appliedAt: Date

    fileprivate init(row: Row) throws(PostgresError) {
        source = try row["source"]
        action = try row["action"]
        event = try row["event"]
        plan = try row["slug"]
        before = try row["before_status"]
        after = try row["after_status"]
        hadAccess = try row["before_access"]
        hasAccess = try row["after_access"]
        accessUntil = try row["access_until"]
        appliedAt = try row["applied_at"]
    }
}

extension Transaction {
    /// What happened to a member's access, the latest first.
    package func accessHistory(of member: Member.ID, limit: Int) throws(PostgresError) -> [AccessChange] {
        try changes("WHERE a.member = \(member) ORDER BY a.id DESC LIMIT \(limit)")
    }

    /// What an inbound event changed, in its order.
    package func accessChanges(by event: InboundEvent.ID) throws(PostgresError) -> [AccessChange] {
        try changes("WHERE a.event = \(event) ORDER BY a.id")
    }

    private func changes(_ condition: Query) throws(PostgresError) -> [AccessChange] {
        let query: Query = """
            SELECT a.source, a.action, a.event, p.slug, a.before_status, a.after_status, a.before_access, a.after_access,
                a.access_until, a.applied_at
            FROM audit a
            LEFT JOIN plans p ON p.id = a.plan
            """
        return try rows("\(query) \(condition)").values(AccessChange.init(row:))
    }
}
