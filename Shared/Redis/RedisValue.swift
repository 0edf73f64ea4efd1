/// An answer of the server, as RESP2 has them.
package enum RedisValue: Sendable, Hashable {
    case null
    case int(Int)
    case bytes([UInt8])
    /// A simple string: `OK`, `PONG`, `QUEUED`.
    case status(String)
    /// An error inside an array (of `EXEC`, or of a script). An error that is the whole answer of a call is thrown.
    case error(String)
    case array([RedisValue])
}

extension RedisValue {
    package var isNull: Bool { self == .null }

    /// The whole number, also when the server spells it as text, as it does in hashes.
    package var int: Int? {
        switch self {
        case .int(let number): number
        case .bytes(let bytes): Int(String(decoding: bytes, as: UTF8.self))
        case .status(let text): Int(text)
        case .null, .error, .array: nil
        }
    }

    package var bytes: [UInt8]? {
        switch self {
        case .bytes(let bytes): bytes
        case .status(let text): Array(text.utf8)
        case .null, .int, .error, .array: nil
        }
    }

    /// The text; nil also when the bytes are not UTF-8.
    package var string: String? {
        switch self {
        case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
        case .status(let text): text
        case .int(let number): String(number)
        case .null, .error, .array: nil
        }
    }

    package var array: [RedisValue]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    /// An array of name, value, name, value, … (`HGETALL`, `CONFIG GET`) by name.
    ///
    /// Nil when it is no array, its count is odd, or a name is not UTF-8. The last one wins when a name comes twice.
    package var dictionary: [String: RedisValue]? {
        guard let values = array, values.count.isMultiple(of: 2) else { return nil }
        var pairs: [String: RedisValue] = [:]
        pairs.reserveCapacity(values.count / 2)
        for index in stride(from: 0, to: values.count, by: 2) {
            guard let name = values[index].string else { return nil }
            pairs[name] = values[index + 1]
        }
        return pairs
    }
}
