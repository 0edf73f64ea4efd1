internal import Crypto
internal import Foundation

/// The keys of the house: the first seals, all of them open.
///
/// To rotate, a new key is put first, everything is sealed again, and the old one is taken off the list.
package struct SealingKeys: Sendable {
    /// In the order of the list; never empty.
    let entries: [Entry]

    struct Entry: Sendable {
        let id: String
        let key: SymmetricKey
    }

    /// Reads a list as it stands in `APP_KEYS`: `k2:<32 bytes in base64>,k1:<32 bytes in base64>`.
    ///
    /// Blanks and line ends around entries don't matter.
    package init(parsing text: String) throws(SealingError) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed)
        if parts.allSatisfy(\.isEmpty) { throw .noKeys }

        var entries: [Entry] = []
        for (index, part) in parts.enumerated() {
            let entry = try Self.entry(part, position: index + 1)
            if entries.contains(where: { $0.id == entry.id }) { throw .repeatedKeyID(entry.id) }
            if let same = entries.first(where: { $0.key == entry.key }) { throw .repeatedKey(same.id, entry.id) }
            entries.append(entry)
        }
        self.entries = entries
    }

    /// The ids, the sealing one first: what an operator may be shown.
    package var ids: [String] { entries.map(\.id) }

    /// A new random key as an entry for `APP_KEYS`: `id:base64`.
    ///
    /// The one place that writes a key as text; its caller shows it once.
    package static func newEntry(id: String) -> String {
        id + ":" + SymmetricKey(size: .bits256).withUnsafeBytes { Data($0).base64EncodedString() }
    }

    private static func entry(_ text: Substring, position: Int) throws(SealingError) -> Entry {
        guard let colon = text.firstIndex(of: ":") else { throw .malformedEntry(position: position) }
        let id = String(trimmed(text[..<colon]))
        guard isKeyID(id.utf8) else { throw .badKeyID(position: position) }
        guard let bytes = Data(base64Encoded: String(trimmed(text[text.index(after: colon)...]))) else {
            throw .notBase64(keyID: id)
        }
        guard bytes.count == 32 else { throw .wrongKeyLength(keyID: id, bytes: bytes.count) }
        if bytes.allSatisfy({ $0 == bytes.first }) { throw .notRandom(keyID: id) }
        return Entry(id: id, key: SymmetricKey(data: bytes))
    }

    /// 1 to 16 of `a-z 0-9 -`: short enough that a key put in the wrong place is never taken for an id and shown.
    static func isKeyID(_ id: some Collection<UInt8>) -> Bool {
        (1...16).contains(id.count)
            && id.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let head = text.drop(while: \.isWhitespace)
        guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return head[...last]
    }
}

extension SealingKeys: CustomStringConvertible, CustomReflectable {
    package var description: String { "SealingKeys(\(ids.joined(separator: ", ")))" }
    package var customMirror: Mirror { Mirror(self, children: ["ids": ids]) }
}
