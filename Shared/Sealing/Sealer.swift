internal import Crypto
internal import Foundation

/// Encrypts what is kept, so that a copy of the database alone tells no secret.
///
/// The bytes describe themselves:
///
///     "GS" 0x01 | length of the key id | key id | nonce, 12 bytes | ciphertext | tag, 16 bytes
///
/// The cipher is AES-256-GCM with a random nonce. What stands before the nonce, and the place, are authenticated: bytes
/// moved from one column, row or Redis key to another don't open there.
package struct Sealer: Sendable {
    private let keys: SealingKeys

    package init(_ keys: SealingKeys) {
        self.keys = keys
    }

    /// - Parameter place: where it will be kept, the same for each opening: `sites.thrivecart_secrets/<id>`.
    package func seal(_ plain: some Sequence<UInt8>, for place: String) throws(SealingError) -> [UInt8] {
        let entry = keys.entries[0]  // never empty
        let header = Header(keyID: entry.id).bytes
        do {
            let box = try AES.GCM.seal(Array(plain), using: entry.key, authenticating: header + Array(place.utf8))
            return header + Array(box.nonce) + Array(box.ciphertext) + Array(box.tag)
        } catch {
            throw .cipher
        }
    }

    package func seal(_ plain: String, for place: String) throws(SealingError) -> [UInt8] {
        try seal(Array(plain.utf8), for: place)
    }

    /// Errors: `.notSealed`, `.unknownKey`, `.forged`.
    package func open(_ sealed: [UInt8], for place: String) throws(SealingError) -> [UInt8] {
        guard let header = Header(reading: sealed) else { throw .notSealed }
        let body = sealed[header.bytes.count...]
        guard body.count >= Self.nonceLength + Self.tagLength else { throw .notSealed }
        guard let entry = keys.entries.first(where: { $0.id == header.keyID }) else {
            throw .unknownKey(id: header.keyID)
        }
        do {
            let box = try AES.GCM.SealedBox(
                nonce: AES.GCM.Nonce(data: body.prefix(Self.nonceLength)),
                ciphertext: body.dropFirst(Self.nonceLength).dropLast(Self.tagLength),
                tag: body.suffix(Self.tagLength)
            )
            return try Array(
                AES.GCM.open(box, using: entry.key, authenticating: header.bytes + Array(place.utf8))
            )
        } catch {
            throw .forged
        }
    }

    /// Errors: as `open`, and `.notText`.
    package func openText(_ sealed: [UInt8], for place: String) throws(SealingError) -> String {
        guard let text = String(validating: try open(sealed, for: place), as: UTF8.self) else { throw .notText }
        return text
    }

    /// False where the bytes wait for a rotation, and for bytes that nobody sealed.
    package func isSealedWithCurrentKey(_ sealed: [UInt8]) -> Bool {
        Header(reading: sealed)?.keyID == keys.entries[0].id
    }

    private static let nonceLength = 12
    private static let tagLength = 16
}

extension Sealer: CustomStringConvertible, CustomReflectable {
    package var description: String { "Sealer(\(keys.ids.joined(separator: ", ")))" }
    package var customMirror: Mirror { Mirror(self, children: ["ids": keys.ids]) }
}

/// What stands before the nonce and says how to read the rest.
private struct Header {
    var keyID: String

    static let magic: [UInt8] = [UInt8(ascii: "G"), UInt8(ascii: "S"), 1]

    init(keyID: String) {
        self.keyID = keyID
    }

    init?(reading sealed: [UInt8]) {
        guard sealed.starts(with: Self.magic), sealed.count > Self.magic.count else { return nil }
        let id = sealed.dropFirst(Self.magic.count + 1).prefix(Int(sealed[Self.magic.count]))
        guard id.count == Int(sealed[Self.magic.count]), SealingKeys.isKeyID(id) else { return nil }
        keyID = String(decoding: id, as: UTF8.self)
    }

    var bytes: [UInt8] { Self.magic + [UInt8(keyID.utf8.count)] + Array(keyID.utf8) }
}
