package import Domain
package import Foundation
package import Postgres

/// How much there is of a site.
package struct SiteCounts: Sendable, Hashable {
    package var plans: Int
    package var members: Int
    /// ThriveCart's secrets that are good now, and when the newest was set.
    package var secrets: Int
    package var secretSetAt: Date?
}

extension Transaction {
    /// How much there is of each site.
    package func siteCounts(at now: Date) throws(PostgresError) -> [Site.ID: SiteCounts] {
        let found = try rows(
            """
            SELECT s.id,
                (SELECT count(*) FROM plans p WHERE p.site = s.id),
                (SELECT count(*) FROM members m WHERE m.site = s.id),
                good.count,
                good.newest
            FROM sites s
            CROSS JOIN LATERAL (
                SELECT count(*), max(c.created_at) AS newest
                FROM site_secrets c
                WHERE c.site = s.id AND c.provider = 'thrivecart' AND (c.retired_at IS NULL OR c.retired_at > \(now))
            ) good
            """
        )
        .decode((Site.ID, Int, Int, Int, Date?).self)
        return Dictionary(
            uniqueKeysWithValues: found.map { site, plans, members, secrets, newest in
                (site, SiteCounts(plans: plans, members: members, secrets: secrets, secretSetAt: newest))
            }
        )
    }

    /// How many members have at least one source of a plan, with access or not.
    package func memberCounts(of site: Site.ID) throws(PostgresError) -> [Plan.ID: Int] {
        let counts = try rows(
            "SELECT plan, count(DISTINCT member) FROM entitlements WHERE site = \(site) GROUP BY plan"
        )
        .decode((Plan.ID, Int).self)
        return Dictionary(uniqueKeysWithValues: counts)
    }

    package func orderCount(of site: Site.ID) throws(PostgresError) -> Int {
        try rows("SELECT count(*) FROM orders WHERE site = \(site)").decode(Int.self).first ?? 0
    }
}
