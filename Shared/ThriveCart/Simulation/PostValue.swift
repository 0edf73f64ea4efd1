/// A value that a simulated post carries, with its members in the order they are sent.
package indirect enum PostValue: Sendable, Hashable {
    case text(String)
    /// Only Event Subscriptions send these, and only in JSON.
    case number(Int)
    /// Only in JSON; a form has nothing in its place.
    case null
    case list([PostValue])
    case map([Member])

    package struct Member: Sendable, Hashable {
        package var key: String
        package var value: PostValue

        package init(_ key: String, _ value: PostValue) {
            self.key = key
            self.value = value
        }
    }
}

extension PostValue: ExpressibleByStringInterpolation, ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral {
    package init(stringLiteral text: String) { self = .text(text) }
    package init(dictionaryLiteral members: (String, PostValue)...) {
        self = .map(members.map { Member($0.0, $0.1) })
    }
    package init(arrayLiteral values: PostValue...) { self = .list(values) }
}

// MARK: The two encodings

extension [PostValue.Member] {
    /// As PHP's http_build_query writes it: brackets and all percent-encoded, blanks as "+", empty lists and maps left out.
    package func formEncoded() -> [UInt8] {
        var pairs: [String] = []
        for member in self { member.value.addPairs(to: &pairs, name: member.key) }
        return [UInt8](pairs.joined(separator: "&").utf8)
    }

    /// As "Receive results as JSON" sends it: UTF-8, no blanks.
    package func jsonEncoded() -> [UInt8] { [UInt8](PostValue.map(self).json.utf8) }
}

extension PostValue {
    fileprivate func addPairs(to pairs: inout [String], name: String) {
        switch self {
        case .text(let text): pairs.append("\(Self.urlEncoded(name))=\(Self.urlEncoded(text))")
        case .null: break
        case .number(let number): pairs.append("\(Self.urlEncoded(name))=\(number)")
        case .list(let values):
            for (index, value) in values.enumerated() { value.addPairs(to: &pairs, name: "\(name)[\(index)]") }
        case .map(let members):
            for member in members { member.value.addPairs(to: &pairs, name: "\(name)[\(member.key)]") }
        }
    }

    /// PHP's urlencode: like rawurlencode, but a blank is "+" and the tilde is encoded.
    private static func urlEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            if byte == UInt8(ascii: " ") {
                encoded += "+"
            } else if byte.isUnreserved, byte != UInt8(ascii: "~") {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += "%" + byte.hexPair.uppercased()
            }
        }
        return encoded
    }

    /// As JSON, on one line.
    package var jsonText: [UInt8] { Array(json.utf8) }

    fileprivate var json: String {
        switch self {
        case .text(let text): Self.quoted(text)
        case .number(let number): "\(number)"
        case .null: "null"
        case .list(let values): "[" + values.map(\.json).joined(separator: ",") + "]"
        case .map(let members):
            "{" + members.map { Self.quoted($0.key) + ":" + $0.value.json }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\u{0}"..."\u{1F}": quoted += "\\u00" + UInt8(truncatingIfNeeded: scalar.value).hexPair
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
