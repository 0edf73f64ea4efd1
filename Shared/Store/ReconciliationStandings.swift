package import Domain
package import Foundation
package import Postgres

/// How the comparing of one seller's books, or of PayPal's, stands.
package struct ReconciliationStanding: Sendable, Hashable {
    /// Nil for PayPal's books.
    package var site: Site.ID?
    package var slug: Slug?
    package var provider: Provider
    package var mode: Mode
    package var since: Date
    package var succeededAt: Date?
    /// Why the last run failed, if it did and none has succeeded since.
    package var problem: String?
    package var waiting: Int
    package var needsPerson: Int

    /// A day, and two hours for the run itself.
    package static let patience: TimeInterval = 26 * 3600

    package func isOverdue(at now: Date) -> Bool {
        now.timeIntervalSince(succeededAt ?? since) > Self.patience
    }

    /// The site's slug, or whose books they are.
    package var name: String { slug?.text ?? (mode == .live ? "paypal" : "paypal-sandbox") }
}

extension Transaction {
    /// For each site whose books we may read: since when they are compared, and when that last succeeded.
    package func reconciliationStandings() throws(PostgresError) -> [ReconciliationStanding] {
        try standings(
            """
            SELECT k.site, s.slug, k.provider, 'live' AS mode, k.created_at AS since, max(r.ended_at) AS succeeded_at,
                last.problem,
                (SELECT count(*) FROM discrepancies d WHERE d.site = k.site AND d.state = 'found') AS waiting,
                (SELECT count(*) FROM discrepancies d WHERE d.site = k.site AND d.state = 'person') AS needs_person
            FROM site_api_keys k
            JOIN sites s ON s.id = k.site AND s.status = 'active'
            LEFT JOIN reconciliations r ON r.site = k.site AND r.provider = k.provider AND r.mode = 'live'
                AND r.state = 'succeeded'
            LEFT JOIN LATERAL (
                SELECT CASE l.state WHEN 'failed' THEN l.problem END AS problem
                FROM reconciliations l
                WHERE l.site = k.site AND l.provider = k.provider AND l.mode = 'live' AND l.state <> 'running'
                ORDER BY l.ended_at DESC
                LIMIT 1
            ) last ON true
            GROUP BY k.site, s.slug, k.provider, k.created_at, last.problem
            ORDER BY s.slug, k.provider
            """
        )
    }

    /// For each PayPal that merchants are connected to.
    package func payPalStandings() throws(PostgresError) -> [ReconciliationStanding] {
        try standings(
            """
            WITH books AS (
                SELECT CASE environment WHEN 'live' THEN 'live' ELSE 'test' END AS mode, min(created_at) AS since
                FROM merchants
                WHERE state = 'connected'
                GROUP BY environment
            )
            SELECT NULL::uuid AS site, NULL AS slug, 'paypal' AS provider, b.mode, b.since,
                (SELECT max(r.ended_at) FROM reconciliations r
                    WHERE r.site IS NULL AND r.provider = 'paypal' AND r.mode = b.mode
                      AND r.state = 'succeeded') AS succeeded_at,
                last.problem,
                (SELECT count(*) FROM discrepancies d
                    WHERE d.site IS NULL AND d.mode = b.mode AND d.state = 'found') AS waiting,
                (SELECT count(*) FROM discrepancies d
                    WHERE d.site IS NULL AND d.mode = b.mode AND d.state = 'person') AS needs_person
            FROM books b
            LEFT JOIN LATERAL (
                SELECT CASE l.state WHEN 'failed' THEN l.problem END AS problem
                FROM reconciliations l
                WHERE l.site IS NULL AND l.provider = 'paypal' AND l.mode = b.mode AND l.state <> 'running'
                ORDER BY l.ended_at DESC
                LIMIT 1
            ) last ON true
            ORDER BY b.mode
            """
        )
    }

    private func standings(_ query: Query) throws(PostgresError) -> [ReconciliationStanding] {
        try rows(query).values { row throws(PostgresError) in
            ReconciliationStanding(
                site: try row["site"],
                slug: try row["slug"],
                provider: try row["provider"],
                mode: try row["mode"],
                since: try row["since"],
                succeededAt: try row["succeeded_at"],
                problem: try row["problem"],
                waiting: Int(try row["waiting", as: Int64.self]),
                needsPerson: Int(try row["needs_person", as: Int64.self])
            )
        }
    }
}

extension Merchant.Environment {
    /// The mode of the books of this PayPal.
    package var mode: Mode { self == .live ? .live : .test }
}
