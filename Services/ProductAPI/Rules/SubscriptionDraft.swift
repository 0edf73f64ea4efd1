internal import Domain
internal import Foundation
internal import HTTPTypes
internal import PayPal

/// A subscription as a shop wants it, checked.
struct SubscriptionDraft {
    let order: OrderDraft
    let source: VaultSubscription.Source
    let frequency: BillingFrequency
    /// As the shop spelled it.
    let interval: String
    let thriveOrderID: Int64
    let trialDays: Int
    let description: String?

    /// Checks `data` of the body: all that an order has, and how it recurs.
    ///
    /// Errors: 422, fields that are missing or bad in one shape, rules of methods and trials in the other.
    init(_ body: JSON, for merchant: Merchant) throws(ShopError) {
        order = try OrderDraft(body, for: merchant)
        let data = body["data"]
        trialDays = try Self.trialDays(data)
        try Self.checkMethods(data)

        var fields = Fields(body)
        if data["purchase_units"].array.count != 1 {
            fields.complain("data.purchase_units", "A subscription has one purchase unit.")
        }
        if data["intent"].string != "CAPTURE" {
            fields.complain("data.intent", "The data.intent field of a subscription must be CAPTURE.")
        }
        let name = data["source"].string ?? ""
        if name.isEmpty { fields.complain("data.source", "The data.source field is required.") }
        let source = VaultSubscription.Source(rawValue: name)
        if source == nil, !name.isEmpty {
            fields.complain("data.source", "The data.source field must be paypal, card, venmo or apple_pay.")
        }
        let interval = data["recurring_times"].string ?? ""
        if interval.isEmpty { fields.complain("data.recurring_times", "The data.recurring_times field is required.") }
        let frequency = BillingFrequency(recurringTimes: interval)
        if frequency == nil, !interval.isEmpty {
            let list = BillingFrequency.recurringTimes.joined(separator: ", ")
            fields.complain("data.recurring_times", "The data.recurring_times field must be one of \(list).")
        }
        let thriveOrderID = data["thrive_order_id"].int.map(Int64.init)
        if thriveOrderID == nil {
            fields.complain(
                "data.thrive_order_id",
                "The data.thrive_order_id field is required and must be an integer."
            )
        }
        try fields.check()
        guard let source, let frequency, let thriveOrderID else { throw ShopError(fields: []) }
        self.source = source
        self.frequency = frequency
        self.interval = interval
        self.thriveOrderID = thriveOrderID
        description = data["purchase_units"][0]["description"].string?.cut(to: 127)
    }

    /// Vault-first never charges a buyer whose payment method can't be charged again. The wallet and, for a trial, cards can
    /// do it; the others are kept by their first charge. Source: the document, "Which flow does each method use?".
    var flow: VaultSubscription.Flow {
        switch source {
        case .paypal: .vaultFirst
        case .card: trialDays > 0 ? .vaultFirst : .captureFirst
        case .venmo, .applePay: .captureFirst
        }
    }

    func subscription(
        _ payPalID: String,
        customerID: String?,
        of merchant: Merchant,
        at now: Date
    ) -> VaultSubscription {
        VaultSubscription(
            id: .new(at: now),
            merchant: merchant.id,
            payPalID: payPalID,
            flow: flow,
            source: source,
            thriveOrderID: thriveOrderID,
            amount: order.amount,
            frequency: frequency,
            interval: interval,
            description: description,
            trialDays: trialDays,
            customerID: customerID,
            createdAt: now
        )
    }

    // MARK: Rules

    /// More than ten years is no trial.
    private static let longestTrial = 3660

    private static func trialDays(_ data: JSON) throws(ShopError) -> Int {
        let days: Int
        switch data["trial_days"] {
        case .null: return 0
        case .number(let text):
            guard let number = Int(text), (0...longestTrial).contains(number) else { fallthrough }
            days = number
        default:
            throw ShopError(.unprocessableContent, "trial_days must be a non-negative integer.")
        }
        guard days > 0 else { return 0 }
        let source = data["source"].string ?? ""
        guard ["paypal", "card"].contains(source) else {
            throw ShopError(
                .unprocessableContent,
                "A free trial is not possible with this payment method.",
                more: [("eligible", ["paypal", "card"])]
            )
        }
        guard let interval = data["recurring_times"].string, !interval.isEmpty else {
            throw ShopError(.unprocessableContent, "A free trial requires recurring_times.")
        }
        return days
    }

    private static func checkMethods(_ data: JSON) throws(ShopError) {
        let named = AlternativeMethod.named(in: data["payment_source"])
        let source = data["source"].string ?? ""
        let labels = named.map(\.label) + AlternativeMethod.all.filter { $0.key == source }.map(\.label)
        guard labels.isEmpty else {
            throw ShopError(
                .unprocessableContent,
                "This payment method can't be used for subscriptions.",
                errors: labels.map { "\($0) can't be charged again without the buyer." }
            )
        }
    }
}
