package import Domain

/// A charge of a vault token, frozen: whoever sends it again sends the same bytes under the same id.
package struct VaultCharge: Sendable, Hashable {
    /// PayPal's id of the merchant whose money it becomes.
    package var merchant: String
    /// At most 108 characters. PayPal remembers it for 6 hours.
    package var requestID: String
    /// The body of `POST /v2/checkout/orders`, as `VaultCharge.body` made it.
    package var body: [UInt8]

    package init(merchant: String, requestID: String, body: [UInt8]) {
        self.merchant = merchant
        self.requestID = requestID
        self.body = body
    }

    /// Methods that can be charged without the buyer.
    package enum Method: String, Sendable, Hashable, Codable, CaseIterable {
        case paypal, card, venmo
        case applePay = "apple_pay"
    }

    /// What is charged, before it becomes bytes.
    package struct Terms: Sendable, Hashable {
        package var method: Method
        package var vaultToken: String
        package var amount: Money
        /// PayPal's id of the merchant.
        package var merchant: String
        package var description: String?
        /// At most 127 characters each; PayPal gives them back in captures and events.
        package var customID: String?
        package var invoiceID: String?

        package init(
            method: Method,
            vaultToken: String,
            amount: Money,
            merchant: String,
            description: String? = nil,
            customID: String? = nil,
            invoiceID: String? = nil
        ) {
            self.method = method
            self.vaultToken = vaultToken
            self.amount = amount
            self.merchant = merchant
            self.description = description
            self.customID = customID
            self.invoiceID = invoiceID
        }
    }

    /// The order that charges the token at once; the same terms are always the same bytes.
    package static func body(_ terms: Terms) -> [UInt8] {
        let unit: JSON = [
            "amount": terms.amount.json,
            "payee": ["merchant_id": .string(terms.merchant)],
            "description": JSON(terms.description?.cut(to: 127)),
            "custom_id": JSON(terms.customID?.cut(to: 127)),
            "invoice_id": JSON(terms.invoiceID?.cut(to: 127)),
        ]
        let order: JSON = [
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": [
                (terms.method.rawValue): [
                    "vault_id": .string(terms.vaultToken),
                    "stored_credential": storedCredential(of: terms.method),
                ]
            ],
        ]
        return order.compacted.bytes
    }

    /// What tells banks that the merchant charges, again, what the buyer agreed to.
    ///
    /// Cards and Apple Pay want a payment type, the wallet a usage pattern and no type, Venmo nothing at all.
    /// Source: PayPal Orders v2, `card_stored_credential`, `paypal_wallet_stored_credential`.
    package static func storedCredential(of method: Method) -> JSON {
        switch method {
        case .card, .applePay:
            ["payment_initiator": "MERCHANT", "payment_type": "RECURRING", "usage": "SUBSEQUENT"]
        case .paypal:
            ["payment_initiator": "MERCHANT", "usage_pattern": "SUBSCRIPTION_PREPAID", "usage": "SUBSEQUENT"]
        case .venmo:
            .null
        }
    }
}
