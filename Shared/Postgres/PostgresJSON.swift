package import Foundation

/// A JSON document for a `jsonb` column, as text.
///
/// Postgres sorts keys, drops doubled ones and white space: what comes back is the same value, not the same text.
package struct PostgresJSON: PostgresValue, Hashable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package init(encoding value: some Encodable, with encoder: JSONEncoder = JSONEncoder()) throws {
        text = String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    package func decode<Value: Decodable>(
        _ type: Value.Type = Value.self,
        with decoder: JSONDecoder = JSONDecoder()
    ) throws -> Value {
        try decoder.decode(type, from: Data(text.utf8))
    }

    package static var postgresType: PostgresType { .jsonb }

    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) {
        bytes.append(1)
        try text.encode(into: &bytes)
    }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        guard cell.typeOID == PostgresType.jsonb.oid || cell.typeOID == PostgresType.json.oid || cell.content == nil
        else { throw cell.mismatch }
        text = try String(from: cell)
    }
}
