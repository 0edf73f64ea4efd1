package import Foundation
internal import Sealing

/// Whether a delivery is what it says, found out as a real shop would: over the raw bytes, before anything is read.
///
/// Source: the Product API document, "HMAC verification recipe"; Standard Webhooks, "Verifying signatures".
package struct HookSignature: Sendable, Hashable, Codable {
    package enum Finding: String, Sendable, Hashable, Codable {
        /// There is no such signature.
        case absent
        case good
        case bad
        /// No secret of ours has been told to this shop, so nobody knows.
        case unknown
        /// Right, but made more than five minutes ago or from now: somebody may be playing it back.
        case stale
    }

    /// `X-Thrive-Webhook-Signature`: hex HMAC-SHA256 of the bytes.
    package var merchant: Finding
    /// `webhook-signature`: base64 HMAC-SHA256 of id, time and bytes.
    package var standard: Finding

    /// - Parameters:
    ///   - headers: names in lower case.
    ///   - secrets: as they were told: `whsec_…` of an endpoint, or a merchant's `webhook_secret`.
    package init(of body: [UInt8], _ headers: [String: String], secrets: [String], at now: Date) {
        merchant = Self.merchant(body, headers, secrets.filter { !$0.hasPrefix(Self.prefix) })
        standard = Self.standard(body, headers, secrets.compactMap(Self.key), now)
    }

    /// One that is good and none that is bad: what a careful shop asks for.
    package var isProof: Bool {
        let findings = [merchant, standard]
        return findings.contains(.good) && findings.allSatisfy { $0 == .good || $0 == .absent || $0 == .unknown }
    }

    package var isUnsigned: Bool { merchant == .absent && standard == .absent }

    private static func merchant(_ body: [UInt8], _ headers: [String: String], _ secrets: [String]) -> Finding {
        guard let given = headers["x-thrive-webhook-signature"] else { return .absent }
        guard headers["x-thrive-webhook-algorithm"] == "HMAC-SHA256", let code = Digest.bytes(hex: given) else {
            return .bad
        }
        guard !secrets.isEmpty else { return .unknown }
        return secrets.contains { Digest.isHMACSHA256(code, of: body, key: Array($0.utf8)) } ? .good : .bad
    }

    private static let prefix = "whsec_"
    private static let tolerance: TimeInterval = 300

    /// Any of the signatures with any of the secrets: while one is rotated out there are two of both.
    private static func standard(
        _ body: [UInt8],
        _ headers: [String: String],
        _ keys: [[UInt8]],
        _ now: Date
    ) -> Finding {
        guard let given = headers["webhook-signature"] else { return .absent }
        guard let id = headers["webhook-id"], !id.isEmpty, let timestamp = headers["webhook-timestamp"],
            let seconds = Int64(timestamp)
        else { return .bad }
        guard !keys.isEmpty else { return .unknown }
        let message = Array("\(id).\(timestamp).".utf8) + body
        let codes = given.split(separator: " ").compactMap { signature -> [UInt8]? in
            guard signature.hasPrefix("v1,"), let code = Data(base64Encoded: String(signature.dropFirst(3))) else {
                return nil
            }
            return Array(code)
        }
        let isRight = codes.contains { code in
            keys.contains { Digest.isHMACSHA256(code, of: message, key: $0) }
        }
        guard isRight else { return .bad }
        let age = now.timeIntervalSince(Date(timeIntervalSince1970: TimeInterval(seconds)))
        return abs(age) <= tolerance ? .good : .stale
    }

    /// `whsec_` and base64; a merchant's secret is used as it stands.
    private static func key(of secret: String) -> [UInt8]? {
        guard secret.hasPrefix(prefix) else { return Array(secret.utf8) }
        return Data(base64Encoded: String(secret.dropFirst(prefix.count))).map(Array.init)
    }
}
