internal import Foundation

/// One order: what is to be paid, by whom, and what came of it.
struct PayPalOrder: Sendable {
    typealias ID = String

    enum Status: String, Sendable {
        case created = "CREATED"
        case payerActionRequired = "PAYER_ACTION_REQUIRED"
        case approved = "APPROVED"
        case voided = "VOIDED"
        case completed = "COMPLETED"
    }

    var id: ID
    var intent: String
    var status: Status
    var units: [PurchaseUnit]
    var source: PaymentSource?
    var payer: Buyer?
    var returnURL: String?
    var cancelURL: String?
    /// PayPal captures by itself as soon as the payer has approved.
    var completesOnApproval: Bool
    var createdAt: Date
    var updatedAt: Date
    var approvedAt: Date?

    /// Whose money it becomes; of several payees the first.
    var merchant: String { units.first?.merchant ?? "" }

    /// The payer must be sent on within six hours, and the capture come within six hours of the approval.
    static let patience: TimeInterval = 6 * 3600
}

/// A part of an order, for one payee.
struct PurchaseUnit: Sendable {
    /// As it came, with amounts as PayPal writes them.
    var json: SandboxJSON
    var amount: PayPalAmount
    var merchant: String
    var invoiceID: String?
    var customID: String?
    var platformFees: [SandboxJSON]
    var platformFee: Int64
    var captures: [PayPalCapture] = []
}

/// Who pays.
struct Buyer: Sendable {
    var id: String
    var email: String
    var givenName: String
    var surname: String
    var country: String

    /// Whoever approves without saying who they are.
    static let usual = Buyer(
        id: "SANDBXBUYER22",
        email: "buyer@example.com",
        givenName: "John",
        surname: "Doe",
        country: "US"
    )

    /// The account with that address; the same address is always the same account.
    static func of(email: String) -> Buyer {
        guard email != usual.email, !email.isEmpty else { return usual }
        let letters = Array("23456789ABCDEFGHJKLMNPQRSTUVWXYZ".utf8)
        var random = SplitMix64(
            state: email.utf8.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        )
        let id = (0..<13).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] }
        var buyer = usual
        buyer.id = String(decoding: id, as: UTF8.self)
        buyer.email = email
        return buyer
    }

    var name: SandboxJSON { .of(["given_name": .string(givenName), "surname": .string(surname)]) }
    var address: SandboxJSON { .of(["country_code": .string(country)]) }
}

/// Money taken, or not.
struct PayPalCapture: Sendable {
    enum Status: String, Sendable {
        case completed = "COMPLETED"
        case declined = "DECLINED"
        case pending = "PENDING"
        case partiallyRefunded = "PARTIALLY_REFUNDED"
        case refunded = "REFUNDED"
        case failed = "FAILED"
    }

    var id: String
    var status: Status
    var reason: String?
    var amount: PayPalAmount
    var fee: PayPalAmount
    /// The processor's word on a card.
    var responseCode: String?
    var adviceCode: String?
    var createdAt: Date
    var updatedAt: Date
    var refunds: [PayPalRefund] = []
    /// The buyer complained; until that is settled nothing can be refunded.
    var isDisputed = false

    /// Of the capture's amount, what went back or is on its way.
    var refunded: Int64 {
        refunds.filter { $0.status == .completed || $0.status == .pending }.reduce(0) { $0 + $1.amount.minor }
    }
}

/// Money back.
struct PayPalRefund: Sendable {
    enum Status: String, Sendable {
        case completed = "COMPLETED"
        case pending = "PENDING"
        case failed = "FAILED"
        case cancelled = "CANCELLED"
    }

    var id: String
    var status: Status
    var amount: PayPalAmount
    var fee: PayPalAmount
    var platformFee: Int64
    /// What was refunded of the capture until then, with this.
    var total: Int64
    var invoiceID: String?
    var customID: String?
    var note: String?
    var createdAt: Date
    /// Not asked for by the merchant: taken back.
    var isReversal = false
}
