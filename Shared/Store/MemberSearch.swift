package import Domain
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

extension Transaction {
    /// Members that fit, the newest first.
    package func search(_ search: MemberSearch) throws(PostgresError) -> [Member] {
        var conditions: [Query] = ["m.site = \(search.site)"]
        if let text = search.text?.trimmingBlanks().lowercased(), !text.isEmpty {
            conditions.append(
                """
                (strpos(m.email, \(text)) > 0 OR strpos(lower(m.billing_email), \(text)) > 0
                    OR strpos(lower(concat_ws(' ', m.first_name, m.last_name)), \(text)) > 0)
                """
            )
        }
        if let plan = search.plan {
            conditions.append("EXISTS (SELECT FROM entitlements e WHERE e.member = m.id AND e.plan = \(plan))")
        }
        if let after = search.after {
            conditions.append(
                "(m.created_at, m.id) < (SELECT a.created_at, a.id FROM members a WHERE a.id = \(after))"
            )
        }
        return try rows(
            """
            SELECT m.id, m.site, m.email_original, m.first_name, m.last_name, m.billing_email, m.origin, m.created_at
            FROM members m
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY m.created_at DESC, m.id DESC
            LIMIT \(search.limit)
            """
        )
        .values(Member.init(row:))
    }
}
