import Foundation

@testable import Domain

/// What happened, told event by event: spells out only what a test is about.
///
/// Times are days after the sale. Money is hundredths.
struct Story {
    static let soldAt = Date(timeIntervalSince1970: 1_790_000_000)

    var order = "40000001"
    var item: ItemReference = .exact("product-7")

    /// What an order knows after these events, in this order.
    static func order(_ events: CheckoutEvent...) -> Order { order(events) }

    static func order(_ events: some Sequence<CheckoutEvent>, heardAt: Double = 0) -> Order {
        events.reduce(into: Order()) { $0.merge(Order($1, heardAt: day(heardAt))) }
    }

    // MARK: Events

    func sale(
        _ items: [ItemKey] = ["product-7"],
        at time: Double = 0,
        paid: Int64? = 5900,
        due: Double? = nil,
        frequency: BillingFrequency? = nil,
        buyer: Buyer? = .ana
    ) -> CheckoutEvent {
        let recurs = due != nil || frequency != nil
        let sold = items.map { key in
            SoldItem(
                key: key,
                name: nil,
                paidGross: paid,
                recurrence: recurs ? Recurrence(nextDue: due.map(day), frequency: frequency) : nil,
                subscription: nil
            )
        }
        let sale = Sale(order: order, invoice: "000000101", currency: "USD", totalGross: paid, items: sold)
        return event("order.success", .sale(sale), at: time, buyer: buyer)
    }

    func subscription(paid: Int64? = 5900, buyer: Buyer? = .ana) -> CheckoutEvent {
        sale(paid: paid, due: 30, frequency: .month, buyer: buyer)
    }

    func payment(
        _ number: Int? = 1,
        at time: Double?,
        due: Double? = nil,
        amount: Int64? = 5900,
        frequency: BillingFrequency? = nil,
        remaining: Int? = nil,
        buyer: Buyer? = .ana
    ) -> CheckoutEvent {
        let payment = Payment(
            order: order,
            item: item,
            invoice: number.map { "000000101-\($0)" },
            paymentNumber: nil,
            amountGross: amount,
            nextDue: due.map(day),
            frequency: frequency,
            remaining: remaining,
            subscription: nil
        )
        return event("order.subscription_payment", .payment(payment), at: time, buyer: buyer)
    }

    func failure(_ number: Int? = 1, at time: Double?) -> CheckoutEvent {
        let invoice = number.map { "000000101-\($0)" }
        return event(
            "order.rebill_failed",
            .paymentFailed(PaymentFailure(order: order, item: item, invoice: invoice)),
            at: time
        )
    }

    func cancellation(at time: Double?, until end: Double? = nil, remaining: Int? = nil) -> CheckoutEvent {
        let cancellation = Cancellation(order: order, item: item, periodEnd: end.map(day), remaining: remaining)
        return event("order.subscription_cancelled", .cancellation(cancellation), at: time)
    }

    func pause(at time: Double?, until end: Double? = nil) -> CheckoutEvent {
        let change = StateChange(order: order, item: item, periodEnd: end.map(day))
        return event("order.subscription_paused", .pause(change), at: time)
    }

    func resume(at time: Double?, due: Double? = nil) -> CheckoutEvent {
        let change = StateChange(order: order, item: item, periodEnd: due.map(day))
        return event("order.subscription_resumed", .resume(change), at: time)
    }

    func completion(at time: Double) -> CheckoutEvent {
        event("order_rebill_completed", .planCompleted(StateChange(order: order, item: item, periodEnd: nil)), at: time)
    }

    func refund(
        _ amount: Int64?,
        at time: Double?,
        record: String? = nil,
        invoice: String? = nil,
        orderTotal: Int64? = nil
    ) -> CheckoutEvent {
        let refund = Refund(
            order: order,
            item: item,
            record: record,
            invoice: invoice,
            amountGross: amount,
            orderTotalGross: orderTotal
        )
        return event("order.refund", .refund(refund), at: time)
    }

    private func event(
        _ name: String,
        _ fact: CheckoutFact,
        at time: Double?,
        buyer: Buyer? = .ana
    ) -> CheckoutEvent {
        CheckoutEvent(
            provider: .thriveCart,
            account: "examplestudio",
            mode: .live,
            name: name,
            deliveryKey: "\(name)/\(fact.hashValue)/\(time ?? -1)",
            occurredAt: time.map(day),
            buyer: buyer,
            fact: fact
        )
    }
}

/// A moment, in days after the sale.
func day(_ days: Double) -> Date { Story.soldAt.addingTimeInterval((days * 86_400).rounded()) }

extension Order {
    func access(at days: Double, to key: ItemKey = "product-7", policy: AccessPolicy = AccessPolicy())
        -> EntitlementState
    {
        states(at: day(days), policy: policy)[key] ?? .none
    }

    func status(at days: Double, to key: ItemKey = "product-7") -> Entitlement.Status {
        access(at: days, to: key).status
    }
}

extension Buyer {
    static let ana = Buyer(
        email: EmailAddress("ana@example.com"),
        firstName: "Ana",
        lastName: "Sample",
        customerID: "42"
    )
}

extension ItemKey: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) {
        self.init(text)!
    }
}

/// The same numbers each time, so that a failure can be run again. Source: SplitMix64, public domain.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
