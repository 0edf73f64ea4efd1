package import Domain
import Foundation

extension ThriveCartPayload {
    /// What the body tells, in our words. Never fails: what can't be understood is `.unknown`, with remarks that say why.
    ///
    /// Ask a `ThriveCartVerifier` first.
    /// - Parameter siteAccount: the account of the site that the body was accepted for. It goes into every natural key,
    ///   so that bodies with and without the account's name tell the same fact. Empty means: as the body says.
    package func checkoutEvent(account siteAccount: String) -> CheckoutEvent {
        if let books = BookReading(self) {
            return books.checkoutEvent(account: siteAccount.trimmingBlanks().lowercased())
        }
        return ThriveCartEvent(self).checkoutEvent(account: siteAccount)
    }
}

/// One verified body, being read as an event.
///
/// Source: rules C1, D2, D3, E1, F13 and the two vocabularies of `EventKind`.
private struct ThriveCartEvent {
    let payload: ThriveCartPayload
    let root: PayloadNode
    let kind: EventKind
    var remarks: Set<CheckoutRemark> = []

    init(_ payload: ThriveCartPayload) {
        self.payload = payload
        root = payload.root
        kind = EventKind(name: payload.event ?? "")
    }

    func checkoutEvent(account: String) -> CheckoutEvent {
        var reading = self
        let fact = reading.fact()
        let account = account.trimmingBlanks().lowercased()
        let buyer = Buyer(of: root)
        let occurredAt = occurredAt
        if fact != .unknown, kind.isAboutOrder || kind == .cartAbandoned {
            if buyer?.email == nil { reading.remarks.insert(.noEmail) }
            if occurredAt == nil { reading.remarks.insert(.untimed) }
        }
        if root["mode"]?.value?.lowercased() == "live", mode == .test { reading.remarks.insert(.modeContradiction) }
        return CheckoutEvent(
            provider: .thriveCart,
            account: account.isEmpty ? payload.account ?? "" : account,
            mode: mode,
            name: payload.event ?? "",
            deliveryKey: payload.deliveryKey(at: account),
            occurredAt: occurredAt,
            buyer: buyer,
            fact: fact,
            remarks: reading.remarks
        )
    }

    /// Live only when both fields say so. Nil where neither is sent and none is to be expected. Source: rule F13.
    private var mode: Mode? {
        let name = root["mode"]?.value?.lowercased()
        let number = root["mode_int"]?.value
        if name == nil, number == nil, !kind.isAboutOrder { return nil }
        return name == "live" && (number == nil || number == "2") ? .live : .test
    }

    /// The provider's clock. `order.date_unix` is the original sale's, so only a sale may use it. Source: rules C1, C2.
    private var occurredAt: Date? {
        if let own = root["date_unix"]?.time ?? root["date_iso8601"]?.time ?? root["date"]?.time { return own }
        guard case .sale = kind else { return nil }
        return root["order_timestamp"]?.time ?? root["order_date"]?.time ?? root["order", "date_unix"]?.time
    }

    // MARK: Facts

    private mutating func fact() -> CheckoutFact {
        switch kind {
        case .cartAbandoned:
            let product = root["base_product"]?.identifier
            return .cartAbandoned(AbandonedCart(item: product.flatMap { ItemKey(kind: "product", number: $0) }))
        case .customerUpdated: return .customerUpdated
        case .affiliate: return .affiliate
        case .unknown: return .unknown
        default: break
        }
        guard let order = root["order_id"]?.identifier ?? root["order", "id"]?.identifier else {
            remarks.insert(.noOrder)
            return .unknown
        }
        if case .sale(let only) = kind { return sale(of: order, only: only) }
        guard let item = itemReference() else {
            remarks.insert(.itemUnreadable)
            return .unknown
        }
        return laterFact(of: order, item: item)
    }

    private mutating func sale(of order: String, only kind: ItemKey.Kind?) -> CheckoutFact {
        let items = OrderItems(of: root)
        let sold = items.keys.filter { kind == nil || $0.kind == kind }
        guard !sold.isEmpty else {
            remarks.insert(.noItems)
            return .unknown
        }
        let accessible = OrderItems.listedKeys(root["accessible_purchase_map"])
        if !accessible.isEmpty, Set(accessible) != Set(items.keys) { remarks.insert(.accessibleItemsDiffer) }
        return .sale(
            Sale(
                order: order,
                invoice: root["invoice_id"]?.identifier,
                currency: currency,
                totalGross: OrderItems.total(of: root),
                items: sold.map(items.item)
            )
        )
    }

