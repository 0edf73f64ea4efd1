/// Why a charge was refused, as far as PayPal said it.
package struct Decline: Sendable, Hashable, Codable {
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

    package var fault: Fault
    /// Of the answer; 422 where PayPal said it inside of a success or by webhook.
    package var status: Int
    /// PayPal's word, such as INSTRUMENT_DECLINED.
    package var issue: String?
    /// `processor_response.response_code`.
    package var processorCode: String?
    /// `processor_response.payment_advice_code`.
    package var adviceCode: String?
    package var debugID: String?

    package init(
        fault: Fault,
        status: Int = 422,
        issue: String? = nil,
        processorCode: String? = nil,
        adviceCode: String? = nil,
        debugID: String? = nil
    ) {
        self.fault = fault
        self.status = status
        self.issue = issue
        self.processorCode = processorCode
        self.adviceCode = adviceCode
        self.debugID = debugID
    }

    /// As the shop gets it in THRIVE.ACCESS.REVOKE.
    package var lastError: String { "PayPal call orders_create failed: HTTP \(status)" }

    /// Whether and when the bank bears to be asked again.
    package var advice: RetryAdvice {
        if fault == .vaultToken, issue != nil { return .never }
        let byNetwork = adviceCode.map { RetryAdvice(adviceCode: $0, isVisa: false) } ?? .anytime
        let byProcessor: RetryAdvice =
            processorCode.map(Self.finalProcessorCodes.contains) == true ? .never : .anytime
        return max(byNetwork, byProcessor)
    }

    /// Codes that will say the same of the same card for ever.
    ///
    /// Source: PayPal Orders v2, `processor_response.response_code`: those with "Do not retry the same card", and those
    /// that name a closed account.
    private static let finalProcessorCodes: Set<String> = ["5140", "5150", "5180", "9500", "9520", "PP06"]
}

/// What the card's network says of trying again.
package enum RetryAdvice: Sendable, Hashable, Comparable {
    case anytime
    /// Seconds after the decline.
    case after(Double)
    case never

    /// Source: PayPal Orders v2, `payment_advice_code`. `02` differs by network; we are not told which, and the gentler
    /// reading (72 hours) is what day 3 does.
    package init(adviceCode: String, isVisa: Bool) {
        let (hour, day) = (3600.0, 86_400.0)
        self =
            switch adviceCode {
            case "02": isVisa ? .never : .after(72 * hour)
            case "03", "21": .never
            case "24": .after(hour)
            case "25": .after(day)
            case "26": .after(2 * day)
            case "27": .after(4 * day)
            case "28": .after(6 * day)
            case "29": .after(8 * day)
            case "30": .after(10 * day)
            default: .anytime
            }
    }
}

extension Decline.Fault {
    /// Whose business a refusal is, from PayPal's issue and the status of its answer.
    ///
    /// Source: PayPal Orders v2, issues of "create order" and "capture payment for order".
    package init(issue: String?, status: Int) {
        switch issue {
        case "INVALID_VAULT_ID", "TOKEN_EXPIRED", "TOKEN_ID_NOT_FOUND", "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING",
            "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE":
            self = .vaultToken
        case let issue? where issue.hasPrefix("PAYEE_") || issue.hasSuffix("_RECEIVING_LIMIT_EXCEEDED"):
            self = .merchant
        case "INSTRUMENT_DECLINED", "TRANSACTION_REFUSED", "CARD_EXPIRED", "CARD_CLOSED", "COMPLIANCE_VIOLATION",
            "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING":
            self = .buyer
        case let issue? where issue.hasPrefix("PAYER_"): self = .buyer
        case "PERMISSION_DENIED", "NOT_AUTHORIZED", "CONSENT_NEEDED": self = .merchant
        default:
            // A 403 without a word is what PayPal says of a token that the buyer took back.
            self = status == 422 ? .buyer : status == 403 ? .vaultToken : .request
        }
    }
}
