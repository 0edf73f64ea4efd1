package import Domain
import Foundation
import Outbound
import Sealing
import Store

/// How a PayPal merchant is told: the bytes as they were staged, signed the way the Product API document says.
///
/// Source: the Product API document, "Headers your route receives", "HMAC verification recipe".
package struct MerchantWire: Sendable {
    private let secret: [UInt8]
    /// Because Standard Webhooks knows no secret of another length; ours has 64 characters.
    private let standard: StandardWebhook?

    init(secret: [UInt8]) {
        self.secret = secret
        standard = StandardWebhook(secrets: [secret])
    }

    /// - Parameter wire: nil for a message that is not to be signed.
    static func headers(
        for outgoing: OutgoingDelivery,
        _ forward: OutgoingForward,
        signedBy wire: MerchantWire?,
        at now: Date
    ) -> [(String, String)] {
        var headers = [
            ("Content-Type", "application/json"),
            ("X-Thrive-Forwarded-Merchant", forward.payPalID),
            ("X-Thrive-Forwarded-By", "thrive-themes-api"),
            ("X-Thrive-Debug-Id", debugID(of: outgoing.delivery)),
        ]
        if let wire { headers += wire.signatures(of: outgoing, at: now) }
        if forward.isSimulated { headers.append(("X-Thrive-Webhook-Simulated", "true")) }
        for (name, value) in zip(Forward.passedHeaders, forward.paypalHeaders) {
            if let value { headers.append((name, value)) }
        }
        return headers
    }

    private func signatures(of outgoing: OutgoingDelivery, at now: Date) -> [(String, String)] {
        [
            ("X-Thrive-Webhook-Signature", Digest.hex(Digest.hmacSHA256(outgoing.body, key: secret))),
            ("X-Thrive-Webhook-Algorithm", "HMAC-SHA256"),
        ] + (standard?.headers(id: outgoing.message.description, body: outgoing.body, at: now) ?? [])
    }

    /// The same at every attempt, so that whoever quotes it leads us to the delivery: its id without the dashes.
    package static func debugID(of delivery: Delivery.ID) -> String {
        delivery.description.filter { $0 != "-" }
    }
}
