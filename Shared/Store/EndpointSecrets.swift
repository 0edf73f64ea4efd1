package import Domain
package import Foundation
package import Postgres

/// What signs the messages to one endpoint, encrypted.
package struct EndpointSecret: Sendable, Hashable {
    package typealias ID = Identifier<EndpointSecret>

    package var id: ID
    package var endpoint: Endpoint.ID
    package var sealed: [UInt8]
    package var createdAt: Date
    /// From then on it signs nothing; nil is current.
    package var retiredAt: Date?

    package init(id: ID, endpoint: Endpoint.ID, sealed: [UInt8], createdAt: Date, retiredAt: Date? = nil) {
        self.id = id
        self.endpoint = endpoint
        self.sealed = sealed
        self.createdAt = createdAt
        self.retiredAt = retiredAt
    }

    /// What it is sealed for: bytes copied to another row don't open.
    package static func place(of id: ID) -> String { "endpoint_secrets/\(id)" }
}

extension Transaction {
    private static var columns: StaticString { "id, endpoint, sealed, created_at, retired_at" }

    package func insert(_ secret: EndpointSecret) throws(PostgresError) {
        try run(
            """
            INSERT INTO endpoint_secrets (\(raw: Self.columns))
            VALUES (\(secret.id), \(secret.endpoint), \(secret.sealed), \(secret.createdAt), \(secret.retiredAt))
            """
        )
    }

    /// What signs at `now`, the newest first.
    package func secrets(of endpoints: [Endpoint.ID], at now: Date) throws(PostgresError) -> [EndpointSecret] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM endpoint_secrets
            WHERE endpoint = ANY(\(endpoints))
              AND (retired_at IS NULL OR retired_at > \(now))
            ORDER BY created_at DESC, id DESC
            """
        )
        .values(EndpointSecret.init(row:))
    }

    /// Every other secret of the endpoint signs until `end` and no longer. Answers how many got an end, or an earlier one.
    @discardableResult
    package func retireSecrets(
        of endpoint: Endpoint.ID,
        but kept: EndpointSecret.ID,
        at end: Date
    ) throws(PostgresError) -> Int {
        try run(
            """
            UPDATE endpoint_secrets
            SET retired_at = greatest(created_at, \(end))
            WHERE endpoint = \(endpoint)
              AND id <> \(kept)
              AND (retired_at IS NULL OR retired_at > \(end))
            """
        )
    }
}

extension EndpointSecret {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            endpoint: try row["endpoint"],
            sealed: try row["sealed"],
            createdAt: try row["created_at"],
            retiredAt: try row["retired_at"]
        )
    }
}
