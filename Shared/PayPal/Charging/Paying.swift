internal import Domain

extension PayPalClient {
    // MARK: Charging a vault token

    /// Charges a vault token: the order completes in the one call.
    ///
    /// Safe to send again within 6 hours, with the same id and the same bytes. A replay that shows another payment than
    /// the one asked for is `.unknown(.differentOrder)`: nothing is known of ours.
    package func charge(_ charge: VaultCharge) async -> PaymentOutcome {
        var call = PayPalCall(
            "orders.charge",
            .post,
            "/v2/checkout/orders",
            merchant: charge.merchant,
            requestID: charge.requestID,
            patience: .long
        )
        call.body = charge.body
        switch await send(call) {
        case .answered(let answer, let trace):
            guard var order = answer.json.flatMap(OrderAnswer.init) else {
                return .unknown(PayPalOutage(.unreadableAnswer, trace: trace))
            }
            if order.captures.isEmpty, case .answered(let whole, _) = await self.order(order.id, of: charge.merchant) {
                order = whole
            }
            guard let isSame = Self.isSame(order, as: charge.body) else {
                return .unknown(PayPalOutage(.unreadableAnswer, trace: trace))
            }
            guard isSame else { return .unknown(PayPalOutage(.differentOrder, trace: trace)) }
            if answer.isReplay, order.captures.isEmpty, Self.mayComplete(order) {
                return .unknown(PayPalOutage(.inProgress, trace: trace))
            }
            return Self.outcome(of: order, isReplay: answer.isReplay, trace: trace)
        case .rejected(let rejection):
            return Self.outcome(of: rejection)
        case .unavailable(let outage):
            return .unavailable(outage)
        case .unknown(let outage):
            return .unknown(outage)
        }
    }

    /// PayPal shows the first order of a request id whatever the second one asks. Nil where it shows too little to compare.
    static func isSame(_ order: OrderAnswer, as body: [UInt8]) -> Bool? {
        guard let asked = JSON(parsing: body)?["purchase_units"][0] else { return false }
        let shown = order.captures.first
        guard let amount = order.amount ?? shown?.amount else { return nil }
        guard amount == Money(asked["amount"]) else { return false }
        let invoice = order.invoiceID ?? shown?.invoiceID
        return invoice == nil || invoice == asked["invoice_id"].string
    }

    // MARK: Capturing an approved order

    /// Takes the money of an order that the buyer approved.
    ///
    /// After a time-out, a server error, or an answer that says that it was done before, the order is looked at, so that
    /// what PayPal did is told and not guessed. Safe to send again.
    package func capture(
        order id: String,
        of merchant: String,
        source: JSON? = nil,
        details: CallDetails = CallDetails()
    ) async -> PaymentOutcome {
        let call = PayPalCall(
            "orders.capture",
            .post,
            "/v2/checkout/orders" + PayPalCall.path(id, "capture"),
            body: source.map { ["payment_source": $0] } ?? .object([]),
            merchant: merchant,
            patience: .long
        )
        switch await send(call.with(details)) {
        case .answered(let answer, let trace):
            guard let order = answer.json.flatMap(OrderAnswer.init), !order.captures.isEmpty else {
                return await look(
                    at: id,
                    of: merchant,
                    otherwise: .unknown(PayPalOutage(.unreadableAnswer, trace: trace))
                )
            }
            return Self.outcome(of: order, isReplay: answer.isReplay, trace: trace)
        case .rejected(let rejection) where Self.isDoneAlready(rejection):
            return await look(at: id, of: merchant, otherwise: .rejected(rejection))
        case .rejected(let rejection):
            return Self.outcome(of: rejection)
        case .unavailable(let outage):
            return .unavailable(outage)
        case .unknown(let outage):
            return await look(at: id, of: merchant, otherwise: .unknown(outage))
        }
    }

    private static func isDoneAlready(_ rejection: PayPalRejection) -> Bool {
        rejection.has("ORDER_ALREADY_CAPTURED") || rejection.has("AUTO_CAPTURE_ENABLED")
            || rejection.has("ORDER_ALREADY_COMPLETED")
    }

    private func look(at id: String, of merchant: String, otherwise: PaymentOutcome) async -> PaymentOutcome {
        guard case .answered(let order, let trace) = await order(id, of: merchant), !order.captures.isEmpty else {
            return otherwise
        }
        return Self.outcome(of: order, isReplay: true, trace: trace)
    }

    // MARK: Sorting

    /// What an order's captures say. The order's own status is no proof: it completes with a declined capture too.
    package static func outcome(of order: OrderAnswer, isReplay: Bool, trace: PayPalTrace) -> PaymentOutcome {
        guard let capture = order.captures.last else {
            return switch order.status {
            case "VOIDED": .rejected(PayPalRejection(status: 422, name: "VOIDED", issue: "ORDER_VOIDED", trace: trace))
            case "PAYER_ACTION_REQUIRED",
                _ where mayComplete(order):
                .rejected(
                    PayPalRejection(status: 422, name: order.status, issue: "PAYER_ACTION_REQUIRED", trace: trace)
                )
            // Because a word that is newer than we are may mean that money moves.
            default: .unknown(PayPalOutage(.unreadableAnswer, trace: trace))
            }
        }
        let payment = Payment(order: order, capture: capture, isReplay: isReplay, trace: trace)
        return switch capture.status {
        case "COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED": .captured(payment)
        case "PENDING": .pending(payment)
        case "DECLINED", "FAILED": .declined(Decline(capture, of: order, trace: trace))
        default: .unknown(PayPalOutage(.unreadableAnswer, trace: trace))
        }
    }

    /// Nothing was captured so far.
    private static func mayComplete(_ order: OrderAnswer) -> Bool {
        ["CREATED", "SAVED", "APPROVED"].contains(order.status)
    }

    package static func outcome(of rejection: PayPalRejection) -> PaymentOutcome {
        // Because a gateway between us and PayPal is no bank: who knows whether PayPal heard of it.
        if rejection.isMute { return .unknown(PayPalOutage(.unreadableAnswer, trace: rejection.trace)) }
        if let issue = Decline.issue(in: rejection) { return .declined(Decline(rejection, issue: issue)) }
        return .rejected(rejection)
    }
}
