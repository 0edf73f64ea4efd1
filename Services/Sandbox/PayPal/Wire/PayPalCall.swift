internal import HTTPTypes

/// Each call that a client can make, by the name that faults and the request log use.
enum PayPalCall: String, CaseIterable, Sendable {
    case token = "oauth.token"
    case generateToken = "identity.generate_token"
    case createReferral = "referrals.create"
    case getReferral = "referrals.get"
    case findIntegration = "integrations.find"
    case getIntegration = "integrations.get"
    case createOrder = "orders.create"
    case getOrder = "orders.get"
    case patchOrder = "orders.patch"
    case captureOrder = "orders.capture"
    case getCapture = "captures.get"
    case refundCapture = "captures.refund"
    case getRefund = "refunds.get"
    case createSetupToken = "setup_tokens.create"
    case getSetupToken = "setup_tokens.get"
    case createPaymentToken = "payment_tokens.create"
    case listPaymentTokens = "payment_tokens.list"
    case getPaymentToken = "payment_tokens.get"
    case deletePaymentToken = "payment_tokens.delete"
    case registerDomain = "domains.register"
    case listDomains = "domains.list"
    case unregisterDomain = "domains.unregister"
    case createWebhook = "webhooks.create"
    case listWebhooks = "webhooks.list"
    case getWebhook = "webhooks.get"
    case patchWebhook = "webhooks.patch"
    case deleteWebhook = "webhooks.delete"
    case webhookEventTypes = "webhooks.event_types"
    case availableEventTypes = "webhooks.available_event_types"
    case verifySignature = "webhooks.verify"
    case listEvents = "events.list"
    case getEvent = "events.get"
    case resendEvent = "events.resend"
    case simulateEvent = "events.simulate"
    case transactions = "reporting.transactions"
    case certificate = "certificates.get"

    var method: HTTPRequest.Method {
        switch self {
        case .token, .generateToken, .createReferral, .createOrder, .captureOrder, .refundCapture, .createSetupToken,
            .createPaymentToken, .registerDomain, .unregisterDomain, .createWebhook, .verifySignature, .resendEvent,
            .simulateEvent:
            .post
        case .patchOrder, .patchWebhook: .patch
        case .deletePaymentToken, .deleteWebhook: .delete
        default: .get
        }
    }

    var path: String {
        switch self {
        case .token: "/v1/oauth2/token"
        case .generateToken: "/v1/identity/generate-token"
        case .createReferral: "/v2/customer/partner-referrals"
        case .getReferral: "/v2/customer/partner-referrals/:id"
        case .findIntegration: "/v1/customer/partners/:partner/merchant-integrations"
        case .getIntegration: "/v1/customer/partners/:partner/merchant-integrations/:id"
        case .createOrder: "/v2/checkout/orders"
        case .getOrder, .patchOrder: "/v2/checkout/orders/:id"
        case .captureOrder: "/v2/checkout/orders/:id/capture"
        case .getCapture: "/v2/payments/captures/:id"
        case .refundCapture: "/v2/payments/captures/:id/refund"
        case .getRefund: "/v2/payments/refunds/:id"
        case .createSetupToken: "/v3/vault/setup-tokens"
        case .getSetupToken: "/v3/vault/setup-tokens/:id"
        case .createPaymentToken, .listPaymentTokens: "/v3/vault/payment-tokens"
        case .getPaymentToken, .deletePaymentToken: "/v3/vault/payment-tokens/:id"
        case .registerDomain, .listDomains: "/v1/customer/wallet-domains"
        case .unregisterDomain: "/v1/customer/unregister-wallet-domain"
        case .createWebhook, .listWebhooks: "/v1/notifications/webhooks"
        case .getWebhook, .patchWebhook, .deleteWebhook: "/v1/notifications/webhooks/:id"
        case .webhookEventTypes: "/v1/notifications/webhooks/:id/event-types"
        case .availableEventTypes: "/v1/notifications/webhooks-event-types"
        case .verifySignature: "/v1/notifications/verify-webhook-signature"
        case .listEvents: "/v1/notifications/webhooks-events"
        case .getEvent: "/v1/notifications/webhooks-events/:id"
        case .resendEvent: "/v1/notifications/webhooks-events/:id/resend"
        case .simulateEvent: "/v1/notifications/simulate-event"
        case .transactions: "/v1/reporting/transactions"
        case .certificate: "/v1/notifications/certs/:id"
        }
    }

    /// Needs no access token.
    var isOpen: Bool { self == .token || self == .certificate }

    /// How long PayPal remembers the request ids of this call; nil where it has none.
    ///
    /// Source: the header's description in PayPal's Orders 2.25, Payments 2.8 and Vault 3.4 specifications.
    var memory: Double? {
        switch self {
        case .createOrder, .captureOrder: 6 * 3600
        case .refundCapture: 45 * 86_400
        case .createSetupToken, .createPaymentToken: 3 * 3600
        default: nil
        }
    }
}
