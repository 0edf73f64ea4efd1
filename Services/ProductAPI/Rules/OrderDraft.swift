internal import Domain
internal import HTTPTypes
internal import PayPal

/// An order as a shop wants it, checked and made ready for PayPal.
struct OrderDraft {
    /// What PayPal is sent.
    private(set) var order: JSON
    /// The first unit's; a shop's orders have one.
    let amount: Money

    /// Checks `data` of the body.
    ///
    /// Errors: 422, fields that are missing or bad in one shape, rules of payment methods in the other.
    init(_ body: JSON, for merchant: Merchant) throws(ShopError) {
        var fields = Fields(body)
        let data = body["data"]
        guard case .object = data else {
            fields.complain("data", "The data field is required.")
            try fields.check()
            throw ShopError(fields: [])
        }
        Self.checkIntent(data, &fields)
        let amounts = Self.amounts(data, &fields)
        try fields.check()
        guard let amount = amounts.first else { throw ShopError(fields: []) }
        self.amount = amount
        order = Self.owned(data, by: merchant)
        try Self.checkSource(data, currency: amount.currency)
        fillReturnAddresses(with: merchant.siteURL)
    }

    // MARK: Fields

    private static func checkIntent(_ data: JSON, _ fields: inout Fields) {
        switch data["intent"] {
        case .string("CAPTURE"), .string("AUTHORIZE"): break
        case .null: fields.complain("data.intent", "The data.intent field is required.")
        default: fields.complain("data.intent", "The data.intent field must be CAPTURE or AUTHORIZE.")
        }
    }

    private static func amounts(_ data: JSON, _ fields: inout Fields) -> [Money] {
        let units = data["purchase_units"].array
        guard (1...10).contains(units.count) else {
            fields.complain("data.purchase_units", "The data.purchase_units field must have 1 to 10 items.")
            return []
        }
        return units.enumerated().compactMap { index, unit in
            let name = "data.purchase_units.\(index).amount"
            let amount = unit["amount"]
            guard let currency = amount["currency_code"].string else {
                fields.complain(name + ".currency_code", "The \(name).currency_code field is required.")
                return nil
            }
            guard let value = amount["value"].string else {
                fields.complain(name + ".value", "The \(name).value field is required and must be a string.")
                return nil
            }
            guard let money = Money(value, currency), money.minorUnits > 0 else {
                fields.complain(
                    name + ".value",
                    "The \(name).value field must be an amount of the currency, such as 49.00."
                )
                return nil
            }
            return money
        }
    }

    // MARK: Ownership

    /// With the merchant as the payee of every unit, whatever the shop wrote: money goes to who is connected.
    ///
    /// A `custom_id` is cut to the 127 characters that PayPal takes.
    private static func owned(_ data: JSON, by merchant: Merchant) -> JSON {
        let units = data["purchase_units"].array.map { unit in
            var unit = unit.setting("payee", ["merchant_id": .string(merchant.payPalID)])
            if let custom = unit["custom_id"].string {
                unit = unit.setting("custom_id", .string(custom.cut(to: 127)))
            }
            return unit
        }
        return data.setting("purchase_units", .array(units))
    }

    // MARK: Payment methods

    private static func checkSource(_ data: JSON, currency: String) throws(ShopError) {
        let source = data["payment_source"]
        var problems: [String] = []
        for method in AlternativeMethod.named(in: source) {
            problems += method.problems(source[method.key], order: data, currency: currency)
        }
        // Because a vault token is money: it is charged by its subscription's renewals and nothing else, so that no period
        // is paid twice, and no shop charges a token that it came by.
        if source["token"] != .null || source.members.contains(where: { !$0.value["vault_id"].isNull }) {
            problems.append("A stored payment method is charged by its subscription.")
        }
        guard problems.isEmpty else {
            throw ShopError(.unprocessableContent, "The payment source can't be used like this.", errors: problems)
        }
    }

    /// PayPal takes return addresses in one place only: where the shop wrote them for the method, ours stay out.
    private mutating func fillReturnAddresses(with siteURL: String) {
        let isGiven = order["payment_source"].members.contains { member in
            let context = member.value["experience_context"]
            return !context["return_url"].isNull || !context["cancel_url"].isNull
        }
        guard !isGiven else { return }
        var context = order["application_context"]
        for name in ["return_url", "cancel_url"] where (context[name].string ?? "").isEmpty {
            context = context.setting(name, .string(siteURL))
        }
        order = order.setting("application_context", context)
    }

    // MARK: For subscriptions

    /// The same order, that keeps the payment method in the vault when it is paid.
    func keeping(_ source: VaultSubscription.Source) -> JSON {
        let block = order["payment_source"][source.rawValue]
        var attributes = block["attributes"]
        attributes = attributes.setting("vault", ["store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT"])
        var order = order.setting("payment_source", [(source.rawValue): block.setting("attributes", attributes)])
        for name in Self.ourOwn { order = order.removing(name) }
        return order
    }

    /// The method's block for the vault alone, with the addresses where the buyer comes back.
    func setup(_ source: VaultSubscription.Source) -> JSON {
        let given = order["payment_source"][source.rawValue]["experience_context"]
        let common = order["application_context"]
        var context: JSON = [
            "return_url": given["return_url"].isNull ? common["return_url"] : given["return_url"],
            "cancel_url": given["cancel_url"].isNull ? common["cancel_url"] : given["cancel_url"],
        ]
        for name in ["brand_name", "locale", "shipping_preference"] {
            let value = given[name].isNull ? common[name] : given[name]
            if !value.isNull { context = context.setting(name, value) }
        }
        context = context.compacted
        return switch source {
        case .paypal:
            ["paypal": ["usage_type": "MERCHANT", "experience_context": context]]
        case .card, .venmo, .applePay:
            [(source.rawValue): ["experience_context": context]]
        }
    }

    /// What a subscription's data has beside an order's.
    private static let ourOwn = ["source", "recurring_times", "thrive_order_id", "trial_days"]
}
