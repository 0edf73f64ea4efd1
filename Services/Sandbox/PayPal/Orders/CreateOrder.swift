internal import Foundation

extension Books {
    // MARK: POST /v2/checkout/orders

    /// Makes an order; one that names all that a payment takes is paid at once.
    mutating func createOrder(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        if let known = memory.result(ask, at: now), case .order(let id) = known, let order = orders[id] {
            return reply(order, ask, status: 200)
        }
        if let id = ask.requestID, id.utf8.count > 108 {
            throw .invalid("INVALID_STRING_LENGTH", field: "PayPal-Request-Id", in: "header")
        }
        var order = try newOrder(try ask.json(), ask)
        if order.source?.paysAtOnce == true, order.intent == "CAPTURE" {
            guard ask.requestID != nil else {
                throw .invalid("PAYPAL_REQUEST_ID_REQUIRED", field: "PayPal-Request-Id", in: "header")
            }
            if order.source?.card?.authentication?.isChallenge == true, wantsChallenge(order) {
                order.status = .payerActionRequired
            } else {
                try pay(&order, ask)
            }
        }
        keep(order)
        memory.keep(.order(order.id), of: ask, at: now)
        return reply(order, ask, status: 201)
    }

    /// With `SCA_WHEN_REQUIRED` nobody in the US is asked, whatever the card.
    func wantsChallenge(_ order: PayPalOrder) -> Bool {
        order.source?.given.at("attributes", "verification", "method")?.text == "SCA_ALWAYS"
    }

    mutating func keep(_ order: PayPalOrder) {
        guard let forgotten = orders.add(order, id: order.id) else { return }
        for capture in forgotten.units.flatMap(\.captures) {
            captures[capture.id] = nil
            for refund in capture.refunds { refunds[refund.id] = nil }
        }
    }

    private mutating func newOrder(_ json: SandboxJSON, _ ask: PayPalAsk) throws(PayPalProblem) -> PayPalOrder {
        guard let intent = json["intent"]?.text else { throw .invalid("MISSING_REQUIRED_PARAMETER", field: "/intent") }
        guard ["CAPTURE", "AUTHORIZE"].contains(intent) else {
            throw .invalid("INVALID_PARAMETER_VALUE", field: "/intent", value: intent)
        }
        let given = json["purchase_units", default: []].values
        guard !given.isEmpty else { throw .invalid("MISSING_REQUIRED_PARAMETER", field: "/purchase_units") }
        guard given.count <= 10 else { throw .invalid("INVALID_ARRAY_MAX_ITEMS", field: "/purchase_units") }
        var units: [PurchaseUnit] = []
        for (index, unit) in given.enumerated() {
            units.append(try purchaseUnit(unit, at: "/purchase_units/\(index)", isOnly: given.count == 1, ask))
        }
        guard Set(units.map(\.amount.currency)).count == 1 else { throw .refused("MULTI_CURRENCY_ORDER") }

        let source = try paymentSource(json, ask, payee: units[0].merchant)
        let context = json["application_context"]
        let experience = source?.given["experience_context"]
        for name in ["return_url", "cancel_url"] where context?[name] != nil && experience?[name] != nil {
            throw .refused("INCOMPATIBLE_PARAMETER_VALUE", field: "/application_context/\(name)")
        }
        let completes = json["processing_instruction"]?.text == "ORDER_COMPLETE_ON_PAYMENT_APPROVAL"
        if source?.kind == .trustly, !completes {
            throw .refused("ORDER_COMPLETE_ON_PAYMENT_APPROVAL", field: "/processing_instruction")
        }
        return PayPalOrder(
            id: numbers.long(),
            intent: intent,
            status: source.map { Self.firstStatus($0) } ?? .created,
            units: units,
            source: source,
            returnURL: (experience ?? context)?["return_url"]?.text ?? context?["return_url"]?.text,
            cancelURL: (experience ?? context)?["cancel_url"]?.text ?? context?["cancel_url"]?.text,
            completesOnApproval: completes,
            createdAt: now,
            updatedAt: now
        )
    }

    /// A wallet or a bank has to ask its owner; card fields are filled in on the shop's page.
    private static func firstStatus(_ source: PaymentSource) -> PayPalOrder.Status {
        if source.paysAtOnce { return .approved }
        return source.kind == .paypal || source.kind == .venmo || source.kind.isBank ? .payerActionRequired : .created
    }

    // MARK: What is paid

