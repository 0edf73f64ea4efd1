/// Reads JSON text, at most 64 deep.
struct JSONReader {
    private let bytes: [UInt8]
    private var place = 0

    struct Malformed: Error {}

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    static func read(_ bytes: [UInt8]) throws(Malformed) -> SandboxJSON {
        var reader = JSONReader(bytes)
        let value = try reader.value(depth: 0)
        reader.skipBlanks()
        guard reader.place == bytes.count else { throw Malformed() }
        return value
    }

    /// The bytes of one member of the outermost object, exactly as they came.
    static func raw(_ name: String, in bytes: [UInt8]) throws(Malformed) -> ArraySlice<UInt8>? {
        var reader = JSONReader(bytes)
        var found: ArraySlice<UInt8>?
        try reader.members(depth: 0) { reader, member throws(Malformed) in
            let start = reader.place
            _ = try reader.value(depth: 1)
            if member == name { found = bytes[start..<reader.place] }
        }
        return found
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(Malformed) -> SandboxJSON {
        guard depth < 64 else { throw Malformed() }
        skipBlanks()
        guard let byte = current else { throw Malformed() }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(depth: Int) throws(Malformed) -> SandboxJSON {
        var members: [SandboxJSON.Member] = []
        try self.members(depth: depth) { reader, name throws(Malformed) in
            members.append(SandboxJSON.Member(name: name, value: try reader.value(depth: depth + 1)))
        }
        return .object(members)
    }

    private mutating func members(
        depth: Int,
        _ each: (inout JSONReader, String) throws(Malformed) -> Void
    ) throws(Malformed) {
        skipBlanks()
        guard take(UInt8(ascii: "{")) else { throw Malformed() }
        skipBlanks()
        if take(UInt8(ascii: "}")) { return }
        while true {
            skipBlanks()
            let name = try string()
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw Malformed() }
            skipBlanks()
            try each(&self, name)
            skipBlanks()
            if take(UInt8(ascii: "}")) { return }
            guard take(UInt8(ascii: ",")) else { throw Malformed() }
        }
    }

    private mutating func array(depth: Int) throws(Malformed) -> SandboxJSON {
        place += 1
        var values: [SandboxJSON] = []
        skipBlanks()
        if take(UInt8(ascii: "]")) { return .array([]) }
        while true {
            values.append(try value(depth: depth + 1))
            skipBlanks()
            if take(UInt8(ascii: "]")) { return .array(values) }
            guard take(UInt8(ascii: ",")) else { throw Malformed() }
        }
    }

    private mutating func string() throws(Malformed) -> String {
        guard take(UInt8(ascii: "\"")) else { throw Malformed() }
        let start = place
        while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { place += 1 }
        if current == UInt8(ascii: "\"") {
            defer { place += 1 }
            return try text(bytes[start..<place])
        }
        return try escapedString(Array(bytes[start..<place]))
    }

    private mutating func escapedString(_ begun: [UInt8]) throws(Malformed) -> String {
        var unescaped = begun
        while let byte = current {
            place += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(unescaped[...])
            case UInt8(ascii: "\\"): unescaped.append(contentsOf: try escape())
            case 0..<0x20: throw Malformed()
            default: unescaped.append(byte)
            }
        }
        throw Malformed()
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Malformed() }
        return text
    }

    private mutating func escape() throws(Malformed) -> [UInt8] {
        guard let byte = current else { throw Malformed() }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [8]
        case UInt8(ascii: "f"): return [12]
        case UInt8(ascii: "n"): return [10]
        case UInt8(ascii: "r"): return [13]
        case UInt8(ascii: "t"): return [9]
        case UInt8(ascii: "u"): return Array(String(try scalar()).utf8)
        default: throw Malformed()
        }
    }

    private mutating func scalar() throws(Malformed) -> Unicode.Scalar {
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xD800..<0xDC00).contains(first), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw Malformed()
        }
        let second = try fourDigits()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw Malformed() }
        return scalar
    }

    private mutating func fourDigits() throws(Malformed) -> UInt32 {
        guard place + 4 <= bytes.count, let text = String(validating: bytes[place..<place + 4], as: UTF8.self),
            text.allSatisfy(\.isHexDigit), let number = UInt32(text, radix: 16)
        else { throw Malformed() }
        place += 4
        return number
    }

    private mutating func number() throws(Malformed) -> String {
        let start = place
        while let byte = current, Self.isOfNumber(byte) { place += 1 }
        let text = try text(bytes[start..<place])
        guard let number = Double(text), number.isFinite else { throw Malformed() }
        return text
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func word(_ word: String, _ value: SandboxJSON) throws(Malformed) -> SandboxJSON {
        guard bytes[place...].starts(with: word.utf8) else { throw Malformed() }
        place += word.utf8.count
        return value
    }

    // MARK: Bytes

    private var current: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        place += 1
        return true
    }

    private mutating func skipBlanks() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
    }
}

extension SandboxJSON {
    /// Nil where the text is no JSON.
    package static func read(_ text: String) -> SandboxJSON? {
        try? JSONReader.read(Array(text.utf8))  // Because that is what the answer says.
    }
}
