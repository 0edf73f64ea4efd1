internal import Foundation

extension Books {
    // MARK: POST /v2/payments/captures/{id}/refund

    /// Gives money back: all that is left, or as much as the request says.
    mutating func refundCapture(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        var place = try place(ofCapture: ask.id)
        let unit = place.order.units[place.unit]
        try mayMove(unit.merchant, ask)
        if let known = memory.result(ask, at: now), case .refund(let id) = known {
            return try reply(toRefund: id, ask, status: 200)
        }
        let json = try ask.json()
        let amount = try refundable(place.found, json, ask)
        var status = PayPalRefund.Status.completed
        if let outcome = ask.outcome {
            switch outcome.fault {
            case .decline: throw .named(outcome.issue ?? "REFUND_NOT_ALLOWED")
            case .refundPending: status = .pending
            case .refundFailed: status = .failed
            default: break
            }
        }
        if status != .failed { try spend(amount, of: unit.merchant) }
        let refund = makeRefund(amount, status, of: &place, json)
        orders[place.order.id] = place.order
        memory.keep(.refund(refund.id), of: ask, at: now)
        if status == .completed { enter(refund, place, ask.requestID, ask.call.rawValue, .refund) }
        tell(refund, place)
        return try reply(toRefund: refund.id, ask, status: 201)
    }

    private func refundable(_ capture: PayPalCapture, _ json: SandboxJSON, _ ask: PayPalAsk) throws(PayPalProblem)
        -> PayPalAmount
    {
        switch capture.status {
        case .pending: throw .refused("PENDING_CAPTURE")
        case .declined, .failed: throw .refused("REFUND_NOT_ALLOWED")
        case .refunded: throw .refused("CAPTURE_FULLY_REFUNDED")
        case .completed, .partiallyRefunded: break
        }
        guard !capture.isDisputed else { throw .refused("TRANSACTION_DISPUTED") }
        guard capture.createdAt.addingTimeInterval(180 * 86_400) > now else {
            throw .refused("REFUND_TIME_LIMIT_EXCEEDED")
        }
        let left = capture.amount.minor - capture.refunded
        guard json["amount"] != nil else {
            guard left > 0 else { throw .refused("CAPTURE_FULLY_REFUNDED") }
            return capture.amount.with(left)
        }
        let amount = try PayPalAmount(json["amount"], at: "/amount")
        guard amount.currency == capture.amount.currency else { throw .refused("REFUND_CAPTURE_CURRENCY_MISMATCH") }
        guard amount.minor > 0 else { throw .refused("CANNOT_BE_ZERO_OR_NEGATIVE", field: "/amount/value") }
        guard left > 0 else { throw .refused("CAPTURE_FULLY_REFUNDED") }
        guard amount.minor <= left else { throw .refused("REFUND_AMOUNT_EXCEEDED") }
        return amount
    }

    private mutating func spend(_ amount: PayPalAmount, of merchant: String) throws(PayPalProblem) {
        guard let balance = merchants[merchant]?.balance else { return }
        guard balance >= amount.minor else { throw .refused("REFUND_FAILED_INSUFFICIENT_FUNDS") }
        merchants[merchant]?.balance = balance - amount.minor
    }

    /// Writes a refund into its capture.
    mutating func makeRefund(
        _ amount: PayPalAmount,
        _ status: PayPalRefund.Status,
        of place: inout CapturePlace,
        _ json: SandboxJSON = .object([]),
        isReversal: Bool = false
    ) -> PayPalRefund {
        let capture = place.found
        let unit = place.order.units[place.unit]
        let isWhole = amount.minor == capture.amount.minor
        let refund = PayPalRefund(
            id: numbers.long(),
            status: status,
            amount: amount,
            fee: amount.with(0),
            platformFee: isWhole ? unit.platformFee : 0,
            total: capture.refunded + (status == .failed ? 0 : amount.minor),
            invoiceID: json["invoice_id"]?.text ?? unit.invoiceID,
            customID: json["custom_id"]?.text ?? unit.customID,
            note: json["note_to_payer"]?.text ?? (isReversal ? "Payment reversed" : nil),
            createdAt: now,
            isReversal: isReversal
        )
        place.order.units[place.unit].captures[place.capture].refunds.append(refund)
        place.order.units[place.unit].captures[place.capture].updatedAt = now
        if status == .completed { settleStatus(&place.order.units[place.unit].captures[place.capture]) }
        refunds[refund.id] = place.order.id
        return refund
    }

