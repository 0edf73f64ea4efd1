package import Foundation

/// A recurring agreement paid with a vault token.
package struct VaultSubscription: Sendable, Hashable {
    package typealias ID = Identifier<VaultSubscription>

    package enum Status: String, Sendable, Codable, CaseIterable {
        /// The buyer has yet to approve.
        case approving
        /// Its first payment or its vault token is on the way. Never renews: the shop may have told the buyer that it
        /// failed, so nothing but the shop's asking again makes it active.
        case activating
        case trialing
        case active
        case pastDue = "past_due"
        case canceled
        /// Dunning was exhausted.
        case revoked

        /// Whether periods come due.
        package var renews: Bool {
            switch self {
            case .trialing, .active, .pastDue: true
            case .approving, .activating, .canceled, .revoked: false
            }
        }

        package var isOver: Bool { self == .canceled || self == .revoked }
    }

    /// How the payment method came into the vault.
    package enum Flow: String, Sendable, Codable, CaseIterable {
        /// Saved without a charge (a setup token), charged afterwards.
        case vaultFirst = "vault_first"
        /// Saved by the first charge.
        case captureFirst = "capture_first"
    }

    /// PayPal's `payment_source` that is in the vault.
    package enum Source: String, Sendable, Codable, CaseIterable {
        case paypal, card, venmo
        case applePay = "apple_pay"
    }

    package var id: ID
    package var merchant: Merchant.ID
    /// What the shop knows it by: the id of its order at PayPal, or of its setup token. Case matters.
    package var payPalID: String
    package var flow: Flow
    package var source: Source
    /// The shop's id, echoed as `x_thrive_order_id`.
    package var thriveOrderID: Int64
    package var amount: Money
    package var frequency: BillingFrequency
    /// How the shop spelled it, echoed as `interval`.
    package var interval: String
    package var description: String?
    package var trialDays: Int
    package var status: Status
    /// When period 0 is due: the activation, or the end of the trial. Nil until activated.
    package var anchorAt: Date?
    /// The number of the first period that is not paid; period n is due at `anchorAt` + n × `frequency`.
    package var nextPeriod: Int
    /// When a worker should look at it next.
    package var nextActionAt: Date?
    package var firstFailedAt: Date?
    /// `PayPal call orders_create failed: HTTP 422`; never of a 5xx.
    package var lastError: String?
    package var cancelRequestedAt: Date?
    /// PayPal's id of the buyer in the vault.
    package var customerID: String?
    package var hasVaultToken: Bool
    /// The first charge went through, but PayPal has not said the vault token yet.
    package var isVaultPending: Bool
    package var createdAt: Date
    package var activatedAt: Date?

    package init(
        id: ID,
        merchant: Merchant.ID,
        payPalID: String,
        flow: Flow,
        source: Source,
        thriveOrderID: Int64,
        amount: Money,
        frequency: BillingFrequency,
        interval: String,
        description: String? = nil,
        trialDays: Int = 0,
        status: Status = .approving,
        anchorAt: Date? = nil,
        nextPeriod: Int = 0,
        nextActionAt: Date? = nil,
        firstFailedAt: Date? = nil,
        lastError: String? = nil,
        cancelRequestedAt: Date? = nil,
        customerID: String? = nil,
        hasVaultToken: Bool = false,
        isVaultPending: Bool = false,
        createdAt: Date,
        activatedAt: Date? = nil
    ) {
        self.id = id
        self.merchant = merchant
        self.payPalID = payPalID
        self.flow = flow
        self.source = source
        self.thriveOrderID = thriveOrderID
        self.amount = amount
        self.frequency = frequency
        self.interval = interval
        self.description = description
        self.trialDays = trialDays
        self.status = status
        self.anchorAt = anchorAt
        self.nextPeriod = nextPeriod
        self.nextActionAt = nextActionAt
        self.firstFailedAt = firstFailedAt
        self.lastError = lastError
        self.cancelRequestedAt = cancelRequestedAt
        self.customerID = customerID
        self.hasVaultToken = hasVaultToken
        self.isVaultPending = isVaultPending
        self.createdAt = createdAt
        self.activatedAt = activatedAt
    }

    /// When period `number` is due; nil before the activation, or where the calendar ends.
    package func due(_ number: Int) -> Date? {
        anchorAt.flatMap { frequency.date($0, plus: number) }
    }
}
