/// SQL whose values are bound, never written into it.
///
///     "SELECT \(raw: columns) FROM members WHERE email = \(email)"
///
/// `\(value)` becomes `$1`, `$2`, …; `\(query)` puts in another query with its values; `\(raw:)` takes only a
/// `StaticString`, so no variable reaches the text. Errors in values are thrown when the query is run.
package struct Query: Sendable, ExpressibleByStringInterpolation {
    /// The text between the values: always one more than there are values.
    private var pieces: [String]
    private(set) var values = Values()
    /// What is wrong with a value: interpolation itself can't throw.
    private(set) var problem: PostgresError?

    package init(stringLiteral literal: String) {
        pieces = [literal]
    }

    package init(stringInterpolation interpolation: StringInterpolation) {
        self = interpolation.query
    }

    /// The text that is sent.
    var sql: String {
        guard pieces.count > 1 else { return pieces[0] }
        var sql = pieces[0]
        for (number, piece) in pieces.enumerated().dropFirst() {
            sql += "$\(number)"
            sql += piece
        }
        return sql
    }

    /// All bound values: one buffer, and where each value lies in it.
    struct Values: Sendable {
        var bytes: [UInt8] = []
        var types: [UInt32] = []
        /// nil for NULL.
        var places: [Range<Int>?] = []
    }
}

// MARK: Putting queries together

extension Query {
    package static func += (left: inout Query, right: Query) {
        let shift = left.values.bytes.count
        left.pieces[left.pieces.count - 1] += right.pieces[0]
        left.pieces += right.pieces.dropFirst()
        if left.problem == nil, case .value(let position, let reason)? = right.problem {
            left.problem = .value(position: left.values.types.count + position, reason: reason)
        }
        left.values.bytes += right.values.bytes
        left.values.types += right.values.types
        left.values.places += right.values.places.map { place in
            place.map { $0.lowerBound + shift..<$0.upperBound + shift }
        }
    }

    package static func + (left: Query, right: Query) -> Query {
        var sum = left
        sum += right
        return sum
    }
}

extension Sequence<Query> {
    /// One query of many, as for a list of conditions joined by `" AND "`.
    package func joined(separator: StaticString = ", ") -> Query {
        var result: Query = ""
        for (index, query) in enumerated() {
            if index > 0 { result += Query(stringLiteral: separator.description) }
            result += query
        }
        return result
    }
}

// MARK: Interpolation

extension Query {
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var query: Query = ""

        package init(literalCapacity: Int, interpolationCount: Int) {
            query.pieces.reserveCapacity(interpolationCount + 1)
        }

        package mutating func appendLiteral(_ literal: String) {
            query.pieces[query.pieces.count - 1] += literal
        }

        package mutating func appendInterpolation(_ value: some PostgresValue) {
            query.bind(value)
        }

        /// nil is NULL. Without this, the compiler would warn of every optional.
        package mutating func appendInterpolation<Value: PostgresValue>(_ value: Value?) {
            query.bind(value)
        }

        package mutating func appendInterpolation(_ fragment: Query) {
            query += fragment
        }

        package mutating func appendInterpolation(raw text: StaticString) {
            appendLiteral(text.description)
        }

        /// A name of a table, column or database, quoted.
        package mutating func appendInterpolation(identifier name: String) {
            if name.isEmpty || name.utf8.contains(0) {
                query.fail("a name can't be empty or hold a NUL", at: query.values.types.count + 1)
            }
            appendLiteral("\"" + name.replacing("\"", with: "\"\"") + "\"")
        }
    }

    /// libpq counts lengths in 32 bits, and Postgres takes no value over 1 GB.
    private static let maximumBytes = 1_000_000_000

    private mutating func bind<Value: PostgresValue>(_ value: Value) {
        values.types.append(Value.postgresType.oid)
        pieces.append("")
        guard !value.isNull else { return values.places.append(nil) }

        // A first byte that belongs to no value, so that an empty value has an address too: none would mean NULL.
        if values.bytes.isEmpty { values.bytes.append(0) }
        let start = values.bytes.count
        do throws(PostgresValueError) {
            try value.encode(into: &values.bytes)
            if values.bytes.count - start > Self.maximumBytes { throw PostgresValueError("it is over 1 GB") }
        } catch {
            values.bytes.removeSubrange(start...)
            fail(error.reason, at: values.types.count)
        }
        values.places.append(start..<values.bytes.count)
    }

    private mutating func fail(_ reason: String, at position: Int) {
        problem = problem ?? .value(position: position, reason: reason)
    }
}
