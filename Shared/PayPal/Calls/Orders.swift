package import Domain

extension PayPalClient {
    /// Creates an order from the document as it is; the payee is the caller's to set.
    ///
    /// The same request id again answers the first order, whatever is asked.
    package func createOrder(
        _ order: JSON,
        of merchant: String,
        details: CallDetails = CallDetails()
    ) async -> PayPalReply<OrderAnswer> {
        await send(
            PayPalCall("orders.create", .post, "/v2/checkout/orders", body: order, merchant: merchant).with(details)
        )
        .reading { $0.json.flatMap(OrderAnswer.init) }
    }

    package func order(_ id: String, of merchant: String) async -> PayPalReply<OrderAnswer> {
        await send(
            PayPalCall("orders.get", .get, "/v2/checkout/orders" + PayPalCall.path(id), merchant: merchant)
        )
        .reading { $0.json.flatMap(OrderAnswer.init) }
    }

    // MARK: Captures

    package func capture(_ id: String, of merchant: String) async -> PayPalReply<CaptureAnswer> {
        await send(
            PayPalCall("captures.get", .get, "/v2/payments/captures" + PayPalCall.path(id), merchant: merchant)
        )
        .reading { $0.json.flatMap(CaptureAnswer.init) }
    }

    /// Gives back the whole capture, or `amount` of it.
    ///
    /// Safe to send again for 45 days with the same request id, which must come from the capture and not from the clock:
    /// another id is another refund.
    package func refund(
        capture id: String,
        of merchant: String,
        amount: Money? = nil,
        note: String? = nil,
        details: CallDetails
    ) async -> PayPalReply<RefundAnswer> {
        let body: JSON = ["amount": amount?.json ?? .null, "note_to_payer": JSON(note?.cut(to: 255))]
        return await send(
            PayPalCall(
                "captures.refund",
                .post,
                "/v2/payments/captures" + PayPalCall.path(id, "refund"),
                body: body.compacted,
                merchant: merchant,
                patience: .long
            )
            .with(details)
        )
        .reading { $0.json.flatMap(RefundAnswer.init) }
    }

    package func refund(_ id: String, of merchant: String) async -> PayPalReply<RefundAnswer> {
        await send(
            PayPalCall("refunds.get", .get, "/v2/payments/refunds" + PayPalCall.path(id), merchant: merchant)
        )
        .reading { $0.json.flatMap(RefundAnswer.init) }
    }
}
