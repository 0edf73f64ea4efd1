extension Books {
    // MARK: GET /v2/payments/captures/{id}

    func showCapture(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let place = try place(ofCapture: ask.id)
        let order = place.order
        try mayMove(order.units[place.unit].merchant, ask)
        let unit = order.units[place.unit]
        return PayPalReply(200, captureJSON(unit.captures[place.capture], unit, order, ask.base, isAlone: true))
    }

    struct CapturePlace {
        var order: PayPalOrder
        var unit: Int
        var capture: Int

        var found: PayPalCapture { order.units[unit].captures[capture] }
    }

    func place(ofCapture id: String) throws(PayPalProblem) -> CapturePlace {
        guard let orderID = captures[id], let order = orders[orderID] else { throw .unknown() }
        for (unit, part) in order.units.enumerated() {
            if let capture = part.captures.firstIndex(where: { $0.id == id }) {
                return CapturePlace(order: order, unit: unit, capture: capture)
            }
        }
        throw .unknown()
    }

    /// Another's capture can be read and refunded only with an assertion that names its merchant.
    func mayMove(_ merchant: String, _ ask: PayPalAsk) throws(PayPalProblem) {
        guard owner(of: ask) == merchant else { throw .forbidden() }
    }

    // MARK: As an answer

    func captureJSON(
        _ capture: PayPalCapture,
        _ unit: PurchaseUnit,
        _ order: PayPalOrder,
        _ base: String,
        isAlone: Bool
    )
        -> SandboxJSON
    {
        let own = "\(base)/v2/payments/captures/\(capture.id)"
        return .of([
            "id": .string(capture.id),
            "status": .string(capture.status.rawValue),
            "status_details": capture.reason.map { .of(["reason": .string($0)]) },
            "amount": capture.amount.json,
            "invoice_id": unit.invoiceID.map { .string($0) },
            "custom_id": unit.customID.map { .string($0) },
            "final_capture": true,
            "disbursement_mode": isAlone ? nil : "INSTANT",
            "seller_protection": protection(capture),
            "seller_receivable_breakdown": breakdown(capture, unit),
            "payee": isAlone ? unit.json["payee"] : nil,
            "supplementary_data": isAlone
                ? .of(["related_ids": .of(["order_id": .string(order.id)])]) : nil,
            "processor_response": capture.responseCode.map { code in
                .of([
                    "avs_code": code == "0000" ? "Y" : "G",
                    "cvv_code": code == "0000" ? "M" : nil,
                    "response_code": .string(code),
                    "payment_advice_code": capture.adviceCode.map { .string($0) },
                ])
            },
            "create_time": .string(PayPalTime.utc(capture.createdAt)),
            "update_time": .string(PayPalTime.utc(capture.updatedAt)),
            "links": .array([
                link(own, "self", "GET"), link(own + "/refund", "refund", "POST"),
                link("\(base)/v2/checkout/orders/\(order.id)", "up", "GET"),
            ]),
        ])
    }

    private func protection(_ capture: PayPalCapture) -> SandboxJSON {
        guard capture.status != .declined else { return .of(["status": "NOT_ELIGIBLE"]) }
        return .of([
            "status": "ELIGIBLE",
            "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
        ])
    }

    private func breakdown(_ capture: PayPalCapture, _ unit: PurchaseUnit) -> SandboxJSON {
        let net = max(0, capture.amount.minor - capture.fee.minor - unit.platformFee)
        return .of([
            "gross_amount": capture.amount.json,
            "paypal_fee": capture.fee.json,
            "platform_fees": unit.platformFees.isEmpty ? nil : .array(unit.platformFees),
            "net_amount": capture.amount.with(net).json,
        ])
    }
}
