package import Foundation

/// A shop connected to us: one site of one PayPal account.
package struct Merchant: Sendable, Hashable {
    package typealias ID = Identifier<Merchant>

    /// Which PayPal it is connected to.
    package enum Environment: String, Sendable, Codable, CaseIterable {
        case sandbox, live
    }

    package enum State: String, Sendable, Codable, CaseIterable {
        /// Parked: the seller approved, but PayPal does not know it yet. Can do nothing.
        case pending
        case connected
        case disconnected
    }

    package var id: ID
    package var environment: Environment
    /// PayPal's id of the account: public, and not ours. One account may connect several sites.
    package var payPalID: String
    /// SHA-256 of the shop's secret, which PayPal knows as the tracking id.
    package var secretHash: [UInt8]
    package var siteURL: String
    /// Where forwards go; nil while the shop wants none.
    package var webhooksURL: String?
    package var licenseKey: String?
    package var state: State
    package var stateSince: Date
    package var profile: Profile
    package var createdAt: Date

    /// What PayPal said of the account when it was last asked.
    package struct Profile: Sendable, Hashable, Codable {
        /// ISO 3166-1 alpha-2.
        package var country: String?
        package var primaryCurrency: String?
        package var paymentsReceivable: Bool?
        package var primaryEmailConfirmed: Bool?
        /// Name to status, both PayPal's.
        package var capabilities: [String: String]
        package var seenAt: Date?

        package init(
            country: String? = nil,
            primaryCurrency: String? = nil,
            paymentsReceivable: Bool? = nil,
            primaryEmailConfirmed: Bool? = nil,
            capabilities: [String: String] = [:],
            seenAt: Date? = nil
        ) {
            self.country = country
            self.primaryCurrency = primaryCurrency
            self.paymentsReceivable = paymentsReceivable
            self.primaryEmailConfirmed = primaryEmailConfirmed
            self.capabilities = capabilities
            self.seenAt = seenAt
        }
    }

    package init(
        id: ID,
        environment: Environment,
        payPalID: String,
        secretHash: [UInt8],
        siteURL: String,
        webhooksURL: String? = nil,
        licenseKey: String? = nil,
        state: State,
        stateSince: Date,
        profile: Profile = Profile(),
        createdAt: Date
    ) {
        self.id = id
        self.environment = environment
        self.payPalID = payPalID
        self.secretHash = secretHash
        self.siteURL = siteURL
        self.webhooksURL = webhooksURL
        self.licenseKey = licenseKey
        self.state = state
        self.stateSince = stateSince
        self.profile = profile
        self.createdAt = createdAt
    }

    package var isConnected: Bool { state == .connected }
}
