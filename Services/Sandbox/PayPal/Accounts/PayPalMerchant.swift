/// A business account that gave the partner leave to act for it.
struct PayPalMerchant: Sendable {
    struct Capability: Sendable {
        var name: String
        var status: String
    }

    struct Product: Sendable {
        var name: String
        var vettingStatus: String
        var capabilities: [String]
    }

    var id: String
    /// What the partner called the referral.
    var trackingID: String?
    var legalName = "Sample Store"
    var email: String
    var country = "US"
    var currency = "USD"
    var isEmailConfirmed = true
    var isReceivable = true
    /// False once the merchant has taken the consent back.
    var isConnected = true
    /// False for the first seconds after a merchant's approval.
    var isProvisioned = true
    /// The account takes each invoice id only once.
    var blocksDuplicateInvoices = false
    /// How the balance stands for refunds; nil for "always enough".
    var balance: Int64?
    var capabilities = PayPalMerchant.usualCapabilities
    var products = PayPalMerchant.usualProducts

    /// There from the beginning, so that a test need not connect one.
    static let demo = PayPalMerchant(id: "SANDBXMERCH22", email: "merchant@example.com")

    static let cardCapabilities = [
        "CUSTOM_CARD_PROCESSING", "CARD_PROCESSING_VIRTUAL_TERMINAL", "FRAUD_TOOL_ACCESS", "DEBIT_CARD_SWITCH",
        "COMMERCIAL_ENTITY", "AMEX_OPTBLUE",
    ]
    static let methodCapabilities = [
        "PAYPAL_CHECKOUT", "VENMO_PAY_PROCESSING", "APPLE_PAY", "GOOGLE_PAY", "PAYPAL_CREDIT_PROCESSING",
        "ALT_PAY_PROCESSING", "STANDARD_CARD_PROCESSING", "WITHDRAW_MONEY", "SEND_MONEY", "RECEIVE_MONEY",
    ]
    static let vaultCapabilities = ["PAYPAL_WALLET_VAULTING_ADVANCED", "ADVANCED_VAULTING"]

    static let usualCapabilities = (cardCapabilities + methodCapabilities + vaultCapabilities)
        .map { Capability(name: $0, status: "ACTIVE") }

    static let usualProducts = [
        Product(name: "PPCP_CUSTOM", vettingStatus: "SUBSCRIBED", capabilities: cardCapabilities),
        Product(name: "PPCP_STANDARD", vettingStatus: "SUBSCRIBED", capabilities: ["RECEIVE_MONEY", "SEND_MONEY"]),
        Product(name: "PAYMENT_METHODS", vettingStatus: "SUBSCRIBED", capabilities: ["APPLE_PAY", "GOOGLE_PAY"]),
        Product(name: "ADVANCED_VAULTING", vettingStatus: "SUBSCRIBED", capabilities: vaultCapabilities),
    ]
}

extension Books {
    mutating func connect(_ merchant: PayPalMerchant) {
        merchants[merchant.id] = merchant
    }

    /// Shows a merchant to the partner, and says so.
    mutating func provision(_ id: String) {
        guard merchants[id]?.isProvisioned == false else { return }
        merchants[id]?.isProvisioned = true
        tellOnboarded(id)
    }

    func tellOnboardedResource(_ merchant: PayPalMerchant) -> SandboxJSON {
        .of([
            "partner_client_id": .string(settings.clientID),
            "links": .array([
                .of([
                    "method": "GET",
                    "rel": "self",
                    "description": "The merchant's status, for the partner that onboarded them",
                    "href": .string(integrationURL(merchant.id)),
                ])
            ]),
            "merchant_id": .string(merchant.id),
            "tracking_id": merchant.trackingID.map { .string($0) },
        ])
    }

    func integrationURL(_ merchant: String) -> String {
        "\(base)/v1/customer/partners/\(settings.partnerMerchantID)/merchant-integrations/\(merchant)"
    }

    mutating func tellOnboarded(_ id: String) {
        guard let merchant = merchants[id] else { return }
        tell(
            "MERCHANT.ONBOARDING.COMPLETED",
            "merchant-onboarding",
            nil,
            "The merchant account setup is completed",
            tellOnboardedResource(merchant)
        )
    }

    /// The merchant takes the consent back.
    mutating func revokeConsent(_ id: String) -> Bool {
        guard let merchant = merchants[id], merchant.isConnected else { return false }
        merchants[id]?.isConnected = false
        tell(
            "MERCHANT.PARTNER-CONSENT.REVOKED",
            "partner-consent",
            nil,
            "The Account setup consents has been revoked or the merchant account is closed",
            .of(["merchant_id": .string(id), "tracking_id": merchant.trackingID.map { .string($0) }])
        )
        return true
    }
}
