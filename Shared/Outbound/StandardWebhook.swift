package import Crypto
package import Foundation

/// The headers by which a receiver proves that a message is ours, fresh and unchanged.
///
/// Source: Standard Webhooks, symmetric signatures.
package struct StandardWebhook: Sendable {
    /// 24 to 64 bytes, newest first; each signs, so that a receiver may know either while a secret is being rotated.
    private let secrets: [SymmetricKey]

    /// Nil without a secret of a sane length: an empty key would sign what anybody can forge.
    package init?(secrets: [[UInt8]]) {
        guard !secrets.isEmpty, secrets.allSatisfy({ (24...64).contains($0.count) }) else { return nil }
        self.secrets = secrets.map { SymmetricKey(data: $0) }
    }

    /// `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature` (`v1,<base64>`, one per secret).
    ///
    /// - Parameters:
    ///   - id: the message's id, the same at every attempt.
    ///   - now: the time of this attempt, not of the fact.
    package func headers(id: String, body: [UInt8], at now: Date) -> [(String, String)] {
        let timestamp = String(Int64(exactly: now.timeIntervalSince1970.rounded(.down)) ?? 0)
        let start = Array("\(id).\(timestamp).".utf8)
        let signatures = secrets.map { secret in
            var signature = HMAC<SHA256>(key: secret)
            signature.update(data: start)
            signature.update(data: body)
            return "v1," + Data(signature.finalize()).base64EncodedString()
        }
        return [
            ("webhook-id", id), ("webhook-timestamp", timestamp),
            ("webhook-signature", signatures.joined(separator: " ")),
        ]
    }

    /// How a secret is shown to the receiver once: `whsec_` and base64.
    package static func text(of secret: [UInt8]) -> String {
        "whsec_" + Data(secret).base64EncodedString()
    }
}
