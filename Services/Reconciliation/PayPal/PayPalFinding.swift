import Domain
import Foundation
import PayPal
import Store

/// Something that PayPal's books tell and ours do not, as the event that should have come.
struct PayPalFinding: Sendable {
    let event: PayPalEvent
    /// The event's bytes.
    let body: [UInt8]
    let kind: Discrepancy.Kind
    var merchant: Merchant.ID?
    var order: String?

    /// An event out of PayPal's own list; nil for what names none.
    init?(listed json: JSON) {
        self.init(json, .message)
    }

    /// What was found before.
    init?(_ discrepancy: Discrepancy) {
        guard let json = JSON(parsing: discrepancy.body) else { return nil }
        self.init(json, discrepancy.kind)
        merchant = discrepancy.merchant
        order = discrepancy.order
    }

    private init?(_ json: JSON, _ kind: Discrepancy.Kind) {
        let body = json.bytes
        guard let event = PayPalEvent(body) else { return nil }
        self.event = event
        self.body = body
        self.kind = kind
    }

    // MARK: Events that PayPal's list does not have (any more), made of what the books say

    /// What a capture should have told. Its state is PayPal's of now; what was given back has an event of its own.
    init?(_ capture: CaptureAnswer, of merchant: Merchant, order: String?) {
        let type: String
        switch capture.status {
        case "PENDING": type = "PENDING"
        case "DECLINED", "FAILED": type = "DENIED"
        case "COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED": type = "COMPLETED"
        default: return nil
        }
        var resource = capture.json
        if capture.orderID == nil, let order {
            resource = resource.setting("supplementary_data", ["related_ids": ["order_id": .string(order)]])
        }
        if resource["payee"]["merchant_id"].string == nil {
            resource = resource.setting("payee", ["merchant_id": .string(merchant.payPalID)])
        }
        self.init(
            made: "PAYMENT.CAPTURE.\(type)",
            "capture",
            of: resource,
            name: "CAPTURE-\(capture.id)-\(type)",
            .capture,
            merchant,
            order: order ?? capture.orderID
        )
    }

    /// What a refund should have told.
    init?(_ refund: RefundAnswer, of merchant: Merchant, capture: String?, order: String? = nil) {
        let type: String
        switch refund.status {
        case "COMPLETED": type = "PAYMENT.CAPTURE.REFUNDED"
        case "PENDING": type = "PAYMENT.REFUND.PENDING"
        case "FAILED", "CANCELLED": type = "PAYMENT.REFUND.FAILED"
        default: return nil
        }
        var resource = refund.json
        if refund.captureID == nil, let capture { resource = resource.setting("capture_id", .string(capture)) }
        if resource["payer"]["merchant_id"].string == nil {
            resource = resource.setting("payer", ["merchant_id": .string(merchant.payPalID)])
        }
        self.init(
            made: type,
            "refund",
            of: resource,
            name: "REFUND-\(refund.id)-\(refund.status)",
            .refund,
            merchant,
            order: order
        )
    }

    /// What the bank's taking back of a capture should have told. PayPal's search is all that tells it.
    init?(reversal row: MoneyRow, of merchant: Merchant) {
        let resource: JSON = [
            "id": .string(row.id), "status": "COMPLETED", "amount": row.amount, "capture_id": .string(row.capture),
            "create_time": JSON(row.time), "payer": ["merchant_id": .string(merchant.payPalID)],
        ]
        self.init(
            made: "PAYMENT.CAPTURE.REVERSED",
            "refund",
            of: resource.compacted,
            name: "REVERSAL-\(row.id)",
            .refund,
            merchant,
            order: nil
        )
    }

    /// What an order without a payment should have told.
    init?(_ order: OrderAnswer, of merchant: Merchant) {
        guard ["APPROVED", "COMPLETED", "VOIDED"].contains(order.status) else { return nil }
        self.init(
            made: "CHECKOUT.ORDER.\(order.status)",
            "checkout-order",
            of: order.json,
            name: "ORDER-\(order.id)-\(order.status)",
            .order,
            merchant,
            order: order.id
        )
    }

    /// What a vault token should have told when it was made.
    init?(token: String, source: String?, customer: String, for subscription: VaultSubscription, of merchant: Merchant)
    {
        let resource: JSON = [
            "id": .string(token), "customer": ["id": .string(customer)],
            "payment_source": source.map { .object([JSON.Member($0, .object([]))]) } ?? .null,
            "metadata": ["order_id": .string(subscription.payPalID)],
        ]
        self.init(
            made: "VAULT.PAYMENT-TOKEN.CREATED",
            "payment_token",
            of: resource.compacted,
            name: "VAULT-\(subscription.id)",
            .vaultToken,
            merchant,
            order: subscription.payPalID
        )
    }

    /// - Parameter name: the same for the same news; what begins so is no id of PayPal's.
    private init?(
        made type: String,
        _ resourceType: String,
        of resource: JSON,
        name: String,
        _ kind: Discrepancy.Kind,
        _ merchant: Merchant,
        order: String?
    ) {
        let time = resource["update_time"].string ?? resource["create_time"].string
        let json: JSON = [
            "id": .string("GATEHOUSE-" + name), "event_version": "1.0", "create_time": JSON(time),
            "resource_type": .string(resourceType), "event_type": .string(type), "resource": resource,
        ]
        self.init(json.compacted, kind)
        self.merchant = merchant.id
        self.order = order
    }

    // MARK: What it means

    /// Whether anybody may lose something by it.
    var takesAway: Bool {
        switch event.fact {
        case .refund, .consentRevoked, .vaultTokenGone: true
        case .capture(let capture): capture.status == .declined || capture.status == .failed
        case .refundChanged, .order, .onboarded, .vaultTokenMade, .dispute, .other: false
        }
    }

    /// The same whenever it is found.
    var key: String { "event/\(event.id)" }
}
