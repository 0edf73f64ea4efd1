internal import Crypto
internal import Foundation

/// A random bearer token: shown once to whom it is for; we keep its hash.
package struct BearerToken: Sendable {
    /// `<prefix>_` and 43 characters of base64url, 256 random bits.
    package let text: String

    package static func random(prefix: String) -> BearerToken {
        let random = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0).base64EncodedString() }
        let urlSafe = random.compactMap { character -> Character? in
            switch character {
            case "+": "-"
            case "/": "_"
            case "=": nil
            default: character
            }
        }
        return BearerToken(text: prefix + "_" + String(urlSafe))
    }

    package var hash: TokenHash { TokenHash(of: text) }
}

extension BearerToken: CustomStringConvertible, CustomReflectable {
    package var description: String { "BearerToken(***)" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// What is stored of a bearer token and looked up by: its SHA-256.
///
/// Unsalted and fast on purpose: the token is 256 random bits, so there is nothing to guess, and it must be an index.
package struct TokenHash: Sendable, Hashable {
    /// 32 bytes.
    package let bytes: [UInt8]

    package init(of token: String) {
        bytes = Digest.sha256(token)
    }

    /// Nil for anything but 32 bytes.
    package init?(stored bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    package var hex: String { Digest.hex(bytes) }
}
