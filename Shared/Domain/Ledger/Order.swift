package import Foundation

/// One order as it is known at its provider.
package struct OrderReference: Sendable, Hashable {
    package var provider: Provider
    package var account: String
    /// Test orders live in a name space of their own. Source: rule F13.
    package var mode: Mode
    package var number: String

    package init(provider: Provider, account: String, mode: Mode, number: String) {
        self.provider = provider
        self.account = account
        self.mode = mode
        self.number = number
    }
}

/// All we have been told about one order. Like its items, it grows the same whatever comes first.
package struct Order: Sendable, Hashable {
    package typealias ID = Identifier<Order>

    package var sale: OrderSale?
    package var items: [ItemKey: OrderItem] = [:]
    /// Events that named no item. They belong to the order's only item; while it has several, to none, and a person
    /// has to look. Decided anew each time, for the second item may be heard of later. Source: rule D3.
    package var unplaced = OrderItem()
    package var buyers: [BuyerReading.Key: BuyerReading] = [:]

    package init() {}

    package mutating func merge(_ other: Self) {
        sale = joined(sale, other.sale)
        for (key, item) in other.items { items[key, default: OrderItem()].merge(item) }
        unplaced.merge(other.unplaced)
        buyers.merge(other.buyers) { $0.joined(with: $1) }
    }

    /// The order's only item; nil while there are several, or none. Items that were sold count first.
    package var onlyItem: ItemKey? {
        let sold = items.filter { $0.value.sale != nil }
        let known = sold.isEmpty ? items : sold
        return known.count == 1 ? known.first?.key : nil
    }

    /// The item with what is known of it by any event.
    package func item(_ key: ItemKey) -> OrderItem? {
        guard var item = items[key] else { return nil }
        if onlyItem == key { item.merge(unplaced) }
        return item
    }

    /// What each item gives; a tombstone gives `.none`.
    package func states(at now: Date, policy: AccessPolicy) -> [ItemKey: EntitlementState] {
        let onlyItem = onlyItem
        return items.keys.reduce(into: [:]) { states, key in
            states[key] = item(key)?.access(at: now, policy: policy, isOnlyItem: key == onlyItem)
        }
    }

    /// Whether anything that was bought is among `items`, the ones that open a plan. Others are ignored. Source: rule D5.
    package func holdsBought(of items: Set<ItemKey>) -> Bool {
        self.items.keys.contains { items.contains($0) && item($0)?.isBought == true }
    }
}

/// What a sale says of the whole order.
package struct OrderSale: Sendable, Hashable, Joinable {
    package var soldAt: Date
    package var invoice: String?
    package var currency: String?
    /// Hundredths, tax included.
    package var totalGross: Int64?

    package init(soldAt: Date, invoice: String? = nil, currency: String? = nil, totalGross: Int64? = nil) {
        self.soldAt = soldAt
        self.invoice = invoice
        self.currency = currency
        self.totalGross = totalGross
    }

    func joined(with other: Self) -> Self {
        Self(
            soldAt: min(soldAt, other.soldAt),
            invoice: latest(invoice, other.invoice),
            currency: latest(currency, other.currency),
            totalGross: latest(totalGross, other.totalGross)
        )
    }
}

// MARK: Taking in an event

extension CheckoutEvent {
    /// The order an event is about; nil for those without one.
    package var order: OrderReference? {
        guard let number = fact.order else { return nil }
        // Because an order without a mode is no proof of real money: anything but live is a test. Source: rule F13.
        return OrderReference(provider: provider, account: account, mode: mode ?? .test, number: number)
    }
}

extension CheckoutFact {
    package var order: String? {
        switch self {
        case .sale(let sale): sale.order
        case .payment(let payment): payment.order
        case .paymentFailed(let failure): failure.order
        case .cancellation(let cancellation): cancellation.order
        case .pause(let change), .resume(let change), .planCompleted(let change): change.order
        case .refund(let refund): refund.order
        case .cartAbandoned, .customerUpdated, .affiliate, .unknown: nil
        }
    }
}

