/// Where PayPal keeps the certificate of a webhook: the address comes with the webhook, so only PayPal's own are taken.
package struct CertificateURL: Sendable, Hashable {
    package let text: String

    /// Nil for anything but `https://<a host of the environment>/v1/notifications/certs/CERT-<hex and dashes>`; a
    /// pretended PayPal's are at its own address.
    package init?(_ text: String, settings: PayPalSettings) {
        let bases = settings.pretendedAt.map { [$0] } ?? settings.environment.certificateHosts.map { "https://" + $0 }
        guard text.utf8.count <= 500, let base = bases.first(where: { text.hasPrefix($0 + Self.path) }) else {
            return nil
        }
        let id = text.dropFirst(base.count + Self.path.count)
        guard (1...100).contains(id.utf8.count), id.utf8.allSatisfy(Self.isHexOrDash) else { return nil }
        self.text = text
    }

    private static let path = "/v1/notifications/certs/CERT-"

    private static func isHexOrDash(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "-"): true
        default: false
        }
    }
}

extension PayPalEnvironment {
    fileprivate var certificateHosts: [String] {
        switch self {
        case .sandbox: ["api.sandbox.paypal.com", "api-m.sandbox.paypal.com"]
        case .live: ["api.paypal.com", "api-m.paypal.com"]
        }
    }

    /// Whose certificate signs webhooks; it is no host that anybody could connect to.
    package var certificateName: String {
        switch self {
        case .sandbox: "messageverificationcerts.sandbox.paypal.com"
        case .live: "messageverificationcerts.paypal.com"
        }
    }
}
