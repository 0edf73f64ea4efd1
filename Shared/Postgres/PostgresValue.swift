/// A value that can be bound to a query and read from a column.
///
/// Values travel in Postgres' binary form, so that integers, times and bytes arrive exactly and nothing is escaped. An
/// enum with a raw value needs no more than the conformance. Source of the forms: PostgreSQL, the types' `_send` functions.
package protocol PostgresValue: PostgresElement {
    /// What Postgres is told the value is. A cast in the SQL turns it into anything else.
    static var postgresType: PostgresType { get }

    /// Whether it is NULL; then `encode` isn't called.
    var isNull: Bool { get }

    func encode(into bytes: inout [UInt8]) throws(PostgresValueError)

    init(from cell: PostgresCell) throws(PostgresValueError)
}

/// A value that has a type as an array's element.
///
/// Apart from `PostgresValue` because of `UInt8`: alone it is nothing to Postgres, but `[UInt8]` is `bytea`.
package protocol PostgresElement: Sendable {
    static var postgresArrayType: PostgresType { get }
    static func encode(_ array: [Self], into bytes: inout [UInt8]) throws(PostgresValueError)
    static func decodeArray(from cell: PostgresCell) throws(PostgresValueError) -> [Self]
}

/// A type by its number in `pg_type`, with the number of its array.
package struct PostgresType: Hashable, Sendable {
    package let oid: UInt32
    /// 0 where arrays of it can't be bound.
    package let arrayOID: UInt32

    package init(oid: UInt32, arrayOID: UInt32) {
        self.oid = oid
        self.arrayOID = arrayOID
    }

    // Source: PostgreSQL, src/include/catalog/pg_type.dat. These numbers never change.
    package static let bool = Self(oid: 16, arrayOID: 1000)
    package static let bytea = Self(oid: 17, arrayOID: 1001)
    package static let int8 = Self(oid: 20, arrayOID: 1016)
    package static let int2 = Self(oid: 21, arrayOID: 1005)
    package static let int4 = Self(oid: 23, arrayOID: 1007)
    package static let text = Self(oid: 25, arrayOID: 1009)
    package static let json = Self(oid: 114, arrayOID: 199)
    package static let float4 = Self(oid: 700, arrayOID: 1021)
    package static let float8 = Self(oid: 701, arrayOID: 1022)
    package static let timestamptz = Self(oid: 1184, arrayOID: 1185)
    package static let numeric = Self(oid: 1700, arrayOID: 1231)
    package static let uuid = Self(oid: 2950, arrayOID: 2951)
    package static let jsonb = Self(oid: 3802, arrayOID: 3807)
}

/// Why a value can't be written or read, in words that hold none of it.
package struct PostgresValueError: Error, Hashable {
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}

/// One field of a row as it came.
package struct PostgresCell {
    package let typeOID: UInt32
    /// nil for NULL. Valid only while the cell is being read.
    package let content: UnsafeRawBufferPointer?

    /// What is in it, if it isn't NULL and its type is one of these.
    package func bytes(of types: PostgresType...) throws(PostgresValueError) -> UnsafeRawBufferPointer {
        guard let content else { throw PostgresValueError("it is NULL") }
        guard types.contains(where: { $0.oid == typeOID }) else { throw mismatch }
        return content
    }

    package var mismatch: PostgresValueError {
        PostgresValueError("its type is \(PostgresType.name(typeOID))")
    }
}

// MARK: Defaults

extension PostgresValue {
    package var isNull: Bool { false }
}

extension PostgresValue where Self: RawRepresentable, RawValue: PostgresValue {
    package static var postgresType: PostgresType { RawValue.postgresType }
    package var isNull: Bool { rawValue.isNull }

    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) {
        try rawValue.encode(into: &bytes)
    }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        guard let value = Self(rawValue: try RawValue(from: cell)) else {
            throw PostgresValueError("it is no \(Self.self) that we know")
        }
        self = value
    }
}

extension Optional: PostgresElement where Wrapped: PostgresValue {}

extension Optional: PostgresValue where Wrapped: PostgresValue {
    package static var postgresType: PostgresType { Wrapped.postgresType }
    package var isNull: Bool { self?.isNull ?? true }

    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) {
        try self?.encode(into: &bytes)
    }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        self = cell.content == nil ? nil : try Wrapped(from: cell)
    }
}

extension PostgresType {
    /// As people know it, for messages.
    static func name(_ oid: UInt32) -> String {
        names[oid] ?? "number \(oid) of pg_type"
    }

    private static let names: [UInt32: String] = [
        16: "boolean", 17: "bytea", 18: "\"char\"", 19: "name", 20: "bigint", 21: "smallint", 23: "integer",
        25: "text", 26: "oid", 114: "json", 650: "cidr", 700: "real", 701: "double precision", 869: "inet",
        1000: "boolean[]", 1001: "bytea[]", 1005: "smallint[]", 1007: "integer[]", 1009: "text[]",
        1015: "character varying[]", 1016: "bigint[]", 1021: "real[]", 1022: "double precision[]", 1042: "character",
        1043: "character varying", 1082: "date", 1083: "time", 1114: "timestamp without time zone",
        1115: "timestamp without time zone[]", 1184: "timestamp with time zone",
        1185: "timestamp with time zone[]", 1186: "interval", 1231: "numeric[]", 1700: "numeric", 2249: "record",
        2278: "void", 2950: "uuid", 2951: "uuid[]", 3802: "jsonb", 3807: "jsonb[]",
    ]
}