extension Order {
    /// What one event alone tells of its order.
    ///
    /// - Parameter heardAt: stands for the provider's time where there is none. Source: rule C1.
    package init(_ event: CheckoutEvent, heardAt: Date) {
        let time = event.occurredAt ?? heardAt.inWholeSeconds
        if let reading = BuyerReading(event, at: time) { buyers[reading.key] = reading }

        switch event.fact {
        case .sale(let sale):
            self.sale = OrderSale(
                soldAt: time,
                invoice: sale.invoice,
                currency: sale.currency,
                totalGross: sale.totalGross
            )
            for sold in sale.items {
                change(.exact(sold.key)) {
                    $0.sale = ItemSale(sold, at: time)
                    $0.subscription = sold.subscription
                }
            }
        case .payment(let payment):
            change(payment.item) {
                $0.payments[payment.key(in: event)] = ItemPayment(payment, event, at: time)
                $0.subscription = payment.subscription
                if payment.remaining == 0 { $0.completedAt = time }
            }
        case .paymentFailed(let failure):
            change(failure.item) {
                $0.failures[failure.key(in: event)] = ItemFailure(failedAt: time, invoice: failure.invoice)
            }
        case .cancellation(let cancellation) where cancellation.remaining == 0:
            // A plan that is paid off is not cancelled, it is over. Source: rule F7.
            change(cancellation.item) { $0.completedAt = time }
        case .cancellation(let cancellation):
            change(cancellation.item) {
                $0.cancellation = ItemCancellation(at: time, periodEnd: cancellation.periodEnd)
            }
        case .pause(let change):
            self.change(change.item) { $0.suspension = Suspension(.paused, at: time, periodEnd: change.periodEnd) }
        case .resume(let change):
            self.change(change.item) { $0.suspension = Suspension(.resumed, at: time, periodEnd: change.periodEnd) }
        case .planCompleted(let change):
            self.change(change.item) { $0.completedAt = time }
        case .refund(let refund):
            change(refund.item) { $0.refunds[refund.key(in: event)] = ItemRefund(refund, at: time) }
        case .cartAbandoned, .customerUpdated, .affiliate, .unknown:
            break
        }
    }

    private mutating func change(_ reference: ItemReference, _ body: (inout OrderItem) -> Void) {
        switch reference {
        case .exact(let key): body(&items[key, default: OrderItem()])
        case .onlyItem: body(&unplaced)
        }
    }
}

extension ItemSale {
    fileprivate init(_ sold: SoldItem, at time: Date) {
        self.init(
            soldAt: time,
            name: sold.name,
            paidGross: sold.paidGross,
            recurs: sold.recurrence != nil,
            nextDue: sold.recurrence?.nextDue,
            frequency: sold.recurrence?.frequency
        )
    }
}

extension ItemPayment {
    fileprivate init(_ payment: Payment, _ event: CheckoutEvent, at time: Date) {
        self.init(
            paidAt: time,
            isTimed: event.occurredAt != nil,
            invoice: payment.invoice,
            amountGross: payment.amountGross,
            nextDue: payment.nextDue,
            frequency: payment.frequency,
            remaining: payment.remaining
        )
    }
}

extension ItemRefund {
    fileprivate init(_ refund: Refund, at time: Date) {
        self.init(
            refundedAt: time,
            invoice: refund.invoice,
            amountGross: refund.amountGross,
            orderTotalGross: refund.orderTotalGross
        )
    }
}

// MARK: Keys inside one item

// As rule B2 has them, less what the item's row says already. They name no item, so that an event without one meets
// its twin that has one once both are known to be about the same.

extension Payment {
    fileprivate func key(in event: CheckoutEvent) -> String {
        if let invoice, InvoiceNumber.namesRenewal(invoice) { return "invoice/\(invoice)" }
        if let paymentNumber { return "number/\(paymentNumber)" }
        return event.seconds.map { "at/\($0)" } ?? "delivery/\(event.deliveryKey)"
    }
}

extension PaymentFailure {
    fileprivate func key(in event: CheckoutEvent) -> String {
        guard let seconds = event.seconds else { return "delivery/\(event.deliveryKey)" }
        return "\(invoice ?? "-")/\(seconds)"
    }
}

extension Refund {
    fileprivate func key(in event: CheckoutEvent) -> String {
        if let record { return "record/\(record)" }
        guard let seconds = event.seconds else { return "delivery/\(event.deliveryKey)" }
        return "\(amountGross.map(String.init) ?? "-")/\(seconds)"
    }
}

extension CheckoutEvent {
    fileprivate var seconds: String? {
        occurredAt.flatMap { Int64(exactly: $0.inWholeSeconds.timeIntervalSince1970) }.map(String.init)
    }
}

extension Date {
    /// Providers count in seconds; so do we, and a time stored and read again equals itself.
    package var inWholeSeconds: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.down)) }
}
