internal import HTTPTypes
internal import PayPal

/// Why a refund did not happen, in the words that shops switch on.
///
/// Source: the document, "Refund error responses"; PayPal's issues as PayPal really sends them stand beside the document's.
struct RefundFailure: Sendable {
    enum Code: String, Sendable, CaseIterable {
        case alreadyRefunded = "already_refunded"
        case refundWindowExpired = "refund_window_expired"
        case insufficientFunds = "insufficient_funds"
        case notRefundable = "not_refundable"
        case accountRestricted = "account_restricted"
        case captureNotFound = "capture_not_found"
        case temporaryError = "temporary_error"
        case unknownError = "unknown_error"

        /// Ours, not PayPal's.
        var message: String {
            switch self {
            case .alreadyRefunded: "This capture has already been fully refunded."
            case .refundWindowExpired: "This capture is too old to be refunded."
            case .insufficientFunds: "The PayPal balance does not cover the refund."
            case .notRefundable: "This capture can't be refunded in its present state."
            case .accountRestricted: "The PayPal account is restricted or not permitted to refund."
            case .captureNotFound: "There is no capture with this id."
            case .temporaryError: "PayPal could not be asked. It is safe to try again."
            case .unknownError: "PayPal refused the refund."
            }
        }
    }

    var code: Code
    /// PayPal's issue, a word of its list.
    var issue: String?
    var debugID: String?
    /// Whether the refund may have happened all the same.
    var isUncertain = false

    var status: HTTPResponse.Status { code == .temporaryError ? .serviceUnavailable : .unprocessableContent }

    init(_ code: Code, issue: String? = nil, debugID: String? = nil, isUncertain: Bool = false) {
        self.code = code
        self.issue = issue
        self.debugID = debugID
        self.isUncertain = isUncertain
    }

    init(_ outage: PayPalOutage, isUncertain: Bool) {
        self.init(.temporaryError, debugID: outage.trace.anyDebugID, isUncertain: isUncertain)
    }

    /// By the exact issue first, then the error's name, then the status.
    init(_ rejection: PayPalRejection) {
        let words = rejection.issues + [rejection.name]
        let code = words.lazy.compactMap { Self.codes[$0] }.first
        self.init(
            code ?? (rejection.status == 404 ? .captureNotFound : .unknownError),
            issue: Self.word(rejection.reason),
            debugID: rejection.trace.anyDebugID
        )
    }

    /// Only what looks like a word of PayPal's lists is passed on, never a sentence.
    private static func word(_ text: String) -> String? {
        (1...80).contains(text.utf8.count)
            && text.utf8.allSatisfy { ($0 >= 65 && $0 <= 90) || ($0 >= 48 && $0 <= 57) || $0 == UInt8(ascii: "_") }
            ? text : nil
    }

    static let codes: [String: Code] = [
        "CAPTURE_FULLY_REFUNDED": .alreadyRefunded,
        "MAX_NUMBER_OF_REFUNDS_EXCEEDED": .alreadyRefunded,
        "REFUND_TIME_LIMIT_EXCEEDED": .refundWindowExpired,
        "INSUFFICIENT_FUNDS": .insufficientFunds,
        "REFUND_FAILED_INSUFFICIENT_FUNDS": .insufficientFunds,
        "TRANSACTION_REFUSED": .notRefundable,
        "REFUND_FAILED": .notRefundable,
        "AUTHORIZATION_VOIDED": .notRefundable,
        "CAPTURE_STATUS_PENDING": .notRefundable,
        "PENDING_CAPTURE": .notRefundable,
        "REFUND_NOT_ALLOWED": .notRefundable,
        "PARTIAL_REFUND_NOT_ALLOWED": .notRefundable,
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": .notRefundable,
        "TRANSACTION_DISPUTED": .notRefundable,
        "REFUND_IS_RESTRICTED": .notRefundable,
        "REFUND_REFUSED_BY_PROCESSOR": .notRefundable,
        "PAYEE_ACCOUNT_RESTRICTED": .accountRestricted,
        "PAYER_ACCOUNT_RESTRICTED": .accountRestricted,
        "PAYEE_ACCOUNT_LOCKED_OR_CLOSED": .accountRestricted,
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED": .accountRestricted,
        "PERMISSION_DENIED": .accountRestricted,
        "NOT_AUTHORIZED": .accountRestricted,
        "RESOURCE_NOT_FOUND": .captureNotFound,
        "INVALID_RESOURCE_ID": .captureNotFound,
    ]
}
