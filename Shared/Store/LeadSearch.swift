package import Domain
package import Foundation
package import Postgres

/// Which leads of a site an operator looks for; what is nil matches all.
package struct LeadSearch: Sendable {
    package var site: Site.ID
    package var status: Lead.Status?
    package var since: Date?
    /// Goes on behind this lead.
    package var after: Lead.ID?
    package var limit = 50

    package init(site: Site.ID) { self.site = site }
}

/// A lead as an operator sees one.
package struct FoundLead: Sendable, Hashable {
    package var id: Lead.ID
    /// As it was typed.
    package var email: String
    package var firstName: String?
    package var lastName: String?
    package var item: String?
    package var abandonedAt: Date
    package var status: String

    fileprivate init(row: Row) throws(PostgresError) {
        id = Lead.ID(try row["id", as: UUID.self])
        email = try row["email_original"]
        firstName = try row["first_name"]
        lastName = try row["last_name"]
        item = try row["item_key"]
        abandonedAt = try row["abandoned_at"]
        status = try row["status"]
    }
}

extension Transaction {
    /// Leads that fit, the latest first.
    package func search(_ search: LeadSearch) throws(PostgresError) -> [FoundLead] {
        var conditions: [Query] = ["site = \(search.site.uuid)"]
        if let status = search.status { conditions.append("status = \(status.rawValue)") }
        if let since = search.since { conditions.append("abandoned_at >= \(since)") }
        if let after = search.after {
            conditions.append("(abandoned_at, id) < (SELECT a.abandoned_at, a.id FROM leads a WHERE a.id = \(after.uuid))")
        }
        let found = try rows(
            """
            SELECT id, email_original, first_name, last_name, item_key, abandoned_at, status
            FROM leads
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY abandoned_at DESC, id DESC
            LIMIT \(search.limit)
            """
        )
        var leads: [FoundLead] = []
        for row in found { leads.append(try FoundLead(row: row)) }
        return leads
    }
}
