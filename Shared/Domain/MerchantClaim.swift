/// What a shop says of itself when it is connected; nothing of it counts before PayPal has confirmed it.
package struct MerchantClaim: Sendable, Hashable {
    package var environment: Merchant.Environment
    package var payPalID: String
    /// SHA-256 of the secret.
    package var secretHash: [UInt8]
    package var siteURL: String
    /// Nil keeps what the merchant had.
    package var webhooksURL: String?
    package var profile: Merchant.Profile

    package init(
        environment: Merchant.Environment,
        payPalID: String,
        secretHash: [UInt8],
        siteURL: String,
        webhooksURL: String? = nil,
        profile: Merchant.Profile = Merchant.Profile()
    ) {
        self.environment = environment
        self.payPalID = payPalID
        self.secretHash = secretHash
        self.siteURL = siteURL
        self.webhooksURL = webhooksURL
        self.profile = profile
    }

    /// What a parked merchant had said.
    package init(_ merchant: Merchant, profile: Merchant.Profile) {
        self.init(
            environment: merchant.environment,
            payPalID: merchant.payPalID,
            secretHash: merchant.secretHash,
            siteURL: merchant.siteURL,
            webhooksURL: merchant.webhooksURL,
            profile: profile
        )
    }
}
