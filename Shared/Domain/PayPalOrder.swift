package import Foundation

/// An order at PayPal that a merchant made through us. Ids and states are PayPal's.
package struct PayPalOrder: Sendable, Hashable {
    package var id: String
    package var merchant: Merchant.ID
    /// The subscription whose first payment it is, or a renewal of which.
    package var subscription: VaultSubscription.ID?
    /// PayPal's word: CREATED, PAYER_ACTION_REQUIRED, APPROVED, COMPLETED, VOIDED, …
    package var status: String
    /// Nil where the order had no single amount that we could read.
    package var amount: Money?
    package var customID: String?
    package var invoiceID: String?
    package var debugID: String?
    /// Since when a capture is on its way whose outcome nobody has written down yet.
    package var capturingSince: Date?
    package var createdAt: Date

    package init(
        id: String,
        merchant: Merchant.ID,
        subscription: VaultSubscription.ID? = nil,
        status: String,
        amount: Money?,
        customID: String? = nil,
        invoiceID: String? = nil,
        debugID: String? = nil,
        capturingSince: Date? = nil,
        createdAt: Date
    ) {
        self.id = id
        self.merchant = merchant
        self.subscription = subscription
        self.status = status
        self.amount = amount
        self.customID = customID
        self.invoiceID = invoiceID
        self.debugID = debugID
        self.capturingSince = capturingSince
        self.createdAt = createdAt
    }
}

/// Money taken at PayPal.
package struct PayPalCapture: Sendable, Hashable {
    /// PayPal's words. The order is that of a capture's life: it never goes back.
    package enum Status: String, Sendable, Codable, CaseIterable {
        case pending = "PENDING"
        case declined = "DECLINED"
        case failed = "FAILED"
        case completed = "COMPLETED"
        case partiallyRefunded = "PARTIALLY_REFUNDED"
        case refunded = "REFUNDED"
        case reversed = "REVERSED"

        /// What is later in a capture's life: events come late, and then they change nothing.
        package var rank: Int {
            switch self {
            case .pending: 0
            case .declined, .failed, .completed: 1
            case .partiallyRefunded: 2
            case .refunded, .reversed: 3
            }
        }
    }

    package var id: String
    package var merchant: Merchant.ID
    package var order: String
    package var subscription: VaultSubscription.ID?
    package var status: Status
    package var amount: Money
    package var createdAt: Date

    package init(
        id: String,
        merchant: Merchant.ID,
        order: String,
        subscription: VaultSubscription.ID? = nil,
        status: Status,
        amount: Money,
        createdAt: Date
    ) {
        self.id = id
        self.merchant = merchant
        self.order = order
        self.subscription = subscription
        self.status = status
        self.amount = amount
        self.createdAt = createdAt
    }
}

/// Money back at PayPal, against a capture.
package struct PayPalRefund: Sendable, Hashable {
    package enum Status: String, Sendable, Codable, CaseIterable {
        case pending = "PENDING"
        case completed = "COMPLETED"
        case canceled = "CANCELLED"
        case failed = "FAILED"
    }

    package var id: String
    package var merchant: Merchant.ID
    package var capture: String
    package var status: Status
    package var amount: Money?
    package var createdAt: Date

    package init(
        id: String,
        merchant: Merchant.ID,
        capture: String,
        status: Status,
        amount: Money?,
        createdAt: Date
    ) {
        self.id = id
        self.merchant = merchant
        self.capture = capture
        self.status = status
        self.amount = amount
        self.createdAt = createdAt
    }
}
