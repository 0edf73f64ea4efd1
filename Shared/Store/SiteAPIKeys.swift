package import Domain
package import Foundation
package import Postgres

/// A key that reads a site's books at a provider, encrypted.
package struct SiteAPIKey: Sendable, Hashable {
    package typealias ID = Identifier<SiteAPIKey>

    package var id: ID
    package var site: Site.ID
    package var provider: Provider
    package var sealed: [UInt8]
    package var createdAt: Date

    package init(id: ID, site: Site.ID, provider: Provider, sealed: [UInt8], createdAt: Date) {
        self.id = id
        self.site = site
        self.provider = provider
        self.sealed = sealed
        self.createdAt = createdAt
    }

    /// What it is sealed for: bytes copied to another row don't open.
    package static func place(of id: ID) -> String { "site_api_keys/\(id)" }
    package var place: String { Self.place(of: id) }
}

extension Transaction {
    private static var columns: StaticString { "id, site, provider, sealed, created_at" }

    /// Takes the place of the one that was. Since when books are compared stays.
    package func save(_ key: SiteAPIKey) throws(PostgresError) {
        try run(
            """
            INSERT INTO site_api_keys (\(raw: Self.columns))
            VALUES (\(key.id), \(key.site), \(key.provider), \(key.sealed), \(key.createdAt))
            ON CONFLICT (site, provider) DO UPDATE
            SET id = excluded.id, sealed = excluded.sealed
            """
        )
    }

    package func apiKey(of site: Site.ID, at provider: Provider) throws(PostgresError) -> SiteAPIKey? {
        try rows("SELECT \(raw: Self.columns) FROM site_api_keys WHERE site = \(site) AND provider = \(provider)")
            .values(SiteAPIKey.init(row:)).first
    }
}

extension SiteAPIKey {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            site: try row["site"],
            provider: try row["provider"],
            sealed: try row["sealed"],
            createdAt: try row["created_at"]
        )
    }
}
