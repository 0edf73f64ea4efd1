package import Foundation

/// Tells webhooks of PayPal from those of anybody else, over the bytes as they came.
package struct WebhookVerifier: Sendable {
    private let settings: PayPalSettings
    private let webhookID: String
    private let trusted: TrustedCertificates
    private let certificates: CertificateKeeper
    private let postback: Postback?
    private let now: @Sendable () -> Date

    /// Asks PayPal itself; nil where PayPal does not say.
    package typealias Postback = @Sendable (Transmission, [UInt8], _ webhookID: String) async -> Bool?

    package init(
        settings: PayPalSettings,
        webhookID: String,
        trusted: TrustedCertificates,
        certificates: CertificateKeeper,
        postback: Postback?,
        now: @escaping @Sendable () -> Date = { .now }
    ) {
        self.settings = settings
        self.webhookID = webhookID
        self.trusted = trusted
        self.certificates = certificates
        self.postback = postback
        self.now = now
    }

    package enum Verdict: Sendable, Hashable {
        case genuine(by: Proof)
        case forged(Flaw)
        /// Neither the certificate nor PayPal could be asked: it should come again.
        case undecided(Doubt)
    }

    package enum Proof: String, Sendable, Hashable { case chain, postback }

    package enum Flaw: String, Sendable, Hashable, CaseIterable {
        case algorithm, certificateURL = "certificate-url", signatureText = "signature-text"
        case signature
        case certificateName = "certificate-name"
        case certificateNotInForce = "certificate-not-in-force"
        case certificateRefused = "certificate-refused"
        case postback
    }

    package enum Doubt: String, Sendable, Hashable, CaseIterable {
        case certificateMissing = "certificate-missing"
        case chain
    }

    package func verdict(on transmission: Transmission, body: [UInt8]) async -> Verdict {
        guard transmission.algorithm == "SHA256withRSA" else { return .forged(.algorithm) }
        guard let url = CertificateURL(transmission.certificateURL, settings: settings) else {
            return .forged(.certificateURL)
        }
        guard let signature = Data(base64Encoded: transmission.signature) else { return .forged(.signatureText) }
        guard let certificate = await certificates.certificate(at: url) else {
            return await askPayPal(.certificateMissing, transmission, body)
        }
        // First, because who can't sign need not have anybody asked.
        let message = Self.message(transmission, webhookID: webhookID, body: body)
        guard certificate.signed(message, as: Array(signature)) else { return .forged(.signature) }
        switch trusted.judge(certificate, of: settings.environment.certificateName, at: now()) {
        case .trusted: return .genuine(by: .chain)
        case .notInForce: return .forged(.certificateNotInForce)
        case .wrongName: return .forged(.certificateName)
        case .refused: return .forged(.certificateRefused)
        case .unchained: return await askPayPal(.chain, transmission, body)
        }
    }

    /// Never "yes" without anybody's word.
    private func askPayPal(_ doubt: Doubt, _ transmission: Transmission, _ body: [UInt8]) async -> Verdict {
        switch await postback?(transmission, body, webhookID) ?? nil {
        case true?: .genuine(by: .postback)
        case false?: .forged(.postback)
        case nil: .undecided(doubt)
        }
    }

    /// `id|time|webhook id|checksum`, the checksum as an unsigned decimal.
    static func message(_ transmission: Transmission, webhookID: String, body: [UInt8]) -> [UInt8] {
        Array("\(transmission.id)|\(transmission.time)|\(webhookID)|\(CRC32.checksum(body))".utf8)
    }
}
