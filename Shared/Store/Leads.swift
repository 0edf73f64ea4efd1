package import Domain
package import Foundation
package import Postgres

extension Transaction {
    /// Keeps an abandoned cart. False when it is kept already.
    package func insert(_ lead: Lead, key: String, at now: Date) throws(PostgresError) -> Bool {
        try run(
            """
            INSERT INTO leads (id, site, key, email, email_original, first_name, last_name, item_key, abandoned_at,
                status, created_at)
            VALUES (\(lead.id), \(lead.site), \(key), \(lead.email.normalized), \(lead.email), \(lead.firstName),
                \(lead.lastName), \(lead.item), \(lead.abandonedAt), \(lead.status), \(now))
            ON CONFLICT (site, key) DO NOTHING
            """
        ) == 1
    }

    /// Whether there is anybody to win: a lead has converted when its address bought afterwards, and is a member's
    /// while its address has access.
    ///
    /// Worked out anew whenever either may have changed, so that it does not matter which event came first.
    package func refreshLeads(of emails: Set<String>, of site: Site.ID, at now: Date) throws(PostgresError) {
        guard !emails.isEmpty else { return }
        try run(
            """
            WITH judged AS (
                SELECT l.id, CASE
                    WHEN EXISTS (
                        SELECT
                        FROM order_buyers b
                        JOIN orders o ON o.id = b.order_id
                        WHERE b.site = l.site
                          AND b.email = l.email
                          AND o.member IS NOT NULL
                          AND o.sold_at >= l.abandoned_at
                    ) THEN 'converted'
                    WHEN EXISTS (
                        SELECT
                        FROM members m
                        JOIN entitlements e ON e.member = m.id
                        WHERE m.site = l.site
                          AND (m.email = l.email OR EXISTS (
                              SELECT
                              FROM order_buyers b
                              JOIN orders o ON o.id = b.order_id
                              WHERE b.site = l.site AND b.email = l.email AND o.member = m.id
                          ))
                          AND e.access
                          AND (e.next_change_at IS NULL OR e.next_change_at > \(now))
                    ) THEN 'member'
                    ELSE 'open'
                END AS status
                FROM leads l
                WHERE l.site = \(site)
                  AND l.email = ANY(\(emails.sorted()))
            )
            UPDATE leads l
            SET status = judged.status
            FROM judged
            WHERE l.id = judged.id
              AND l.status <> judged.status
            """
        )
    }

    package func lead(_ id: Lead.ID) throws(PostgresError) -> Lead? {
        try rows(
            """
            SELECT id, site, email_original, first_name, last_name, item_key, abandoned_at, status
            FROM leads
            WHERE id = \(id)
            """
        )
        .values(Lead.init(row:)).first
    }
}

extension Lead {
    init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            site: try row["site"],
            email: try row["email_original"],
            firstName: try row["first_name"],
            lastName: try row["last_name"],
            item: try row["item_key"],
            abandonedAt: try row["abandoned_at"],
            status: try row["status"]
        )
    }
}