    private func purchaseUnit(_ json: SandboxJSON, at field: String, isOnly: Bool, _ ask: PayPalAsk)
        throws(PayPalProblem)
        -> PurchaseUnit
    {
        let amount = try PayPalAmount(json["amount"], at: field + "/amount")
        guard amount.minor > 0 else { throw .refused("CANNOT_BE_ZERO_OR_NEGATIVE", field: field + "/amount/value") }
        try checkTotals(json, amount, field)
        for (name, limit) in [("invoice_id", 127), ("custom_id", 255), ("description", 127)] {
            if let text = json[name]?.text, !(1...limit).contains(text.utf8.count) {
                throw .invalid("INVALID_STRING_LENGTH", field: "\(field)/\(name)", value: text)
            }
        }
        guard isOnly || json["reference_id"]?.text != nil else { throw .refused("REFERENCE_ID_REQUIRED", field: field) }

        let payee =
            json.at("payee", "merchant_id")?.text
            ?? json.at("payee", "email_address")?.text.flatMap { email in
                merchants.values.first { $0.email == email }?.id
            }
        let merchant = payee ?? owner(of: ask)
        guard merchant == settings.partnerMerchantID || merchants[merchant]?.isProvisioned == true else {
            throw .refused("PAYEE_ACCOUNT_INVALID", field: field + "/payee")
        }
        guard merchants[merchant]?.isConnected ?? true else { throw .forbidden() }
        guard merchants[merchant]?.isReceivable ?? true else { throw .refused("PAYEE_ACCOUNT_RESTRICTED") }

        var unit = json.normalized
        if unit["reference_id"] == nil { unit.set("reference_id", "default") }
        unit.set("payee", payeeJSON(merchant))
        let fees = json.at("payment_instruction", "platform_fees")?.values ?? []
        var platformFee: Int64 = 0
        for fee in fees {
            platformFee += try PayPalAmount(fee["amount"], at: field + "/payment_instruction/platform_fees").minor
        }
        guard platformFee < amount.minor else { throw .refused("INVALID_PLATFORM_FEES_AMOUNT", field: field) }
        let invoice = json["invoice_id"]?.text
        try refuseDuplicate(invoice, of: merchant)
        return PurchaseUnit(
            json: unit,
            amount: amount,
            merchant: merchant,
            invoiceID: invoice,
            customID: json["custom_id"]?.text,
            platformFees: fees.map(\.normalized),
            platformFee: platformFee
        )
    }

    func refuseDuplicate(_ invoice: String?, of merchant: String) throws(PayPalProblem) {
        guard let invoice, merchants[merchant]?.blocksDuplicateInvoices == true,
            invoices[merchant]?.contains(invoice) == true
        else { return }
        throw .refused("DUPLICATE_INVOICE_ID")
    }

    private func payeeJSON(_ merchant: String) -> SandboxJSON {
        .of([
            "email_address": .string(merchants[merchant]?.email ?? "partner@example.com"),
            "merchant_id": .string(merchant),
        ])
    }

    /// The items make up the item total, and the parts the whole.
    private func checkTotals(_ json: SandboxJSON, _ amount: PayPalAmount, _ field: String) throws(PayPalProblem) {
        let items = json["items", default: []].values
        guard let breakdown = json.at("amount", "breakdown"), breakdown.isObject else {
            guard items.isEmpty else { throw .refused("ITEM_TOTAL_REQUIRED", field: field + "/amount/breakdown") }
            return
        }
        var sum: Int64 = 0
        for part in breakdown.members {
            let minor = try PayPalAmount(part.value, at: "\(field)/amount/breakdown/\(part.name)").minor
            sum += part.name.hasSuffix("discount") ? -minor : minor
        }
        guard sum == amount.minor else { throw .refused("AMOUNT_MISMATCH", field: field + "/amount/value") }
        guard !items.isEmpty else { return }
        guard let total = breakdown["item_total"] else { throw .refused("ITEM_TOTAL_REQUIRED", field: field) }
        var itemSum: Int64 = 0
        for item in items {
            let price = try PayPalAmount(item["unit_amount"], at: field + "/items").minor
            guard let quantity = item["quantity"]?.plain.flatMap({ Int64($0) }), (0...1_000_000).contains(quantity)
            else {
                throw .invalid("INVALID_PARAMETER_SYNTAX", field: field + "/items")
            }
            let (line, overflow) = price.multipliedReportingOverflow(by: quantity)
            guard !overflow, line < 1_000_000_000_000_000 else { throw .refused("MAX_VALUE_EXCEEDED", field: field) }
            itemSum += line
        }
        guard itemSum == (try PayPalAmount(total, at: field).minor) else {
            throw .refused("ITEM_TOTAL_MISMATCH", field: field + "/items")
        }
    }
}
