package import Domain
package import Postgres

extension Transaction {
    private static var columns: StaticString {
        "id, slug, name, thrivecart_account, test_mode_grants, grace_days, slack_days, status, created_at"
    }

    /// False when the short name is taken.
    package func insert(_ site: Site) throws(PostgresError) -> Bool {
        try run(
            """
            INSERT INTO sites (\(raw: Self.columns))
            VALUES (\(site.id), \(site.slug), \(site.name), \(site.thriveCartAccount), \(site.testModeGrants),
                \(site.policy.graceDays), \(site.policy.slackDays), \(site.status), \(site.createdAt))
            ON CONFLICT (slug) DO NOTHING
            """
        ) == 1
    }

    /// Everything but its id, short name and date. What it changes for members follows by `rederive`.
    package func update(_ site: Site) throws(PostgresError) {
        try run(
            """
            UPDATE sites
            SET name = \(site.name), thrivecart_account = \(site.thriveCartAccount),
                test_mode_grants = \(site.testModeGrants), grace_days = \(site.policy.graceDays),
                slack_days = \(site.policy.slackDays), status = \(site.status)
            WHERE id = \(site.id)
            """
        )
    }

    package func site(_ id: Site.ID) throws(PostgresError) -> Site? {
        try rows("SELECT \(raw: Self.columns) FROM sites WHERE id = \(id)").values(Site.init(row:)).first
    }

    package func site(slug: Slug) throws(PostgresError) -> Site? {
        try rows("SELECT \(raw: Self.columns) FROM sites WHERE slug = \(slug)").values(Site.init(row:)).first
    }

    /// By their short names.
    package func sites() throws(PostgresError) -> [Site] {
        try rows("SELECT \(raw: Self.columns) FROM sites ORDER BY slug").values(Site.init(row:))
    }
}

extension Site {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            slug: try row["slug"],
            name: try row["name"],
            thriveCartAccount: try row["thrivecart_account"],
            testModeGrants: try row["test_mode_grants"],
            policy: AccessPolicy(graceDays: try row["grace_days"], slackDays: try row["slack_days"]),
            status: try row["status"],
            createdAt: try row["created_at"]
        )
    }
}
