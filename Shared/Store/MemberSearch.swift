package import Domain
package import Foundation
package import Postgres

/// Whom an operator looks for among a site's members; what is nil matches all.
package struct MemberSearch: Sendable {
    package var site: Site.ID
    /// Part of an address or a name, in any case.
    package var text: String?
    /// Only those who have, or once had, a source of this plan.
    package var plan: Plan.ID?
    /// Goes on behind this member.
    package var after: Member.ID?
    package var limit: Int

    package init(site: Site.ID, text: String? = nil, plan: Plan.ID? = nil, after: Member.ID? = nil, limit: Int = 50) {
        self.site = site
        self.text = text
        self.plan = plan
        self.after = after
        self.limit = limit
    }
}

/// A member as an operator sees one.
package struct FoundMember: Sendable, Hashable {
    package var id: Member.ID
    /// As it was typed.
    package var email: String
    package var firstName: String?
    package var lastName: String?
    package var billingEmail: String?
    package var origin: String
    package var createdAt: Date

    fileprivate init(row: Row) throws(PostgresError) {
        id = Member.ID(try row["id", as: UUID.self])
        email = try row["email_original"]
        firstName = try row["first_name"]
        lastName = try row["last_name"]
        billingEmail = try row["billing_email"]
        origin = try row["origin"]
        createdAt = try row["created_at"]
    }
}

extension Transaction {
    /// Members that fit, the newest first.
    package func search(_ search: MemberSearch) throws(PostgresError) -> [FoundMember] {
        var conditions: [Query] = ["m.site = \(search.site.uuid)"]
        if let text = search.text?.trimmingBlanks().lowercased(), !text.isEmpty {
            conditions.append(
                """
                (strpos(m.email, \(text)) > 0 OR strpos(lower(m.billing_email), \(text)) > 0
                    OR strpos(lower(concat_ws(' ', m.first_name, m.last_name)), \(text)) > 0)
                """
            )
        }
        if let plan = search.plan {
            conditions.append("EXISTS (SELECT FROM entitlements e WHERE e.member = m.id AND e.plan = \(plan.uuid))")
        }
        if let after = search.after {
            conditions.append(
                "(m.created_at, m.id) < (SELECT a.created_at, a.id FROM members a WHERE a.id = \(after.uuid))"
            )
        }
        return try found(
            """
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY m.created_at DESC, m.id DESC
            LIMIT \(search.limit)
            """
        )
    }

    /// The member of a site who signs in with this address.
    package func foundMember(of site: Site.ID, email: EmailAddress) throws(PostgresError) -> FoundMember? {
        try found("WHERE m.site = \(site.uuid) AND m.email = \(email.normalized)").first
    }

    private func found(_ condition: Query) throws(PostgresError) -> [FoundMember] {
        let query: Query = """
            SELECT m.id, m.email_original, m.first_name, m.last_name, m.billing_email, m.origin, m.created_at
            FROM members m
            """
        var members: [FoundMember] = []
        for row in try rows("\(query) \(condition)") { members.append(try FoundMember(row: row)) }
        return members
    }
}