    private func laterFact(of order: String, item: ItemReference) -> CheckoutFact {
        let subscription = root["subscription"]
        let remaining = subscription?["remaining_rebills"]?.count
        let periodEnd = subscription?["billing_period_end"]?.time ?? subscription?["billing_period_end_iso8601"]?.time
        let nextDue = subscription?["next_payment_date"]?.time ?? subscription?["next_payment_date_iso8601"]?.time

        switch kind {
        case .payment:
            return .payment(
                Payment(
                    order: order,
                    item: item,
                    invoice: paymentInvoice,
                    paymentNumber: root["recurring_payment_idx"]?.identifier
                        ?? subscription?["recurring_payment_idx"]?.identifier,
                    amountGross: subscription.flatMap(OrderItems.gross),
                    nextDue: nextDue,
                    frequency: subscription.flatMap { BillingFrequency(of: $0) },
                    remaining: remaining,
                    subscription: subscriptionNumber(of: item)
                )
            )
        case .paymentFailed:
            let invoice = paymentInvoice ?? root["invoice_id"]?.identifier
            return .paymentFailed(PaymentFailure(order: order, item: item, invoice: invoice))
        case .cancellation:
            return .cancellation(Cancellation(order: order, item: item, periodEnd: periodEnd, remaining: remaining))
        case .pause: return .pause(StateChange(order: order, item: item, periodEnd: periodEnd))
        // Until the next payment is due, nothing is owed.
        case .resume: return .resume(StateChange(order: order, item: item, periodEnd: periodEnd ?? nextDue))
        case .planCompleted: return .planCompleted(StateChange(order: order, item: item, periodEnd: nil))
        case .refund:
            return .refund(
                Refund(
                    order: order,
                    item: item,
                    record: root["event_id"]?.identifier,
                    invoice: root["invoice_id"]?.identifier,
                    amountGross: root["refund"].flatMap(OrderItems.gross),
                    orderTotalGross: OrderItems.total(of: root)
                )
            )
        default: return .unknown
        }
    }

    // MARK: Parts

    /// The item that a later event is about; nil when it names one that can't be read, which is not to be guessed.
    ///
    /// The number in `subscription[id]` and `refund[id]` is the item's. Source: rule D3.
    private func itemReference() -> ItemReference? {
        let fields: PayloadNode?
        var named: String?
        if case .refund(let item) = kind {
            fields = root["refund"]
            named = item?.rawValue
        } else {
            fields = root["subscription"]
        }
        named = fields?["type"]?.value?.lowercased() ?? named
        var number = fields?["id"]?.identifier
        if number == nil, let named { number = fields?["\(named)_id"]?.identifier }
        switch (named, number) {
        case (nil, nil): return namedByKind(in: fields) ?? .onlyItem
        case (let kind?, let number?): return ItemKey(kind: kind, number: number).map { .exact($0) }
        default: return nil
        }
    }

    /// `upsell_id` and its like, the keys by which Event Subscriptions are filtered.
    private func namedByKind(in fields: PayloadNode?) -> ItemReference? {
        let keys = [ItemKey.Kind.bump, .upsell, .downsell].compactMap { kind in
            fields?["\(kind.rawValue)_id"]?.identifier.flatMap { ItemKey(kind: kind.rawValue, number: $0) }
        }
        return keys.count == 1 ? .exact(keys[0]) : nil
    }

    /// The invoice of one renewal is the order's and `-n`; the order's alone is the same for all of them.
    private var paymentInvoice: String? {
        let ofOrder = [root["order", "invoice_id"], root["subscription", "invoice_id"]].map { $0?.identifier }
        return [root["invoice_id"], root["subscription", "invoice_str"]].lazy
            .compactMap { $0?.identifier }
            .first { invoice in
                guard !ofOrder.contains(invoice), let dash = invoice.lastIndex(of: "-") else { return false }
                let number = invoice[invoice.index(after: dash)...]
                return !number.isEmpty && number.utf8.allSatisfy(\.isDigit)
            }
    }

    private func subscriptionNumber(of item: ItemReference) -> String? {
        if let own = root["subscription_id"]?.identifier { return own }
        guard case .exact(let key) = item else { return nil }
        return root["subscription_ids"]?[key.description]?.identifier
    }

    /// ISO 4217, upper case.
    private var currency: String? {
        guard let code = root["currency"]?.value?.uppercased(), code.utf8.count == 3,
            code.utf8.allSatisfy({ (0x41...0x5A).contains($0) })
        else { return nil }
        return code
    }
}
