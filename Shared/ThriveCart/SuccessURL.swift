import Crypto
package import Domain
import Sealing

/// The query with which ThriveCart sends a buyer's browser to the thank-you page.
///
/// The hash proves only that ThriveCart once wrote these values, in whatever letter case. It has no time, so the address
/// works for ever and for whoever finds it; and nobody has checked that the e-mail address is the buyer's. Never give
/// access for it, and see rules G3 and I1 to I3 before anybody is signed in.
package struct SuccessURL: Sendable {
    private let fields: PayloadNode?
    private let hash: [UInt8]?

    /// Reads the part after the question mark, still percent-encoded.
    package init(query: String) throws(ThriveCartError) {
        guard query.utf8.count <= ThriveCartBody.maximumSize else { throw .tooLarge }
        var tree = PayloadTree(Array(query.utf8))
        _ = try FormParser.parse(&tree)
        fields = tree.root["thrivecart"]
        hash = tree.root["thrivecart_hash"]?.bytes
    }

    package var order: String? { fields?["order_id"]?.identifier }
    package var account: String? { fields?["account_name"]?.identifier?.lowercased() }
    package var email: EmailAddress? { fields?["customer", "email"]?.intactText.flatMap { EmailAddress($0) } }

    /// Whether the hash was made with one of the account's secret words, the same that webhooks carry.
    ///
    /// Source: the PHP sample on ThriveCart's help page about the query string; its prose leaves one step out.
    package func isSigned(withOneOf secrets: [String]) -> Bool {
        guard let hash, hash.count == 32, let fields, fields.isMap, let signed = Self.signedText(fields) else {
            return false
        }
        var isSigned = false
        for secret in secrets where !secret.trimmingBlanks().isEmpty {
            let digest = Insecure.MD5.hash(data: Array("\(secret)__\(signed)".utf8))
            if ConstantTime.equal(hash, Array(digest.map(\.hexPair).joined().utf8)) { isSigned = true }
        }
        return isSigned
    }

    /// PHP's json_encode of the fields, the top level sorted, leaves percent-encoded first, all in upper case.
    private static func signedText(_ fields: PayloadNode) -> String? {
        let sorted = fields.members.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        guard !sorted.isEmpty else { return nil }
        return encoded(sorted)?.uppercased()
    }

    private static func encoded(_ members: [(key: [UInt8], value: PayloadNode)]) -> String? {
        let isList = members.enumerated().allSatisfy { $1.key.elementsEqual(String($0).utf8) }
        var parts: [String] = []
        for (key, value) in members {
            guard let text = value.bytes.map({ "\"\(percentEncoded($0))\"" }) ?? encoded(value.members),
                let name = isList ? "" : quoted(key)
            else { return nil }
            parts.append(isList ? text : "\(name):\(text)")
        }
        return isList ? "[\(parts.joined(separator: ","))]" : "{\(parts.joined(separator: ","))}"
    }

    /// A key as json_encode writes it; nil beyond printable ASCII, which ThriveCart's keys never are.
    private static func quoted(_ key: [UInt8]) -> String? {
        var text = "\""
        for byte in key {
            guard (0x20...0x7E).contains(byte) else { return nil }
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "/") { text += "\\" }
            text.unicodeScalars.append(Unicode.Scalar(byte))
        }
        return text + "\""
    }

    /// PHP's rawurlencode: all but letters, digits and `-_.~`.
    private static func percentEncoded(_ bytes: [UInt8]) -> String {
        var text = ""
        for byte in bytes { text += byte.isUnreserved ? String(Unicode.Scalar(byte)) : "%" + byte.hexPair.uppercased() }
        return text
    }
}

extension UInt8 {
    /// Unreserved in RFC 3986.
    var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
