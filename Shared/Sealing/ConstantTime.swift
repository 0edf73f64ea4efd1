internal import Crypto
internal import Foundation

/// Comparing secrets without telling by the time it takes how much of a guess was right.
package enum ConstantTime {
    // Because both sides are hashed with a key that only this process knows, neither the length nor the content of the
    // wanted secret shows in the time; the key also makes the compared values useless to whoever sees them.
    private static let key = SymmetricKey(size: .bits256)

    package static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        HMAC<SHA256>.authenticationCode(for: a, using: key) == HMAC<SHA256>.authenticationCode(for: b, using: key)
    }

    package static func equal(_ a: String, _ b: String) -> Bool {
        equal(Array(a.utf8), Array(b.utf8))
    }

    /// Where in the list `presented` stands, if it does; every candidate is looked at either way.
    ///
    /// The work depends on the length of the list and of `presented` alone once the candidates are prepared.
    package static func index(of presented: [UInt8], in candidates: [Prepared]) -> Int? {
        index(of: Prepared(presented), in: candidates)
    }

    /// The same for many lists and one secret that is hashed only once.
    package static func index(of presented: Prepared, in candidates: [Prepared]) -> Int? {
        var found: Int?
        for (index, candidate) in candidates.enumerated() where candidate.code == presented.code {
            found = found ?? index
        }
        return found
    }

    /// A secret to compare with, hashed once; it can't be turned back into the secret.
    package struct Prepared: Sendable, Hashable {
        fileprivate let code: HMAC<SHA256>.MAC

        package init(_ secret: [UInt8]) {
            code = HMAC<SHA256>.authenticationCode(for: secret, using: key)
        }

        package init(_ secret: String) {
            self.init(Array(secret.utf8))
        }

        package func hash(into hasher: inout Hasher) {
            code.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }
}
