/// Why a charge was refused, as far as PayPal said it, and what trying again is good for.
package struct ChargeDecline: Sendable, Hashable, Codable {
    /// Whose business it is.
    package enum Fault: String, Sendable, Codable, CaseIterable {
        /// The buyer's bank, account or balance.
        case buyer
        /// The vault token is gone or was never this merchant's.
        case vaultToken = "vault_token"
        /// The merchant's account can't receive: every one of its subscriptions is about to be refused.
        case merchant
        /// What we asked. Many at once mean a mistake of ours, which is what the breaker looks for.
        case request
    }

    /// What the bank, the card's network or PayPal says of asking again.
    package enum Advice: Sendable, Hashable, Codable {
        /// By the usual schedule.
        case anytime
        /// Not sooner than so many seconds after the decline.
        case after(Double)
        case never
    }

    package var fault: Fault
    /// Of the answer; 422 where PayPal said it inside of a success, or by webhook.
    package var status: Int
    /// PayPal's word, such as INSTRUMENT_DECLINED.
    package var issue: String?
    package var advice: Advice
    package var debugID: String?

    package init(
        fault: Fault,
        status: Int = 422,
        issue: String? = nil,
        advice: Advice = .anytime,
        debugID: String? = nil
    ) {
        self.fault = fault
        self.status = status
        self.issue = issue
        self.advice = advice
        self.debugID = debugID
    }

    /// As the shop gets it in THRIVE.ACCESS.REVOKE. Source: the Product API, "What resource.last_error looks like".
    package var lastError: String { "PayPal call orders_create failed: HTTP \(status)" }

    /// Whether the bank forbids to ask again at `now`.
    package func forbidsTrying(at now: Double, declinedAt: Double) -> Bool {
        switch advice {
        case .anytime: false
        case .after(let seconds): now - declinedAt < seconds
        case .never: true
        }
    }
}

extension ChargeDecline.Fault {
    /// Whose business a refusal is, from PayPal's issue and the status of its answer.
    ///
    /// Source: PayPal Orders v2, issues of "create order" and "capture payment for order".
    package init(issue: String?, status: Int) {
        switch issue {
        case "INVALID_VAULT_ID", "TOKEN_EXPIRED", "TOKEN_ID_NOT_FOUND", "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING",
            "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE":
            self = .vaultToken
        case "PERMISSION_DENIED", "NOT_AUTHORIZED", "CONSENT_NEEDED": self = .merchant
        case let issue? where issue.hasPrefix("PAYEE_") || issue.hasSuffix("_RECEIVING_LIMIT_EXCEEDED"):
            self = .merchant
        default:
            // A 403 without a word is what PayPal says of a token that the buyer took back.
            self = status == 422 || status < 300 ? .buyer : status == 403 ? .vaultToken : .request
        }
    }
}