    func settleStatus(_ capture: inout PayPalCapture) {
        let back = capture.refunds.filter { $0.status == .completed }.reduce(0) { $0 + $1.amount.minor }
        guard back > 0 else { return }
        capture.status = back >= capture.amount.minor ? .refunded : .partiallyRefunded
    }

    mutating func enter(
        _ refund: PayPalRefund,
        _ place: CapturePlace,
        _ requestID: String?,
        _ call: String,
        _ kind: MoneyBook.Entry.Kind
    ) {
        let unit = place.order.units[place.unit]
        money.enter(
            MoneyBook.Entry(
                number: 0,
                at: now,
                kind: kind,
                merchant: unit.merchant,
                order: place.order.id,
                capture: place.found.id,
                refund: refund.id,
                amount: refund.amount,
                fee: refund.fee,
                invoiceID: unit.invoiceID,
                customID: unit.customID,
                requestID: requestID,
                source: place.order.source?.kind.rawValue ?? "paypal",
                vaultID: place.order.source?.vaultID,
                payer: place.order.payer?.id,
                call: call
            )
        )
    }

    // MARK: GET /v2/payments/refunds/{id}

    func showRefund(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let (refund, place) = try place(ofRefund: ask.id)
        try mayMove(place.order.units[place.unit].merchant, ask)
        return PayPalReply(200, refundJSON(refund, of: place.found, ask.base))
    }

    func place(ofRefund id: String) throws(PayPalProblem) -> (PayPalRefund, CapturePlace) {
        guard let orderID = refunds[id], let order = orders[orderID] else { throw .unknown() }
        for (unit, part) in order.units.enumerated() {
            for (index, capture) in part.captures.enumerated() {
                if let refund = capture.refunds.first(where: { $0.id == id }) {
                    return (refund, CapturePlace(order: order, unit: unit, capture: index))
                }
            }
        }
        throw .unknown()
    }

    private func reply(toRefund id: String, _ ask: PayPalAsk, status: Int) throws(PayPalProblem) -> PayPalReply {
        let (refund, place) = try place(ofRefund: id)
        let whole = refundJSON(refund, of: place.found, ask.base)
        guard !ask.wantsRepresentation else { return PayPalReply(status, whole) }
        return PayPalReply(
            status,
            .of(["id": whole["id"], "status": whole["status"], "links": whole["links"]])
        )
    }

    // MARK: As an answer

    func refundJSON(_ refund: PayPalRefund, of capture: PayPalCapture, _ base: String) -> SandboxJSON {
        let net = refund.amount.minor - refund.fee.minor - refund.platformFee
        return .of([
            "id": .string(refund.id),
            "status": .string(refund.status.rawValue),
            "status_details": refund.status == .pending ? .of(["reason": "ECHECK"]) : nil,
            "amount": refund.amount.json,
            "invoice_id": refund.invoiceID.map { .string($0) },
            "custom_id": refund.customID.map { .string($0) },
            "note_to_payer": refund.note.map { .string($0) },
            "seller_payable_breakdown": .of([
                "gross_amount": refund.amount.json,
                "paypal_fee": refund.fee.json,
                "platform_fees": refund.platformFee > 0
                    ? .array([.of(["amount": refund.amount.with(refund.platformFee).json])]) : nil,
                "net_amount": refund.amount.with(net).json,
                "total_refunded_amount": refund.amount.with(refund.total).json,
            ]),
            "create_time": .string(PayPalTime.pacific(refund.createdAt)),
            "update_time": .string(PayPalTime.pacific(refund.createdAt)),
            "links": .array([
                link("\(base)/v2/payments/refunds/\(refund.id)", "self", "GET"),
                link("\(base)/v2/payments/captures/\(capture.id)", "up", "GET"),
            ]),
        ])
    }
}
