internal import Foundation

/// What a buyer does on PayPal's pages, or a test in their place.
extension Books {
    /// The buyer agrees to pay; answers where the browser goes. Nil where there is nothing to agree to.
    ///
    /// - Parameter card: a number for the shop's card fields, with the holder's name.
    mutating func approveOrder(
        _ id: PayPalOrder.ID,
        email: String? = nil,
        card: (name: String?, number: String, expiry: String?)? = nil
    ) -> String? {
        guard var order = orders[id], order.status == .created || order.status == .payerActionRequired,
            order.createdAt.addingTimeInterval(PayPalOrder.patience) > now
        else { return nil }
        if let card {
            var source = order.source ?? PaymentSource(kind: .card, given: .object([]))
            source.kind = .card
            source.card = PayPalCard(name: card.name, number: card.number, expiry: card.expiry)
            order.source = source
        }
        if order.source?.kind == .card, order.source?.card == nil {
            order.source?.card = PayPalCard(name: "John Doe", number: "4111111111111111", expiry: nil)
        }
        order.status = .approved
        order.approvedAt = now
        order.updatedAt = now
        if order.source == nil { order.source = PaymentSource(kind: .paypal, given: .object([])) }
        if order.source?.kind != .card { order.payer = Buyer.of(email: email ?? "") }
        orders[id] = order
        tellApproved(order)
        if order.completesOnApproval { completeByItself(id) }
        return returnAddress(order)
    }

    private mutating func completeByItself(_ id: PayPalOrder.ID) {
        guard var order = orders[id] else { return }
        // Because a payment that PayPal starts by itself has nobody to be refused to: the order stays approved.
        guard (try? pay(&order, PayPalAsk(.captureOrder, id: id, base: base))) != nil else { return }
        orders[id] = order
    }

    /// Banks send the buyer back without a PayPal account id.
    private func returnAddress(_ order: PayPalOrder) -> String {
        var pairs = [("token", order.id)]
        if let payer = order.payer, order.source?.kind.hasNoPayPalLogin == false { pairs.append(("PayerID", payer.id)) }
        return PayPalForm.adding(pairs, to: order.returnURL ?? "\(base)/")
    }

    /// The buyer goes back; nothing happens to the order.
    func cancelOrder(_ id: PayPalOrder.ID) -> String? {
        guard let order = orders[id] else { return nil }
        return order.cancelURL.map { PayPalForm.adding([("token", order.id)], to: $0) } ?? "\(base)/"
    }

    // MARK: What banks and buyers do later

    /// A pending capture comes to its end.
    mutating func settleCapture(_ id: String, completed: Bool) throws(PayPalProblem) {
        var place = try place(ofCapture: id)
        guard place.found.status == .pending else { throw .refused("INVALID_STATE") }
        place.order.units[place.unit].captures[place.capture].status = completed ? .completed : .declined
        place.order.units[place.unit].captures[place.capture].reason = nil
        place.order.units[place.unit].captures[place.capture].updatedAt = now
        orders[place.order.id] = place.order
        let unit = place.order.units[place.unit]
        if completed { enter(place.found, unit, place.order, nil, "settled") }
        tell(place.found, unit, place.order)
    }

    /// A pending refund comes to its end.
    mutating func settleRefund(_ id: String, completed: Bool) throws(PayPalProblem) {
        var (refund, place) = try place(ofRefund: id)
        guard refund.status == .pending,
            let index = place.found.refunds.firstIndex(where: { $0.id == id })
        else { throw .refused("INVALID_STATE") }
        refund.status = completed ? .completed : .failed
        place.order.units[place.unit].captures[place.capture].refunds[index] = refund
        settleStatus(&place.order.units[place.unit].captures[place.capture])
        orders[place.order.id] = place.order
        if completed { enter(refund, place, nil, "settled", .refund) }
        tell(refund, place)
    }

    /// The money is taken back from the merchant: a reversal.
    mutating func reverseCapture(_ id: String) throws(PayPalProblem) -> PayPalRefund {
        var place = try place(ofCapture: id)
        let left = place.found.amount.minor - place.found.refunded
        guard left > 0, place.found.status == .completed || place.found.status == .partiallyRefunded else {
            throw .refused("INVALID_STATE")
        }
        let refund = makeRefund(place.found.amount.with(left), .completed, of: &place, isReversal: true)
        orders[place.order.id] = place.order
        enter(refund, place, nil, "reversed", .reversal)
        tell(refund, place)
        return refund
    }

    /// The buyer refunds nothing but complains; answers the dispute's id.
    mutating func dispute(_ id: String, _ change: DisputeChange) throws(PayPalProblem) -> String {
        var place = try place(ofCapture: id)
        place.order.units[place.unit].captures[place.capture].isDisputed = change != .resolved
        orders[place.order.id] = place.order
        let dispute = "PP-D-" + String(id.suffix(5))
        tell(change, dispute, place)
        return dispute
    }

    enum DisputeChange: String {
        case created = "CREATED"
        case updated = "UPDATED"
        case resolved = "RESOLVED"
    }

    /// An approval that was never captured is taken back.
    mutating func reverseApproval(_ id: PayPalOrder.ID) -> Bool {
        guard var order = orders[id], order.status == .approved else { return false }
        order.status = .voided
        orders[id] = order
        tellApprovalReversed(order)
        return true
    }
}
