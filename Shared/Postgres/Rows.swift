/// The answer to a query: its rows, and how many rows it changed.
package struct Rows: Sequence, Sendable {
    let result: WireResult

    package var count: Int { result.rowCount }
    package var isEmpty: Bool { count == 0 }
    package var columns: [String] { result.columns }
    /// Rows inserted, updated, deleted or selected.
    package var affected: Int { result.affected }

    package var first: Row? { isEmpty ? nil : self[0] }

    /// `index` is one of `0..<count`.
    package subscript(index: Int) -> Row {
        precondition(index >= 0 && index < count, "a row that isn't there")
        return Row(result: result, index: index)
    }

    package func makeIterator() -> some IteratorProtocol<Row> {
        (0..<count).lazy.map { Row(result: result, index: $0) }.makeIterator()
    }

    /// Every row as a typed tuple, in the order of the columns: `rows.decode((Int64, String?).self)`.
    package func decode<each Value: PostgresValue>(
        _ type: (repeat each Value).Type
    ) throws(PostgresError) -> [(repeat each Value)] {
        var tuples: [(repeat each Value)] = []
        tuples.reserveCapacity(count)
        for row in self { tuples.append(try row.decode(type)) }
        return tuples
    }
}

/// One row; its columns are found by name or by number.
package struct Row: Sendable {
    let result: WireResult
    let index: Int

    /// The columns in their order, all of them.
    package func decode<each Value: PostgresValue>(
        _ type: (repeat each Value).Type
    ) throws(PostgresError) -> (repeat each Value) {
        var wanted = 0
        for _ in repeat (each Value).self { wanted += 1 }
        guard wanted == result.columns.count else {
            throw .decode(column: "*", reason: "\(wanted) columns were asked for, there are \(result.columns.count)")
        }
        var column = -1
        func next<Next: PostgresValue>(_ type: Next.Type) throws(PostgresError) -> Next {
            column += 1
            return try result.value(row: index, column: column)
        }
        return (repeat try next((each Value).self))
    }

    package subscript<Value: PostgresValue>(name: String, as type: Value.Type = Value.self) -> Value {
        get throws(PostgresError) {
            try result.value(row: index, column: try result.column(named: name))
        }
    }

    /// Columns are counted from 0.
    package subscript<Value: PostgresValue>(column: Int, as type: Value.Type = Value.self) -> Value {
        get throws(PostgresError) {
            guard result.columns.indices.contains(column) else {
                throw .decode(column: "\(column)", reason: "there are \(result.columns.count) columns")
            }
            return try result.value(row: index, column: column)
        }
    }
}
