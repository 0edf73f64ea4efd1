import Domain
import Foundation
import Testing

@Suite struct `What makes a fact the same fact` {
    let upsell: ItemKey

    init() throws {
        upsell = try #require(ItemKey("upsell-3"))
    }

    @Test func `a sale has one key for each item`() throws {
        let items = try ["product-7", "bump-7"].map { try #require(ItemKey($0)) }
        let sold = items.map { SoldItem(key: $0, name: nil, paidGross: nil, recurrence: nil, subscription: nil) }
        let sale = Sale(order: "40000003", invoice: nil, currency: nil, totalGross: nil, items: sold)
        let keys = event(.sale(sale), at: nil).naturalKeys()
        #expect(
            keys.map(\.text) == [
                "thrivecart/studio/live/sale/40000003/product-7", "thrivecart/studio/live/sale/40000003/bump-7",
            ]
        )
        #expect(keys.map(\.item) == items)
    }

    @Test func `a payment's key is its invoice, else its number, else its time`() {
        #expect(
            texts(.payment(payment(invoice: "141-6", number: "6"))) == [
                "thrivecart/studio/live/rebill/1/upsell-3/141-6"
            ]
        )
        #expect(texts(.payment(payment(invoice: nil, number: "6"))) == ["thrivecart/studio/live/rebill/1/upsell-3/6"])
        #expect(
            texts(.payment(payment(invoice: nil, number: nil))) == [
                "thrivecart/studio/live/rebill/1/upsell-3/1790000000"
            ]
        )
        #expect(texts(.payment(payment(invoice: nil, number: nil)), at: nil).isEmpty)
    }

    @Test func `what only its time tells apart has no key without one`() {
        let failure = CheckoutFact.paymentFailed(PaymentFailure(order: "1", item: .exact(upsell), invoice: "141-6"))
        let cancellation = CheckoutFact.cancellation(
            Cancellation(order: "1", item: .exact(upsell), periodEnd: nil, remaining: nil)
        )
        let change = StateChange(order: "1", item: .exact(upsell), periodEnd: nil)
        #expect(texts(failure) == ["thrivecart/studio/live/failed/1/upsell-3/141-6/1790000000"])
        #expect(texts(cancellation) == ["thrivecart/studio/live/cancelled/1/upsell-3/1790000000"])
        #expect(texts(.pause(change)) == ["thrivecart/studio/live/paused/1/upsell-3/1790000000"])
        #expect(texts(.resume(change)) == ["thrivecart/studio/live/resumed/1/upsell-3/1790000000"])
        for fact in [failure, cancellation, .pause(change), .resume(change)] { #expect(texts(fact, at: nil).isEmpty) }
    }

    @Test func `a plan is completed once`() {
        let fact = CheckoutFact.planCompleted(StateChange(order: "1", item: .exact(upsell), periodEnd: nil))
        #expect(texts(fact) == texts(fact, at: nil))
        #expect(texts(fact) == ["thrivecart/studio/live/completed/1/upsell-3"])
    }

    @Test func `a refund's key is its record, else what it gave back and when`() {
        #expect(texts(.refund(refund(record: "1325601001"))) == ["thrivecart/studio/live/refund/record/1325601001"])
        #expect(texts(.refund(refund(record: nil))) == ["thrivecart/studio/live/refund/1/upsell-3/1000/1790000000"])
        #expect(texts(.refund(refund(record: nil)), at: nil).isEmpty)
    }

    @Test func `a cart's key is the person, the product and the time`() {
        let fact = CheckoutFact.cartAbandoned(AbandonedCart(item: ItemKey("product-24")))
        var cart = event(fact, mode: nil)
        #expect(cart.naturalKeys().isEmpty)
        cart.buyer = Buyer(email: EmailAddress("Lead@Example.com"))
        #expect(cart.naturalKeys().map(\.text) == ["thrivecart/studio/-/cart/lead@example.com/product-24/1790000000"])
        #expect(cart.naturalKeys().allSatisfy { !"\($0)".contains("lead") })
    }

    @Test func `the order's only item takes the place of none`() {
        let fact = CheckoutFact.planCompleted(StateChange(order: "1", item: .onlyItem, periodEnd: nil))
        #expect(
            event(fact).naturalKeys(onlyItem: upsell).map(\.text) == ["thrivecart/studio/live/completed/1/upsell-3"]
        )
        #expect(event(fact).naturalKeys(onlyItem: upsell).map(\.item) == [upsell])
        #expect(event(fact).naturalKeys().map(\.text) == ["thrivecart/studio/live/completed/1/-"])
    }

    @Test func `a separator in an id can't make two facts look like one`() {
        func key(_ order: String, _ invoice: String) -> [String] {
            var payment = payment(invoice: invoice, number: nil)
            payment.order = order
            return texts(.payment(payment))
        }
        #expect(key("1/upsell-3", "2") != key("1", "upsell-3/2"))
        #expect(key("1%2F2", "3") != key("1/2", "3"))
    }

    @Test func `test and live, two accounts and two providers never share a key`() {
        let fact = CheckoutFact.planCompleted(StateChange(order: "1", item: .exact(upsell), periodEnd: nil))
        var events = [event(fact), event(fact, mode: .test), event(fact), event(fact)]
        events[2].account = "other"
        events[3].provider = .stripe
        #expect(Set(events.flatMap { $0.naturalKeys() }).count == 4)
    }

    @Test func `facts without effect have no key`() {
        for fact in [CheckoutFact.customerUpdated, .affiliate, .unknown] { #expect(texts(fact).isEmpty) }
    }

    private static let moment = Date(timeIntervalSince1970: 1_790_000_000)

    private func texts(_ fact: CheckoutFact, at moment: Date? = Self.moment) -> [String] {
        event(fact, at: moment).naturalKeys().map(\.text)
    }

    private func event(_ fact: CheckoutFact, mode: Mode? = .live, at moment: Date? = Self.moment) -> CheckoutEvent {
        CheckoutEvent(
            provider: .thriveCart,
            account: "studio",
            mode: mode,
            name: "",
            deliveryKey: "",
            occurredAt: moment,
            buyer: nil,
            fact: fact
        )
    }

    private func payment(invoice: String?, number: String?) -> Payment {
        Payment(
            order: "1",
            item: .exact(upsell),
            invoice: invoice,
            paymentNumber: number,
            amountGross: nil,
            nextDue: nil,
            frequency: nil,
            remaining: nil,
            subscription: nil
        )
    }

    private func refund(record: String?) -> Refund {
        Refund(
            order: "1",
            item: .exact(upsell),
            record: record,
            invoice: nil,
            amountGross: 1_000,
            orderTotalGross: nil
        )
    }
}
