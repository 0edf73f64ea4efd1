import CLibPQ
import Foundation

/// The statements a connection has prepared, by their text and their values' types.
struct StatementCache {
    struct Key: Hashable {
        let sql: String
        let types: [UInt32]
    }

    let limit: Int
    private var entries: [Key: (name: String, lastUse: Int)] = [:]
    private var uses = 0

    init(limit: Int) {
        self.limit = limit
    }

    mutating func name(of key: Key) -> String? {
        uses += 1
        entries[key]?.lastUse = uses
        return entries[key]?.name
    }

    mutating func newName() -> String {
        uses += 1
        return "s\(uses)"
    }

    /// Keeps the statement; answers with the name of the one unused for longest if there are too many.
    mutating func insert(_ key: Key, named name: String) -> String? {
        entries[key] = (name, uses)
        guard entries.count > limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else {
            return nil
        }
        return entries.removeValue(forKey: oldest.key)?.name
    }
}

extension Wire {
    /// Runs one statement with its values.
    func execute(_ query: Query, _ step: Step) throws(PostgresError) -> WireResult {
        if let problem = query.problem { throw problem }
        let sql = query.sql
        guard !sql.utf8.contains(0) else { throw .value(position: 0, reason: "SQL can't hold a NUL") }
        let values = query.values
        guard let count = UInt16(exactly: values.types.count).map(Int32.init) else {
            throw .value(position: 65_536, reason: "Postgres takes 65535 values at most; bind arrays to unnest instead")
        }
        guard statements.limit > 0 else {
            return try ask(sql, step) { handle in
                values.withPointers { pointers, lengths, formats in
                    PQsendQueryParams(handle, sql, count, values.types, pointers, lengths, formats, 1)
                }
            }
        }
        let name = try prepare(sql, values.types, step)
        return try ask(sql, step) { handle in
            values.withPointers { pointers, lengths, formats in
                PQsendQueryPrepared(handle, name, count, pointers, lengths, formats, 1)
            }
        }
    }

    /// The name of the prepared statement, which is made if there is none yet.
    private func prepare(_ sql: String, _ types: [UInt32], _ step: Step) throws(PostgresError) -> String {
        let key = StatementCache.Key(sql: sql, types: types)
        if let name = statements.name(of: key) { return name }
        let name = statements.newName()
        // Preparing changes nothing, so its loss is the loss of nothing even where `step` commits by itself.
        _ = try ask(sql, .statement) { PQsendPrepare($0, name, sql, Int32(clamping: types.count), types) }
        if let dropped = statements.insert(key, named: name) { try script("DEALLOCATE \(dropped)", .control) }
        return name
    }
}

extension Query.Values {
    /// The values as libpq wants them, all in the binary form.
    fileprivate func withPointers(
        _ body: ([UnsafePointer<CChar>?], _ lengths: [Int32], _ formats: [Int32]) -> Int32
    ) -> Int32 {
        bytes.withUnsafeBytes { buffer in
            let pointers = places.map { place in
                place.flatMap { buffer.baseAddress?.advanced(by: $0.lowerBound).assumingMemoryBound(to: CChar.self) }
            }
            let lengths = places.map { Int32(clamping: $0?.count ?? 0) }
            return body(pointers, lengths, Array(repeating: 1, count: places.count))
        }
    }
}
