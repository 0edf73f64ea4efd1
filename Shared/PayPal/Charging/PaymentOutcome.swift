internal import Domain

/// What came of taking money. An outage is never a decline.
package enum PaymentOutcome: Sendable, Hashable {
    /// The money was taken.
    case captured(Payment)
    /// PayPal took it upon itself and tells the end by event: nobody may try again meanwhile.
    case pending(Payment)
    case declined(Decline)
    /// The request itself was refused; the buyer's money was not touched.
    case rejected(PayPalRejection)
    /// PayPal was not reached, or refused to listen: nothing was done.
    case unavailable(PayPalOutage)
    /// It may have been done. The same request again with the same id, or a look, tells.
    case unknown(PayPalOutage)

    package var trace: PayPalTrace {
        switch self {
        case .captured(let payment), .pending(let payment): payment.trace
        case .declined(let decline): decline.trace
        case .rejected(let rejection): rejection.trace
        case .unavailable(let outage), .unknown(let outage): outage.trace
        }
    }
}

/// An order with a capture in it.
package struct Payment: Sendable, Hashable {
    package var order: OrderAnswer
    package var capture: CaptureAnswer
    /// Whether it was done before, by a request of the same id or by another.
    package var isReplay: Bool
    package var trace: PayPalTrace
}

/// The bank, the network, or PayPal on their behalf, said no.
package struct Decline: Sendable, Hashable {
    /// What trying again with the same method is good for.
    package enum Advice: Sendable, Hashable {
        /// By the usual schedule.
        case retry
        /// Not sooner than this from now.
        case retryAfter(Duration)
        /// Never with this method: it is gone, stolen, or the buyer stopped it.
        case never
    }

    /// PayPal's issue (`INSTRUMENT_DECLINED`), or `CAPTURE_DECLINED` for a declined capture in a completed order.
    package var issue: String
    /// 422, or the 201 of a completed order whose capture was declined all the same.
    package var status: Int
    package var processor: ProcessorAnswer
    package var advice: Advice
    /// The order that was declined, when there is one.
    package var order: OrderAnswer?
    package var trace: PayPalTrace

    /// Whether the buyer may be sent back to choose another method for the same order.
    package var isRecoverable: Bool { issue == "INSTRUMENT_DECLINED" }
}

extension Decline {
    init(_ rejection: PayPalRejection, issue: String) {
        self.issue = issue
        status = rejection.status
        processor = ProcessorAnswer()
        advice = Self.final.contains(issue) ? .never : .retry
        trace = rejection.trace
    }

    init(_ capture: CaptureAnswer, of order: OrderAnswer, trace: PayPalTrace) {
        issue = "CAPTURE_" + (capture.status.isEmpty ? "DECLINED" : capture.status)
        status = trace.status ?? 201
        processor = capture.processor
        advice = Self.advice(of: capture.processor)
        self.order = order
        self.trace = trace
    }

    /// Which issues are the buyer's bank or PayPal saying no to this payment, not to our request.
    ///
    /// Source: PayPal Orders v2, errors of "Capture payment for order" and "Create order".
    package static func issue(in rejection: PayPalRejection) -> String? {
        rejection.issues.first { final.contains($0) || passing.contains($0) }
            ?? (final.contains(rejection.name) || passing.contains(rejection.name) ? rejection.name : nil)
    }

    /// The method will not come back. Among them the ways of saying that the vault token is gone.
    package static let final: Set<String> = [
        "CARD_CLOSED", "INVALID_VAULT_ID", "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE",
        "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING", "PAYER_ACCOUNT_LOCKED_OR_CLOSED", "TOKEN_EXPIRED", "TOKEN_ID_NOT_FOUND",
    ]

    static let passing: Set<String> = [
        "CARD_EXPIRED", "COMPLIANCE_VIOLATION", "INSTRUMENT_DECLINED", "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
        "PAYER_ACCOUNT_RESTRICTED", "PAYER_CANNOT_PAY", "PAYER_COUNTRY_NOT_SUPPORTED", "PAYMENT_DENIED",
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", "TRANSACTION_AMOUNT_EXCEEDS_MONTHLY_MAX_LIMIT",
        "TRANSACTION_BLOCKED_BY_PAYEE", "TRANSACTION_LIMIT_EXCEEDED", "TRANSACTION_RECEIVING_LIMIT_EXCEEDED",
        "TRANSACTION_REFUSED",
    ]

    /// What networks and PayPal say of trying again; the network knows better.
    ///
    /// Source: PayPal Orders v2, `processor_response`.
    package static func advice(of processor: ProcessorAnswer) -> Advice {
        switch processor.adviceCode {
        case "02": return .retryAfter(.seconds(72 * 3600))
        case "03", "21": return .never
        case "24": return .retryAfter(.seconds(3600))
        case "25": return .retryAfter(.seconds(24 * 3600))
        case "26": return .retryAfter(.seconds(2 * 24 * 3600))
        case "27": return .retryAfter(.seconds(4 * 24 * 3600))
        case "28": return .retryAfter(.seconds(6 * 24 * 3600))
        case "29": return .retryAfter(.seconds(8 * 24 * 3600))
        case "30": return .retryAfter(.seconds(10 * 24 * 3600))
        default: break
        }
        switch processor.responseCode {
        case "5150", "5180", "9500", "9520": return .never
        default: return .retry
        }
    }
}
