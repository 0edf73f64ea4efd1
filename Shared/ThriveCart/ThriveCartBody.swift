/// The bytes that ThriveCart posts: a form as PHP writes it, JSON if the seller ticked "Receive results as JSON", or
/// multipart/form-data.
///
/// The encoding is told by the first bytes and never by `Content-Type`, which receivers were seen to get wrong.
/// Source: rules A2 and A3.
package enum ThriveCartBody {
    package static let maximumSize = 1 << 20
    package static let maximumFields = 1_000
    /// Brackets in a form's name, containers around a JSON value.
    package static let maximumDepth = 64

    /// Reads a body, whatever its encoding. An empty one is a ping, not an error: see `ThriveCartPayload.isPing`.
    package static func parse(_ bytes: [UInt8]) throws(ThriveCartError) -> ThriveCartPayload {
        guard bytes.count <= maximumSize else { throw .tooLarge }
        var tree = PayloadTree(bytes)
        let secrets: [Range<Int>]
        switch Encoding(of: bytes) {
        case .form: secrets = try FormParser.parse(&tree)
        case .json(let start): secrets = try JSONParser.parse(&tree, from: start)
        case .multipart: secrets = try MultipartParser.parse(bytes, into: &tree)
        }
        return ThriveCartPayload(raw: bytes, root: tree.root, secrets: secrets)
    }

    private enum Encoding {
        case form
        case json(start: Int)
        case multipart

        init(of bytes: [UInt8]) {
            // Because a byte order mark would turn JSON into a form of one strange field, and lose the event.
            let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
            let first = bytes[start...].firstIndex { !$0.isBlank }
            switch first.map({ bytes[$0] }) {
            case UInt8(ascii: "{"), UInt8(ascii: "["): self = .json(start: start)
            case UInt8(ascii: "-") where MultipartParser.recognizes(bytes): self = .multipart
            default: self = .form
            }
        }
    }
}

extension UInt8 {
    /// A blank, a tab or a line end.
    var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }

    /// The value of an ASCII hex digit.
    var hexValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
}
