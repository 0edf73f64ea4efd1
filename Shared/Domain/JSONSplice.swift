/// Adds one member to a JSON object without touching a byte of the rest.
///
/// Decoding and encoding again would change numbers (`1.0`, `1E2`), the order of keys and the escapes, and a receiver that
/// compares with what the provider sent would see another body.
package enum JSONSplice {
    package enum Failure: Error, Hashable, Sendable {
        /// Not one JSON object in UTF-8, or nested deeper than 64.
        case notAnObject
        /// The object has the key already: two of them would be read differently by different receivers.
        case keyExists
    }

    /// The same bytes with `"key":value` as the last member of the outermost object.
    package static func add(_ key: String, _ value: Int64, to body: [UInt8]) throws(Failure) -> [UInt8] {
        var scanner = Scanner(body, key: Array(key.utf8))
        let found = try scanner.scan()
        guard String(validating: body, as: UTF8.self) != nil else { throw .notAnObject }
        let member = (found.isEmpty ? "" : ",") + quoted(key) + ":\(value)"
        return Array(body[..<found.end]) + Array(member.utf8) + Array(body[found.end...])
    }

    /// Throws what `add` would, and adds nothing.
    package static func check(_ body: [UInt8], lacks key: String) throws(Failure) {
        _ = try add(key, 0, to: body)
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

/// Walks over a whole document by the grammar of RFC 8259 and remembers where its object ends.
private struct Scanner {
    private let bytes: [UInt8]
    private let key: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8], key: [UInt8]) {
        self.bytes = bytes
        self.key = key
    }

    /// Where the outermost object's closing brace stands, and whether it has no member.
    mutating func scan() throws(JSONSplice.Failure) -> (end: Int, isEmpty: Bool) {
        skipBlanks()
        guard peek == UInt8(ascii: "{") else { throw .notAnObject }
        let isEmpty = try object(depth: 1)
        let end = at - 1
        skipBlanks()
        guard at == bytes.count else { throw .notAnObject }
        return (end, isEmpty)
    }

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipBlanks() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONSplice.Failure) {
        guard depth <= 64 else { throw .notAnObject }
        switch peek {
        case UInt8(ascii: "{"): _ = try object(depth: depth)
        case UInt8(ascii: "["): try array(depth: depth)
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try number()
        }
    }

    /// True when the object is empty.
    private mutating func object(depth: Int) throws(JSONSplice.Failure) -> Bool {
        at += 1
        skipBlanks()
        if take(UInt8(ascii: "}")) { return true }
        repeat {
            skipBlanks()
            let name = try string()
            if depth == 1, name == key { throw .keyExists }
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw .notAnObject }
            skipBlanks()
            try value(depth: depth + 1)
            skipBlanks()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw .notAnObject }
        return false
    }

    private mutating func array(depth: Int) throws(JSONSplice.Failure) {
        at += 1
        skipBlanks()
        if take(UInt8(ascii: "]")) { return }
        repeat {
            skipBlanks()
            try value(depth: depth + 1)
            skipBlanks()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw .notAnObject }
    }

    /// The string's bytes with simple escapes resolved; one beyond ASCII that is escaped can't be our key.
    private mutating func string() throws(JSONSplice.Failure) -> [UInt8] {
        guard take(UInt8(ascii: "\"")) else { throw .notAnObject }
        var text: [UInt8] = []
        while let byte = peek {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return text
            case UInt8(ascii: "\\"): text.append(try escape())
            case 0x00..<0x20: throw .notAnObject
            default: text.append(byte)
            }
        }
        throw .notAnObject
    }

    private mutating func escape() throws(JSONSplice.Failure) -> UInt8 {
        guard let byte = peek else { throw .notAnObject }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return byte
        case UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"): return 0
        case UInt8(ascii: "u"):
            guard bytes.count - at >= 4, let text = String(validating: bytes[at..<at + 4], as: UTF8.self),
                text.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }), let code = UInt32(text, radix: 16)
            else { throw .notAnObject }
            at += 4
            return code < 0x80 ? UInt8(code) : 0
        default: throw .notAnObject
        }
    }

    private mutating func word(_ text: StaticString) throws(JSONSplice.Failure) {
        let length = text.utf8CodeUnitCount
        guard bytes.count - at >= length, bytes[at..<at + length].elementsEqual("\(text)".utf8) else {
            throw .notAnObject
        }
        at += length
    }

    private mutating func number() throws(JSONSplice.Failure) {
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
    }

    private mutating func digits() throws(JSONSplice.Failure) {
        let start = at
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
        guard at > start else { throw .notAnObject }
    }
}
