internal import Foundation

extension Books {
    // MARK: POST /v2/checkout/orders/{id}/capture

    /// Takes the money of an approved order, or of one for which the request says how it is paid.
    mutating func captureOrder(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard var order = orders[ask.id] else { throw .unknown() }
        try mayUse(order, ask)
        if let known = memory.result(ask, at: now), case .order(let id) = known, let order = orders[id] {
            return reply(order, ask, status: 200)
        }
        let json = try ask.json()
        guard order.intent == "CAPTURE" else { throw .refused("ACTION_DOES_NOT_MATCH_INTENT") }
        switch order.status {
        case .completed:
            throw .refused(order.completesOnApproval ? "AUTO_CAPTURE_ENABLED" : "ORDER_ALREADY_CAPTURED")
        case .voided: throw .refused("ORDER_NOT_APPROVED")
        case .approved:
            if let approved = order.approvedAt, approved.addingTimeInterval(PayPalOrder.patience) <= now {
                throw .refused("ORDER_NOT_APPROVED")
            }
        case .created, .payerActionRequired:
            guard let source = try paymentSource(json, ask, payee: order.merchant), source.paysAtOnce else {
                throw .refused(order.status == .created ? "ORDER_NOT_APPROVED" : "PAYER_ACTION_REQUIRED")
            }
            order.source = source
        }
        try pay(&order, ask)
        orders[order.id] = order
        memory.keep(.order(order.id), of: ask, at: now)
        return reply(order, ask, status: 201)
    }

    /// A merchant sees and moves their own orders only.
    func mayUse(_ order: PayPalOrder, _ ask: PayPalAsk) throws(PayPalProblem) {
        guard let merchant = ask.actingFor, merchant != settings.partnerMerchantID else { return }
        guard order.units.contains(where: { $0.merchant == merchant }) else { throw .forbidden() }
    }

    // MARK: Paying

    /// Moves the money of each part, writes it down and tells about it. Throws where nothing was moved.
    mutating func pay(_ order: inout PayPalOrder, _ ask: PayPalAsk) throws(PayPalProblem) {
        for unit in order.units { try refuseDuplicate(unit.invoiceID, of: unit.merchant) }
        let verdict = try verdict(on: order, ask)
        order.status = .completed
        order.updatedAt = now
        if order.payer == nil, order.source?.kind != .card { order.payer = payer(of: order) }
        for index in order.units.indices {
            capture(unit: index, of: &order, verdict, ask)
        }
        if verdict.status == .completed || verdict.status == .pending { vault(&order, ask) }
        tellCompleted(order)
    }

    private func payer(of order: PayPalOrder) -> Buyer {
        guard let id = order.source?.vaultID, let token = paymentTokens[id] else { return .usual }
        return token.buyer
    }

    private mutating func capture(unit index: Int, of order: inout PayPalOrder, _ verdict: Verdict, _ ask: PayPalAsk) {
        let unit = order.units[index]
        let capture = PayPalCapture(
            id: numbers.long(),
            status: verdict.status,
            reason: verdict.reason,
            amount: unit.amount,
            fee: unit.amount.fee,
            responseCode: verdict.responseCode,
            adviceCode: verdict.adviceCode,
            createdAt: now,
            updatedAt: now
        )
        order.units[index].captures.append(capture)
        captures[capture.id] = order.id
        if capture.status == .completed { enter(capture, unit, order, ask.requestID, ask.call.rawValue) }
        tell(capture, unit, order)
    }

    /// Writes down that money was taken.
    mutating func enter(
        _ capture: PayPalCapture,
        _ unit: PurchaseUnit,
        _ order: PayPalOrder,
        _ requestID: String?,
        _ call: String
    ) {
        if let invoice = unit.invoiceID, merchants[unit.merchant]?.blocksDuplicateInvoices == true {
            invoices[unit.merchant, default: []].insert(invoice)
        }
        money.enter(
            MoneyBook.Entry(
                number: 0,
                at: now,
                kind: .capture,
                merchant: unit.merchant,
                order: order.id,
                capture: capture.id,
                refund: nil,
                amount: capture.amount,
                fee: capture.fee,
                invoiceID: unit.invoiceID,
                customID: unit.customID,
                requestID: requestID,
                source: order.source?.kind.rawValue ?? "paypal",
                vaultID: order.source?.vaultID,
                payer: order.payer?.id,
                call: call
            )
        )
    }

    // MARK: What the bank says

    struct Verdict {
        var status: PayPalCapture.Status
        var reason: String?
        var responseCode: String?
        var adviceCode: String?
    }

    private func verdict(on order: PayPalOrder, _ ask: PayPalAsk) throws(PayPalProblem) -> Verdict {
        if let outcome = ask.outcome {
            switch outcome.fault {
            case .decline: throw .named(outcome.issue ?? "INSTRUMENT_DECLINED")
            case .captureDeclined:
                return Verdict(
                    status: .declined,
                    responseCode: outcome.responseCode ?? "0500",
                    adviceCode: outcome.adviceCode
                )
            case .capturePending: return Verdict(status: .pending, reason: outcome.issue ?? "PENDING_REVIEW")
            default: break
            }
        }
        if let issue = Self.refusalOfAmount(order, settings.errorAmounts) { throw .refused(issue) }
        if let code = Self.responseCode(ofHolder: order.source?.card?.name) {
            return Verdict(status: .declined, responseCode: code)
        }
        return Verdict(status: .completed, responseCode: order.source?.kind == .card ? "0000" : nil)
    }

    /// Amounts that Venmo's sandbox declines.
    private static func refusalOfAmount(_ order: PayPalOrder, _ which: PayPalHabits.ErrorAmounts) -> String? {
        guard which == .all || which == .venmo && order.source?.kind == .venmo else { return nil }
        return switch order.units.first?.amount.minor {
        case 1234: "INSTRUMENT_DECLINED"  // insufficient funds
        case 2143: "PAYER_ACCOUNT_LOCKED_OR_CLOSED"  // account closed
        case 1145: "PAYER_ACCOUNT_RESTRICTED"  // account frozen
        case 1023: "COMPLIANCE_VIOLATION"  // suspected fraud
        case 1342: "TRANSACTION_REFUSED"  // generic decline
        default: nil
        }
    }

    /// Names that make a card decline.
    private static func responseCode(ofHolder name: String?) -> String? {
        switch name {
        case "CCREJECT-REFUSED": "0500"
        case "CCREJECT-SF": "9500"
        case "CCREJECT-EC": "5400"
        case "CCREJECT-IRC": "5180"
        case "CCREJECT-IF": "5120"
        case "CCREJECT-LS": "9520"
        case "CCREJECT-IA": "1330"
        case "CCREJECT-BANK_ERROR": "5100"
        case "CCREJECT-CVV_F": "00N7"
        default: nil
        }
    }
}
