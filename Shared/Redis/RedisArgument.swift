/// One word of a command: its name, a key, a value. Sent as it is, so no byte in it can mean anything to the protocol.
///
/// Literals and interpolation make the usual ones: `["SET", "\(prefix):greeting", "hello", "EX", 60]`.
package enum RedisArgument: Sendable, Hashable {
    case bytes([UInt8])
    case text(String)
    case int(Int)

    /// How many bytes it has at most on the wire, without its length line.
    var weight: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .text(let text): text.utf8.count
        case .int: 20
        }
    }
}

extension RedisArgument: ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self = .text(value) }
}

extension RedisArgument: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int) { self = .int(value) }
}
