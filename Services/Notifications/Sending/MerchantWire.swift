package import Foundation
package import Outbound
package import Sealing

/// How a PayPal merchant is told: PayPal's body with one member spliced in, signed over exactly those bytes.
///
/// Source: the Product API document, "Headers your route receives", "Webhook event catalog", "HMAC verification recipe".
package enum MerchantWire {
    /// What goes to the merchant's `webhooks_url`.
    package struct Forward: Sendable {
        package var body: [UInt8]
        package var headers: [(name: String, value: String)]
    }

    /// Why an event is put aside for a person instead of being forwarded.
    package enum Quarantine: Error, Hashable, Sendable {
        /// PayPal's body is no JSON object.
        case notAnObject
        /// It holds `x_thrive_order_id` already: ours beside it would be read differently by different receivers.
        case keyExists
        /// One of PayPal's headers could not stand in ours; which.
        case header(String)
    }

    /// PayPal's headers that are passed through, for receivers who verify with PayPal's certificate too.
    package static let passed = [
        "Paypal-Transmission-Id", "Paypal-Transmission-Time", "Paypal-Auth-Algo", "Paypal-Cert-Url",
        "Paypal-Transmission-Sig",
    ]

    /// - Parameters:
    ///   - body: as it came from PayPal, or as we made it for an event of our own.
    ///   - order: the subscription's `thrive_order_id`, where the event belongs to one.
    ///   - paypal: PayPal's headers by name in lower case; none for an event of our own.
    ///   - debugID: unique for each forward.
    ///   - secret: the merchant's `webhook_secret`, its bytes as text.
    package static func forward(
        _ body: [UInt8],
        order: String?,
        to merchant: String,
        paypal: [String: String],
        debugID: String,
        isSimulated: Bool,
        secret: [UInt8]
    ) throws(Quarantine) -> Forward {
        let sent = try spliced(body, order)
        var headers = [
            ("Content-Type", "application/json"),
            ("X-Thrive-Webhook-Signature", Digest.hex(Digest.hmacSHA256(sent, key: secret))),
            ("X-Thrive-Webhook-Algorithm", "HMAC-SHA256"),
            ("X-Thrive-Forwarded-Merchant", try checked(merchant, "X-Thrive-Forwarded-Merchant")),
            ("X-Thrive-Forwarded-By", "thrive-themes-api"),
            ("X-Thrive-Debug-Id", try checked(debugID, "X-Thrive-Debug-Id")),
        ]
        if isSimulated { headers.append(("X-Thrive-Webhook-Simulated", "true")) }
        for name in passed {
            guard let value = paypal[name.lowercased()] else { continue }
            headers.append((name, try checked(value, name)))
        }
        return Forward(body: sent, headers: headers.map { (name: $0.0, value: $0.1) })
    }

    private static func spliced(_ body: [UInt8], _ order: String?) throws(Quarantine) -> [UInt8] {
        guard let order else { return body }
        do {
            return try JSONSplice.add("x_thrive_order_id", order, to: body)
        } catch {
            throw error == .keyExists ? .keyExists : .notAnObject
        }
    }

    /// Visible ASCII and blanks, as a header's value must be; 2 KiB is far more than PayPal's longest.
    private static func checked(_ value: String, _ name: String) throws(Quarantine) -> String {
        guard (1...2048).contains(value.utf8.count), value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw .header(name)
        }
        return value
    }
}
