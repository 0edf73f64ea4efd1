package import Domain
package import Foundation
package import Postgres

/// A word or key that proves a provider's webhook is its own, encrypted.
package struct SiteSecret: Sendable, Hashable {
    package typealias ID = Identifier<SiteSecret>

    package var id: ID
    package var site: Site.ID
    package var provider: Provider
    package var sealed: [UInt8]
    package var createdAt: Date
    /// From then on it proves nothing; nil is current.
    package var retiredAt: Date?

    package init(id: ID, site: Site.ID, provider: Provider, sealed: [UInt8], createdAt: Date, retiredAt: Date? = nil) {
        self.id = id
        self.site = site
        self.provider = provider
        self.sealed = sealed
        self.createdAt = createdAt
        self.retiredAt = retiredAt
    }

    /// What it is sealed for: bytes copied to another row don't open.
    package static func place(of id: ID) -> String { "site_secrets/\(id)" }
}

extension Transaction {
    private static var columns: StaticString { "id, site, provider, sealed, created_at, retired_at" }

    package func insert(_ secret: SiteSecret) throws(PostgresError) {
        try run(
            """
            INSERT INTO site_secrets (\(raw: Self.columns))
            VALUES (\(secret.id), \(secret.site), \(secret.provider), \(secret.sealed), \(secret.createdAt),
                \(secret.retiredAt))
            """
        )
    }

    /// What is good at `now`, of one site or of all; the newest first.
    package func currentSecrets(
        of site: Site.ID? = nil,
        for provider: Provider,
        at now: Date
    ) throws(PostgresError) -> [SiteSecret] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM site_secrets
            WHERE provider = \(provider)
              AND (\(site) IS NULL OR site = \(site))
              AND (retired_at IS NULL OR retired_at > \(now))
            ORDER BY created_at DESC, id DESC
            """
        )
        .values(SiteSecret.init(row:))
    }

    /// All but `kept` prove nothing from `end` on. Answers how many got an end, or an earlier one.
    @discardableResult
    package func retireSecrets(
        of site: Site.ID,
        for provider: Provider,
        but kept: SiteSecret.ID?,
        at end: Date
    ) throws(PostgresError) -> Int {
        try run(
            """
            UPDATE site_secrets
            SET retired_at = greatest(created_at, \(end))
            WHERE site = \(site)
              AND provider = \(provider)
              AND id IS DISTINCT FROM \(kept)
              AND (retired_at IS NULL OR retired_at > \(end))
            """
        )
    }
}

extension SiteSecret {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            site: try row["site"],
            provider: try row["provider"],
            sealed: try row["sealed"],
            createdAt: try row["created_at"],
            retiredAt: try row["retired_at"]
        )
    }
}
