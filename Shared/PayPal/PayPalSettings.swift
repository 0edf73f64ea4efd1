/// Which PayPal we speak to, and as whom.
package struct PayPalSettings: Sendable {
    package var environment: PayPalEnvironment
    /// The pretended PayPal's address, without a slash at the end; only ever set beside `.sandbox`.
    package var pretendedAt: String?
    package var clientID: String
    package var clientSecret: String
    /// The partner's own account: the one that merchants give their consent to.
    package var partnerMerchantID: String
    /// `PayPal-Partner-Attribution-Id`, at most 36 characters; PayPal's name for us.
    package var attributionID: String

    package init(
        environment: PayPalEnvironment,
        pretendedAt: String? = nil,
        clientID: String,
        clientSecret: String,
        partnerMerchantID: String,
        attributionID: String
    ) {
        self.environment = environment
        self.pretendedAt = environment == .sandbox ? pretendedAt : nil
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.partnerMerchantID = partnerMerchantID
        self.attributionID = attributionID
    }

    /// Where calls go, without a slash at the end.
    package var base: String { pretendedAt ?? environment.base }
}

package enum PayPalEnvironment: String, Sendable, Hashable, Codable, CaseIterable {
    case sandbox, live

    var base: String {
        switch self {
        case .sandbox: "https://api-m.sandbox.paypal.com"
        case .live: "https://api-m.paypal.com"
        }
    }
}

/// Shows no secret.
extension PayPalSettings: CustomStringConvertible, CustomReflectable {
    package var description: String { "PayPalSettings(\(environment.rawValue), \(base), \(partnerMerchantID))" }
    package var customMirror: Mirror { Mirror(self, children: ["settings": description]) }
}
