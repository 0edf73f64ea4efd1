internal import Foundation

/// A way to pay that a buyer is asked to leave with a merchant.
struct SetupToken: Sendable {
    enum Status: String, Sendable {
        case created = "CREATED"
        case payerActionRequired = "PAYER_ACTION_REQUIRED"
        case approved = "APPROVED"
        case tokenized = "TOKENIZED"
    }

    var id: String
    var status: Status
    var kind: PaymentSource.Kind
    var given: SandboxJSON
    var card: PayPalCard?
    var merchant: String
    var customer: String
    var merchantCustomer: String?
    var buyer: Buyer = .usual
    var createdAt: Date

    var returnURL: String? { given.at("experience_context", "return_url")?.text }
    var cancelURL: String? { given.at("experience_context", "cancel_url")?.text }

    /// Three days.
    static let life: TimeInterval = 3 * 86_400
}

/// A way to pay that a buyer left with a merchant: what renewals are charged to.
struct PaymentToken: Sendable {
    var id: String
    var kind: PaymentSource.Kind
    var given: SandboxJSON
    var card: PayPalCard?
    var merchant: String
    var customer: String
    var merchantCustomer: String?
    var buyer: Buyer
    var createdAt: Date
    /// Kept for a while, because charging one that is gone is refused otherwise than one that never was.
    var isDeleted = false
}

extension Books {
    /// The customer that the request names, or the one that this merchant's buyer has.
    mutating func customer(_ json: SandboxJSON, _ merchant: String, _ buyer: Buyer) throws(PayPalProblem) -> String {
        if let given = json.at("customer", "id")?.text {
            guard (1...22).contains(given.utf8.count) else {
                throw .invalid("INVALID_STRING_LENGTH", field: "/customer/id", value: given)
            }
            return given
        }
        return customer(of: buyer, merchant)
    }

    mutating func customer(of buyer: Buyer, _ merchant: String) -> String {
        let key = "\(merchant) \(buyer.id)"
        if let known = customers[key] { return known }
        let new = numbers.customer()
        customers[key] = new
        return new
    }

    mutating func addPaymentToken(
        _ kind: PaymentSource.Kind,
        _ given: SandboxJSON,
        _ card: PayPalCard?,
        merchant: String,
        customer: String,
        merchantCustomer: String? = nil,
        buyer: Buyer
    ) -> PaymentToken {
        let token = PaymentToken(
            id: numbers.vaultToken(),
            kind: kind,
            given: given,
            card: card,
            merchant: merchant,
            customer: customer,
            merchantCustomer: merchantCustomer,
            buyer: buyer,
            createdAt: now
        )
        paymentTokens.add(token, id: token.id)
        return token
    }

    // MARK: With a purchase

    /// Stores the way to pay of an order that asked for it: at once, or where a fault says so some time later.
    mutating func vault(_ order: inout PayPalOrder, _ ask: PayPalAsk) {
        guard case .wanted? = order.source?.vaulting, let source = order.source else { return }
        let buyer = order.payer ?? .usual
        let customer = source.given.at("attributes", "customer", "id")?.text ?? customer(of: buyer, order.merchant)
        if ask.outcome?.fault == .vaultPending {
            order.source?.vaulting = .approved(customer: customer)
            // Without a time it never comes.
            if let seconds = ask.outcome?.seconds { later.add(.vault(order.id), at: now.addingTimeInterval(seconds)) }
            return
        }
        let token = addPaymentToken(
            source.kind,
            source.given,
            source.card,
            merchant: order.merchant,
            customer: customer,
            buyer: buyer
        )
        order.source?.vaulting = .vaulted(token: token.id, customer: customer)
        tell(created: token)
    }

    /// The token of an order that had to wait for it.
    mutating func finishVaulting(_ id: PayPalOrder.ID) {
        guard let order = orders[id], let source = order.source, case .approved(let customer) = source.vaulting else {
            return
        }
        let token = addPaymentToken(
            source.kind,
            source.given,
            source.card,
            merchant: order.merchant,
            customer: customer,
            buyer: order.payer ?? .usual
        )
        orders[id]?.source?.vaulting = .vaulted(token: token.id, customer: customer)
        tell(created: token)
    }

    /// The buyer takes the permission back at PayPal.
    mutating func removePaymentToken(_ id: String) -> Bool {
        guard let token = paymentTokens[id], !token.isDeleted else { return false }
        paymentTokens[id]?.isDeleted = true
        tell(deleted: token)
        return true
    }
}
