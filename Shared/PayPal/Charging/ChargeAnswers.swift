package import Domain

// PayPal's answers in the reducer's words.

extension ChargeAnswer {
    package init(_ outcome: PaymentOutcome, order: String? = nil) {
        switch outcome {
        case .captured(let payment):
            self = .fact(.captured(id: payment.capture.id, order: payment.order.id))
        case .pending(let payment):
            self = .fact(.settling(order: payment.order.id))
        case .declined(let decline):
            self = .fact(.declined(ChargeDecline(decline)))
        case .rejected(let rejection) where rejection.has("DUPLICATE_INVOICE_ID"):
            self = .duplicateInvoice
        case .rejected(let rejection) where order != nil && Self.isGone(rejection):
            self = .orderGone
        case .rejected(let rejection):
            self = .fact(.declined(ChargeDecline(rejection)))
        case .unavailable(let outage):
            self = .notDone(retryAfter: outage.retryAfter.map { Double($0.components.seconds) })
        case .unknown(let outage):
            self = outage.reason == .differentOrder ? .mismatch : .unknown(order: order)
        }
    }

    private static func isGone(_ rejection: PayPalRejection) -> Bool {
        rejection.status == 404 || rejection.has("INVALID_RESOURCE_ID") || rejection.has("ORDER_EXPIRED")
    }

    /// For metrics.
    package var label: String {
        switch self {
        case .fact(.captured): "captured"
        case .fact(.settling): "settling"
        case .fact(.declined): "declined"
        case .duplicateInvoice: "duplicate-invoice"
        case .mismatch: "mismatch"
        case .unknown: "unknown"
        case .notDone: "not-done"
        case .orderGone: "order-gone"
        }
    }
}

extension ChargeDecline {
    package init(_ decline: Decline) {
        // A declined capture comes inside of a 201, which shops know as a 422.
        let status = (400...499).contains(decline.status) ? decline.status : 422
        let advice: Advice =
            switch decline.advice {
            case .retry: .anytime
            case .retryAfter(let wait): .after(Double(wait.components.seconds))
            case .never: .never
            }
        self.init(
            fault: Fault(issue: decline.issue, status: status),
            status: status,
            issue: decline.issue,
            advice: advice,
            debugID: decline.trace.anyDebugID
        )
    }

    package init(_ rejection: PayPalRejection) {
        self.init(
            fault: Fault(issue: rejection.issue ?? rejection.name, status: rejection.status),
            status: rejection.status,
            issue: rejection.issue ?? (rejection.name.isEmpty ? nil : rejection.name),
            debugID: rejection.trace.anyDebugID
        )
    }
}

extension VaultCharge.Method {
    package init(_ source: VaultSubscription.Source) {
        self =
            switch source {
            case .paypal: .paypal
            case .card: .card
            case .venmo: .venmo
            case .applePay: .applePay
            }
    }
}
