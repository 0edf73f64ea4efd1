package import Domain
package import Foundation
package import Outbound
package import Sealing
package import Store

/// How a PayPal merchant is told: the bytes as they were staged, signed the way the Product API document says.
///
/// Source: the Product API document, "Headers your route receives", "HMAC verification recipe".
package enum MerchantWire {
    /// Errors: a secret that can't be opened, or none for a message that has to be signed.
    package static func headers(
        for outgoing: OutgoingDelivery,
        _ forward: OutgoingForward,
        openedBy sealer: Sealer,
        at now: Date
    ) throws -> [(String, String)] {
        var headers = [
            ("Content-Type", "application/json"),
            ("X-Thrive-Forwarded-Merchant", forward.payPalID),
            ("X-Thrive-Forwarded-By", "thrive-themes-api"),
            ("X-Thrive-Debug-Id", debugID(of: outgoing.delivery)),
        ]
        if forward.isSigned {
            guard let sealed = forward.secret else { throw SiteWire.NoSecret() }
            let secret = try sealer.open(sealed, for: Merchant.place(ofSecretOf: forward.merchant))
            headers += signatures(of: outgoing, with: secret, at: now)
        }
        if forward.isSimulated { headers.append(("X-Thrive-Webhook-Simulated", "true")) }
        for (name, value) in zip(Forward.passedHeaders, forward.paypalHeaders) {
            if let value { headers.append((name, value)) }
        }
        return headers
    }

    private static func signatures(
        of outgoing: OutgoingDelivery,
        with secret: [UInt8],
        at now: Date
    ) -> [(String, String)] {
        [
            ("X-Thrive-Webhook-Signature", Digest.hex(Digest.hmacSHA256(outgoing.body, key: secret))),
            ("X-Thrive-Webhook-Algorithm", "HMAC-SHA256"),
        ]
            // Because Standard Webhooks knows no secret of another length; ours has 64 characters.
            + (StandardWebhook(secrets: [secret])?
                .headers(id: outgoing.message.description, body: outgoing.body, at: now) ?? [])
    }

    /// The same at every attempt, so that whoever quotes it leads us to the delivery: its id without the dashes.
    package static func debugID(of delivery: Delivery.ID) -> String {
        delivery.description.filter { $0 != "-" }
    }
}
