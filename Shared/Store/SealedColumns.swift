package import Domain
package import Postgres

/// A column of encrypted values: all there are stand in `all`, for sealing them anew and for seeing that they open.
package struct SealedColumn: Sendable {
    let table: StaticString
    let column: StaticString
    /// What stands before the row's id in the place that a value is sealed for.
    let place: StaticString

    /// A new table with something sealed adds its line here.
    package static let all = [
        SealedColumn(table: "site_secrets", column: "sealed", place: "site_secrets"),
        SealedColumn(table: "endpoint_secrets", column: "sealed", place: "endpoint_secrets"),
        SealedColumn(table: "site_api_keys", column: "sealed", place: "site_api_keys"),
        SealedColumn(table: "merchants", column: "webhook_secret", place: "merchants.webhook_secret"),
        SealedColumn(table: "vault_subscriptions", column: "vault_token", place: "vault_subscriptions"),
    ]

    package var name: String { "\(table).\(column)" }
}

/// One encrypted value, and where it stands.
package struct SealedValue: Sendable {
    package typealias ID = Identifier<SealedValue>

    package var id: ID
    package var sealed: [UInt8]
    /// What it was sealed for: bytes copied to another row don't open.
    package var place: String
}

extension Transaction {
    /// Values after `id`, whether they are in force or not. With `locking` they are held until the end.
    package func sealedValues(
        of column: SealedColumn,
        after id: SealedValue.ID?,
        limit: Int,
        locking: Bool = false
    ) throws(PostgresError) -> [SealedValue] {
        try rows(
            """
            SELECT id, \(raw: column.column)
            FROM \(raw: column.table)
            WHERE (\(id) IS NULL OR id > \(id))
              AND \(raw: column.column) IS NOT NULL
            ORDER BY id
            LIMIT \(limit)
            \(locking ? "FOR UPDATE" : "" as Query)
            """
        )
        .decode((SealedValue.ID, [UInt8]).self)
        .map { SealedValue(id: $0, sealed: $1, place: "\(column.place)/\($0)") }
    }

    /// Puts the same value under another key. False when it was changed meanwhile.
    package func reseal(
        _ value: SealedValue,
        of column: SealedColumn,
        as sealed: [UInt8]
    ) throws(PostgresError) -> Bool {
        try run(
            """
            UPDATE \(raw: column.table)
            SET \(raw: column.column) = \(sealed)
            WHERE id = \(value.id)
              AND \(raw: column.column) = \(value.sealed)
            """
        ) == 1
    }

    /// How many values the column holds.
    package func count(of column: SealedColumn) throws(PostgresError) -> Int {
        try rows("SELECT count(\(raw: column.column)) FROM \(raw: column.table)").decode(Int.self).first ?? 0
    }
}
