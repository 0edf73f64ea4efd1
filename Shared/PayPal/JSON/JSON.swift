/// A JSON document as PayPal wrote it: members in their order, numbers as their text.
///
/// Numbers stay text because nothing here counts with them, and `1.0` must not become `1`.
package enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    /// The digits as they stood.
    case number(String)
    case string(String)
    case array([JSON])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: JSON

        package init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// Nil for what is no JSON in UTF-8: nested deeper than 64, a name twice in one object, something after the end.
    package init?(parsing bytes: [UInt8]) {
        guard let value = JSONReader.read(bytes) else { return nil }
        self = value
    }

    package init?(parsing text: String) {
        self.init(parsing: Array(text.utf8))
    }
}

// MARK: Reading

extension JSON {
    /// The member's value; `.null` where there is none.
    package subscript(_ name: String) -> JSON {
        guard case .object(let members) = self else { return .null }
        return members.first { $0.name == name }?.value ?? .null
    }

    /// The entry; `.null` outside of the array.
    package subscript(_ index: Int) -> JSON {
        guard case .array(let values) = self, values.indices.contains(index) else { return .null }
        return values[index]
    }

    package var isNull: Bool { self == .null }

    /// Whether U+0000, which Postgres keeps in no text, stands in a name or a text.
    package var holdsNUL: Bool {
        switch self {
        case .null, .bool, .number: false
        case .string(let text): text.utf8.contains(0)
        case .array(let values): values.contains { $0.holdsNUL }
        case .object(let members): members.contains { $0.name.utf8.contains(0) || $0.value.holdsNUL }
        }
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var bool: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }

    /// A whole number, also one that is spelled as text: PayPal writes `"total_items": "1"` in places.
    package var int: Int? {
        switch self {
        case .number(let text), .string(let text): Int(text)
        default: nil
        }
    }

    /// The entries; none for anything but an array.
    package var array: [JSON] {
        guard case .array(let values) = self else { return [] }
        return values
    }

    /// The members; none for anything but an object.
    package var members: [Member] {
        guard case .object(let members) = self else { return [] }
        return members
    }
}

// MARK: Making

extension JSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int) { self = .number(String(value)) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { Member($0, $1) }) }

    /// `.null` for nil; `compacted` drops such members.
    package init(_ text: String?) { self = text.map(JSON.string) ?? .null }

    /// Without the members that are null.
    package var compacted: JSON {
        switch self {
        case .object(let members):
            .object(members.filter { !$0.value.isNull }.map { Member($0.name, $0.value.compacted) })
        case .array(let values): .array(values.map(\.compacted))
        default: self
        }
    }

    /// With the member set: in its place, or as the last one. Anything but an object becomes one.
    package func setting(_ name: String, _ value: JSON) -> JSON {
        var members = members
        if let index = members.firstIndex(where: { $0.name == name }) {
            members[index].value = value
        } else {
            members.append(Member(name, value))
        }
        return .object(members)
    }

    package func removing(_ name: String) -> JSON {
        guard case .object(let members) = self else { return self }
        return .object(members.filter { $0.name != name })
    }
}

extension String {
    /// Its beginning, whole characters, in what PayPal counts as no more than so many: a family of three counts eight.
    package func cut(to limit: Int) -> String {
        guard utf16.count > limit else { return self }
        var count = 0
        return String(
            prefix { character in
                count += character.utf16.count
                return count <= limit
            }
        )
    }
}

// MARK: Writing

extension JSON {
    /// Without blanks; the same value is always the same bytes.
    package var bytes: [UInt8] {
        var out: [UInt8] = []
        write(to: &out)
        return out
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    private func write(to out: inout [UInt8]) {
        switch self {
        case .null: out += "null".utf8
        case .bool(let flag): out += (flag ? "true" : "false").utf8
        case .number(let digits): out += digits.utf8
        case .string(let text): Self.write(text, to: &out)
        case .array(let values):
            out.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                value.write(to: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &out)
                out.append(UInt8(ascii: ":"))
                member.value.write(to: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to out: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        out.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): out += "\\n".utf8
            case 0..<0x20: out += "\\u00".utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
