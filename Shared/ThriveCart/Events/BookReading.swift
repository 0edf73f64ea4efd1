import Domain
import Foundation

/// A `BookEntry`'s body, being read as an event.
///
/// A row is about one item. `charge` is the sale of it, `rebill` a renewal, `refund` a refund, `cancel` a cancellation whose
/// amount is 0. Source: rule H2.
struct BookReading {
    private let root: PayloadNode
    private let row: PayloadNode
    private let name: String
    private let deliveryKey: String

    /// Nil for bodies that ThriveCart posts.
    init?(_ payload: ThriveCartPayload) {
        guard let name = payload.event, name.hasPrefix("transaction.") || name.hasPrefix("state."),
            let row = payload.root["transaction"], row.isMap
        else { return nil }
        self.name = name
        self.row = row
        root = payload.root
        deliveryKey = payload.deliveryKey
    }

    func checkoutEvent(account: String) -> CheckoutEvent {
        var remarks: Set<CheckoutRemark> = []
        let fact: CheckoutFact
        if let order = row["order_id"]?.identifier {
            fact = item.map { self.fact(of: order, $0) } ?? .unknown
            if item == nil { remarks.insert(.itemUnreadable) }
        } else {
            fact = .unknown
            remarks.insert(.noOrder)
        }
        let buyer = Buyer(of: row)
        if buyer?.email == nil { remarks.insert(.noEmail) }
        if occurredAt == nil { remarks.insert(.untimed) }
        return CheckoutEvent(
            provider: .thriveCart,
            account: account,
            mode: root["mode"]?.value == Mode.live.rawValue ? .live : .test,
            name: name,
            deliveryKey: deliveryKey,
            occurredAt: occurredAt,
            buyer: buyer,
            fact: fact,
            remarks: remarks
        )
    }

    private var occurredAt: Date? {
        name.hasPrefix("state.") ? root["date_unix"]?.time : row["timestamp"]?.time ?? row["time"]?.time
    }

    private func fact(of order: String, _ item: ItemKey) -> CheckoutFact {
        switch name {
        case "transaction.charge":
            let sold = SoldItem(
                key: item,
                name: row["item_name"]?.text?.displayed(),
                paidGross: amount,
                recurrence: recurs ? Recurrence(nextDue: nextDue, frequency: frequency) : nil,
                subscription: number
            )
            // The row's invoice is the account's number of it, and not the one that webhooks carry.
            return .sale(Sale(order: order, invoice: nil, currency: currency, totalGross: nil, items: [sold]))
        case "transaction.rebill":
            return .payment(
                Payment(
                    order: order,
                    item: .exact(item),
                    invoice: renewalInvoice,
                    paymentNumber: nil,
                    amountGross: amount,
                    nextDue: nextDue,
                    frequency: frequency,
                    remaining: isNewest ? remaining : nil,
                    subscription: number
                )
            )
        case "transaction.refund":
            return .refund(
                Refund(
                    order: order,
                    item: .exact(item),
                    record: row["event_id"]?.identifier,
                    invoice: nil,
                    amountGross: amount,
                    orderTotalGross: nil
                )
            )
        case "transaction.cancel", "state.cancelled":
            return .cancellation(
                Cancellation(
                    order: order,
                    item: .exact(item),
                    periodEnd: nil,
                    remaining: status == "completed" ? 0 : nil
                )
            )
        case "state.paused": return .pause(StateChange(order: order, item: .exact(item), periodEnd: nil))
        case "state.active":
            let due = root["subscription", "next_payment"]?.time
            return .resume(StateChange(order: order, item: .exact(item), periodEnd: due))
        case "state.completed": return .planCompleted(StateChange(order: order, item: .exact(item), periodEnd: nil))
        default: return .unknown
        }
    }

    // MARK: Parts

    /// `reference` is what the API itself finds a charge by, so it comes first.
    private var item: ItemKey? {
        if let reference = row["reference"]?.value, let key = ItemKey(reference: reference) { return key }
        guard let kind = row["item_type"]?.value, let number = row["item_id"]?.identifier else { return nil }
        return ItemKey(kind: kind, number: number)
    }

    private var number: String? { row["internal_subscription_id"]?.identifier.flatMap { $0 == "0" ? nil : $0 } }

    private var recurs: Bool {
        number != nil || row["subscription_current_status"]?.identifier != nil || root["subscription"]?.isMap == true
    }

    /// Hundredths. Whether the amount of a refund is below zero is not documented.
    private var amount: Int64? { row["amount"]?.hundredths.flatMap { Int64(exactly: $0.magnitude) } }

    private var status: String? { root["subscription", "status"]?.value?.lowercased() }
    private var frequency: BillingFrequency? { root["subscription"].flatMap { BillingFrequency(of: $0) } }
    private var remaining: Int? { root["subscription", "payments_remaining"]?.count }

    /// Whether the subscription was paid by this row and by none after it. Who is in a trial may not have paid at all.
    private var isNewest: Bool {
        guard let last = root["subscription", "last_payment"]?.time else { return name == "transaction.charge" }
        return occurredAt.map { $0 >= last } ?? false
    }

    /// The newest payment has paid until the next one is due; an older one until nobody knows exactly when.
    private var nextDue: Date? {
        guard isNewest, status == "active", let due = root["subscription", "next_payment"]?.time, let occurredAt,
            due > occurredAt
        else { return nil }
        return due
    }

    private var renewalInvoice: String? {
        guard let invoice = row["invoice_id"]?.identifier, let dash = invoice.lastIndex(of: "-") else { return nil }
        let number = invoice[invoice.index(after: dash)...]
        return !number.isEmpty && number.utf8.allSatisfy(\.isDigit) ? invoice : nil
    }

    /// ISO 4217, upper case.
    private var currency: String? {
        guard let code = row["currency"]?.value?.uppercased(), code.utf8.count == 3,
            code.utf8.allSatisfy({ (0x41...0x5A).contains($0) })
        else { return nil }
        return code
    }
}
