/// A JSON value that keeps the order of its members, and its numbers as they were written.
///
/// The pretended PayPal shares no code with the client that is tried against it: a mistake must not be made on both sides.
package enum SandboxJSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([SandboxJSON])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: SandboxJSON
    }

    /// An object without the members whose value is nil.
    package static func of(_ members: KeyValuePairs<String, SandboxJSON?>) -> SandboxJSON {
        .object(members.compactMap { name, value in value.map { Member(name: name, value: $0) } })
    }

    static func whole(_ number: some BinaryInteger) -> SandboxJSON { .number(String(number)) }

    // MARK: Reading

    package subscript(_ name: String) -> SandboxJSON? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    package subscript(_ index: Int) -> SandboxJSON? {
        guard case .array(let values) = self, values.indices.contains(index) else { return nil }
        return values[index]
    }

    /// `value.at("payment_source", "paypal", "vault_id")`.
    package func at(_ path: String...) -> SandboxJSON? {
        path.reduce(Optional(self)) { $0?[$1] }
    }

    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// What a number says, or a string.
    var plain: String? {
        switch self {
        case .string(let text), .number(let text): text
        default: nil
        }
    }

    package var values: [SandboxJSON] {
        if case .array(let values) = self { values } else { [] }
    }

    package var members: [Member] {
        if case .object(let members) = self { members } else { [] }
    }

    var isObject: Bool {
        if case .object = self { true } else { false }
    }

    var flag: Bool? {
        if case .bool(let flag) = self { flag } else { nil }
    }

    package var integer: Int? { plain.flatMap { Int($0) } }

    // MARK: Changing

    /// Puts a member in its place, or behind the others; nil takes it away.
    mutating func set(_ name: String, _ value: SandboxJSON?) {
        guard case .object(var members) = self else { return }
        self = .null  // so that the members are ours alone and need not be copied
        let index = members.firstIndex { $0.name == name }
        switch (index, value) {
        case (let index?, let value?): members[index].value = value
        case (let index?, nil): members.remove(at: index)
        case (nil, let value?): members.append(Member(name: name, value: value))
        case (nil, nil): break
        }
        self = .object(members)
    }

    func with(_ name: String, _ value: SandboxJSON?) -> SandboxJSON {
        var copy = self
        copy.set(name, value)
        return copy
    }
}

extension SandboxJSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: SandboxJSON...) { self = .array(elements) }
}

// MARK: Writing

extension SandboxJSON {
    /// Compact, with nothing escaped that need not be.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1024)
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .number(let text): bytes.append(contentsOf: text.utf8)
        case .string(let text): Self.write(text, to: &bytes)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: #"\""#.utf8)
            case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
            case 0x0A: bytes.append(contentsOf: #"\n"#.utf8)
            case 0x0D: bytes.append(contentsOf: #"\r"#.utf8)
            case 0x09: bytes.append(contentsOf: #"\t"#.utf8)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
