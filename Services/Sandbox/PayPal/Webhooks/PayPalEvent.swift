internal import Foundation

/// Something that happened, as the partner's webhooks are told.
struct PayPalEvent: Sendable {
    var id: String
    var type: String
    var merchant: String?
    var createdAt: Date
    /// The bytes that are sent, the same at each try.
    var body: [UInt8]
    /// Made up by the simulator, which keeps it out of the list of what happened.
    var isSimulated = false
}

extension Books {
    /// Writes an event down and hands it over for delivery.
    mutating func tell(
        _ type: String,
        _ resourceType: String,
        _ version: String?,
        _ summary: String,
        _ resource: SandboxJSON,
        merchant: String? = nil
    ) {
        let id = numbers.event()
        let own = "\(base)/v1/notifications/webhooks-events/\(id)"
        let json = SandboxJSON.of([
            "id": .string(id),
            "event_version": "1.0",
            "create_time": .string(PayPalTime.milliseconds(now)),
            "resource_type": .string(resourceType),
            "resource_version": version.map { .string($0) },
            "event_type": .string(type),
            "summary": .string(summary),
            "resource": resource,
            "links": .array([link(own, "self", "GET"), link(own + "/resend", "resend", "POST")]),
        ])
        let event = PayPalEvent(
            id: id,
            type: type,
            merchant: merchant ?? resource["merchant_id"]?.text,
            createdAt: now,
            body: json.bytes
        )
        events.add(event, id: id)
        deliver(event)
    }

    // MARK: Orders and captures

    mutating func tellApproved(_ order: PayPalOrder) {
        tell(
            "CHECKOUT.ORDER.APPROVED",
            "checkout-order",
            "2.0",
            "An order has been approved by buyer",
            orderJSON(order, base),
            merchant: order.merchant
        )
    }

    mutating func tellCompleted(_ order: PayPalOrder) {
        tell(
            "CHECKOUT.ORDER.COMPLETED",
            "checkout-order",
            "2.0",
            "Checkout Order Completed",
            orderJSON(order, base),
            merchant: order.merchant
        )
    }

    mutating func tellApprovalReversed(_ order: PayPalOrder) {
        tell(
            "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
            "payment-approval",
            "2.0",
            "A payment has been reversed after approval.",
            .of([
                "order_id": .string(order.id),
                "purchase_units": .array(order.units.map(\.json)),
                "payment_source": sourceJSON(order, base),
            ]),
            merchant: order.merchant
        )
    }

    mutating func tell(_ capture: PayPalCapture, _ unit: PurchaseUnit, _ order: PayPalOrder) {
        let type: String
        let summary: String
        switch capture.status {
        case .pending: (type, summary) = ("PAYMENT.CAPTURE.PENDING", "Payment pending for")
        case .declined, .failed: (type, summary) = (settings.declinedEvent.rawValue, "Payment denied for")
        default: (type, summary) = ("PAYMENT.CAPTURE.COMPLETED", "Payment completed for")
        }
        tell(
            type,
            "capture",
            "2.0",
            "\(summary) \(Self.words(capture.amount))",
            captureJSON(capture, unit, order, base, isAlone: true),
            merchant: unit.merchant
        )
    }

    /// A refund that is on its way or failed has an event of its own; one that is done is told as the capture's.
    mutating func tell(_ refund: PayPalRefund, _ place: CapturePlace) {
        let unit = place.order.units[place.unit]
        let type =
            switch refund.status {
            case .pending: "PAYMENT.REFUND.PENDING"
            case .failed, .cancelled: "PAYMENT.REFUND.FAILED"
            case .completed: refund.isReversal ? "PAYMENT.CAPTURE.REVERSED" : "PAYMENT.CAPTURE.REFUNDED"
            }
        var resource = refundJSON(refund, of: place.found, base)
        resource.set(
            "payer",
            .of([
                "email_address": .string(merchants[unit.merchant]?.email ?? "partner@example.com"),
                "merchant_id": .string(unit.merchant),
            ])
        )
        let done = refund.isReversal ? "reversed" : "refunded"
        tell(
            type,
            "refund",
            "2.0",
            "A \(Self.words(refund.amount)) capture payment was \(done)",
            resource,
            merchant: unit.merchant
        )
    }

    private static func words(_ amount: PayPalAmount) -> String { "\(amount.value) \(amount.currency)" }

    // MARK: The vault

    mutating func tell(created token: PaymentToken) {
        var resource = tokenJSON(token, base)
        resource.set("time_created", .string(PayPalTime.utc(token.createdAt).dropLast() + ".000PDT"))
        tell(
            "VAULT.PAYMENT-TOKEN.CREATED",
            "payment_token",
            "3.0",
            "A payment token has been created.",
            resource,
            merchant: token.merchant
        )
    }

    mutating func tell(deleted token: PaymentToken) {
        tell(
            "VAULT.PAYMENT-TOKEN.DELETED",
            "payment_token",
            "3.0",
            "A payment token has been deleted.",
            .of(["id": .string(token.id), "customer": .of(["id": .string(token.customer)])]),
            merchant: token.merchant
        )
    }

    // MARK: Disputes

    mutating func tell(_ change: DisputeChange, _ dispute: String, _ place: CapturePlace) {
        let capture = place.found
        let unit = place.order.units[place.unit]
        let payer = place.order.payer ?? .usual
        let isOver = change == .resolved
        tell(
            "CUSTOMER.DISPUTE.\(change.rawValue)",
            "dispute",
            nil,
            isOver ? "A dispute was resolved with case # \(dispute)" : "A dispute opened with Case # \(dispute)",
            .of([
                "dispute_id": .string(dispute),
                "create_time": .string(PayPalTime.milliseconds(capture.createdAt)),
                "update_time": .string(PayPalTime.milliseconds(now)),
                "disputed_transactions": .array([
                    .of([
                        "seller_transaction_id": .string(capture.id),
                        "seller": .of(["merchant_id": .string(unit.merchant)]),
                        "buyer": .of(["name": .string("\(payer.givenName) \(payer.surname)")]),
                    ])
                ]),
                "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
                "status": isOver ? "RESOLVED" : "OPEN",
                "dispute_amount": capture.amount.json,
                "dispute_outcome": isOver
                    ? .of(["outcome_code": "RESOLVED_SELLER_FAVOUR", "amount_refunded": capture.amount.with(0).json])
                    : nil,
                "dispute_life_cycle_stage": "INQUIRY",
                "links": .array([link("\(base)/v1/customer/disputes/\(dispute)", "self", "GET")]),
            ]),
            merchant: unit.merchant
        )
    }
}
