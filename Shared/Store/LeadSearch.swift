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

extension Transaction {
    /// Leads that fit, the latest first.
    package func search(_ search: LeadSearch) throws(PostgresError) -> [Lead] {
        var conditions: [Query] = ["site = \(search.site)"]
        if let status = search.status { conditions.append("status = \(status)") }
        if let since = search.since { conditions.append("abandoned_at >= \(since)") }
        if let after = search.after {
            conditions.append(
                "(abandoned_at, id) < (SELECT a.abandoned_at, a.id FROM leads a WHERE a.id = \(after))"
            )
        }
        return try rows(
            """
            SELECT id, site, email_original, first_name, last_name, item_key, abandoned_at, status
            FROM leads
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY abandoned_at DESC, id DESC
            LIMIT \(search.limit)
            """
        )
        .values(Lead.init(row:))
    }
}
