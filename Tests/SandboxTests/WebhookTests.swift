import Domain
import Foundation
import NIOHTTP1
import SandboxPages
import TestKit
import Testing
import ThriveCart

/// What the ingress makes of what the sandbox sends.
@Suite struct `The webhooks of an order` {
    /// Waits for so many webhooks and reads them as the ingress does.
    private func events(_ running: RunningShop, _ count: Int) async throws -> [CheckoutEvent] {
        let verifier = ThriveCartVerifier(secrets: [RunningShop.secret], account: "demoshop")
        return try await running.webhooks(count).map { webhook in
            let payload = try webhook.payload
            #expect(verifier.accepts(payload))
            return payload.checkoutEvent(account: "demoshop")
        }
    }

    @Test(arguments: [Destination.Encoding.form, .json])
    func `a sale names every item, what was paid and what comes`(encoding: Destination.Encoding) async throws {
        try await withShop(.account, encoding) { running in
            let order = try await running.buy(
                #""firstName":"Ana","lastName":"Ñandú & Co","items":["product-7","bump-7","upsell-3","downsell-5"]"#
            )
            let event = try await events(running, 1)[0]
            #expect(event.name == "order.success")
            #expect(event.mode == .live)
            #expect(event.buyer?.email?.original == "Ana.Sample@example.com")
            #expect(event.buyer?.firstName == "Ana")
            #expect(event.buyer?.lastName == "Ñandú & Co")
            #expect(event.remarks.isEmpty)
            guard case .sale(let sale) = event.fact else { return #expect(Bool(false), "\(event.fact)") }
            #expect(sale.order == order)
            #expect(sale.currency == "USD")
            #expect(sale.totalGross == 8000)
            #expect(sale.items.map(\.key.description) == ["product-7", "bump-7", "upsell-3", "downsell-5"])
            #expect(sale.items.map(\.paidGross) == [2900, 900, 1500, 2700])
            #expect(sale.items.map { $0.recurrence?.frequency } == [.month, nil, .month, nil])
            let due = BillingFrequency.month.next(after: try #require(event.occurredAt))
            #expect(sale.items[0].recurrence?.nextDue == due)
            #expect(sale.items[0].subscription != nil && sale.items[1].subscription == nil)
            let type = try await running.webhooks(1)[0].contentType
            #expect(type == (encoding == .form ? "application/x-www-form-urlencoded" : "application/json"))
        }
    }

    @Test func `a test order says so in both fields`() async throws {
        try await withShop { running in
            _ = try await running.buy(#""mode":"test""#)
            let webhook = try await running.webhooks(1)[0]
            #expect(try webhook.field("mode") == "test")
            #expect(try webhook.field("mode_int") == "1")
            #expect(try await events(running, 1)[0].mode == .test)
        }
    }

    @Test func `a free order and a trial cost nothing yet`() async throws {
        try await withShop { running in
            _ = try await running.buy(#""plan":"free""#)
            _ = try await running.buy(#""plan":"trial""#)
            let sales = try await events(running, 2).compactMap { event -> Sale? in
                guard case .sale(let sale) = event.fact else { return nil }
                return sale
            }
            #expect(sales.map(\.totalGross) == [0, 0])
            #expect(sales[0].items[0].recurrence == nil)
            let order = try await running.shop.ledger.order(sales[1].order)
            #expect(sales[1].items[0].recurrence?.nextDue == order.items[0].subscription?.nextDue)
        }
    }

    @Test func `renewals are counted, and say when the next is due`() async throws {
        try await withShop { running in
            let order = try await running.buy()
            try await running.change(order, "renew")
            try await running.change(order, "renew")
            let (first, second) = (try await events(running, 3)[1], try await events(running, 3)[2])
            #expect(first.name == "order.subscription_payment")
            guard case .payment(let one) = first.fact, case .payment(let two) = second.fact else {
                return #expect(Bool(false), "\(first.fact)")
            }
            #expect(one.item == .exact(try #require(ItemKey("product-7"))))
            #expect(one.paymentNumber == "1" && two.paymentNumber == "2")
            #expect(one.invoice?.hasSuffix("-1") == true && two.invoice?.hasSuffix("-2") == true)
            #expect(one.amountGross == 2900)
            #expect(one.frequency == .month && one.remaining == nil)
            #expect(one.nextDue == second.occurredAt)
            let sold = try await running.shop.ledger.order(order)
            #expect(two.nextDue == sold.items[0].subscription?.nextDue)
            #expect(one.subscription == sold.items[0].subscription?.number)
        }
    }

    @Test func `the last instalment has none to come`() async throws {
        try await withShop { running in
            let order = try await running.buy(#""plan":"split""#)
            try await running.change(order, "renew")
            try await running.change(order, "renew")
            let remaining = try await events(running, 3).dropFirst().map { event -> Int? in
                guard case .payment(let payment) = event.fact else { return nil }
                return payment.remaining
            }
            #expect(remaining == [1, 0])
        }
    }

    @Test func `declining, pausing, resuming and cancelling each have their event`() async throws {
        try await withShop { running in
            let order = try await running.buy()
            for change in ["decline", "decline", "renew", "pause", "resume", "cancel"] {
                #expect(try await running.change(order, change).status == 200)
            }
            let events = try await events(running, 8)
            #expect(
                events.map(\.name) == [
                    "order.success", "order.rebill_failed", "order.rebill_failed", "order.subscription_payment",
                    "order.subscription_paused", "order.subscription_resumed", "order.subscription_payment",
                    "order.subscription_cancelled",
                ]
            )
            let times = events.compactMap(\.occurredAt)
            #expect(times.count == 8 && times == times.sorted())
            guard case .cancellation(let cancellation) = events[7].fact else { return #expect(Bool(false)) }
            let sold = try await running.shop.ledger.order(order)
            #expect(cancellation.periodEnd == sold.items[0].subscription?.nextDue)
            #expect(Set(events.map(\.deliveryKey)).count == 8)
        }
    }

    @Test func `a refund names the item and the amount`() async throws {
        try await withShop { running in
            let order = try await running.buy(#""items":["product-7","bump-7"]"#)
            #expect(try await running.change(order, "refund", #"{"item":"bump-7","amount":400}"#).status == 200)
            let event = try await events(running, 2)[1]
            guard case .refund(let refund) = event.fact else { return #expect(Bool(false), "\(event.fact)") }
            #expect(event.name == "order.refund")
            #expect(refund.item == .exact(try #require(ItemKey("bump-7"))))
            #expect(refund.amountGross == 400)
            #expect(refund.orderTotalGross == 3800)
            #expect(refund.record != nil)
        }
    }

    @Test func `an abandoned cart names the buyer and the product`() async throws {
        try await withShop { running in
            let answer = try await running.ask(.POST, "/api/carts/abandon", #"{"email":"li@example.com"}"#)
            #expect(answer.status == 202)
            let event = try await events(running, 1)[0]
            #expect(event.name == "cart.abandoned")
            #expect(event.buyer?.email?.original == "li@example.com")
            #expect(event.fact == .cartAbandoned(AbandonedCart(item: ItemKey("product-7"))))
            #expect(event.mode == nil)
        }
    }

    @Test func `event subscriptions hear of the order and of each item`() async throws {
        try await withShop(.subscription) { running in
            let order = try await running.buy(#""items":["product-7","bump-7"],"plan":"split""#)
            try await running.change(order, "renew")
            try await running.change(order, "renew")
            let names = try await events(running, 6).map(\.name)
            #expect(
                names == [
                    "order_created", "order_payment_product", "order_payment_bump", "order_rebill", "order_rebill",
                    "order_rebill_completed",
                ]
            )
            #expect(try await running.webhooks(6).allSatisfy { $0.body.first == UInt8(ascii: "{") })
        }
    }

    @Test func `the clock dates what happens`() async throws {
        try await withShop { running in
            let moved = try await running.ask(.POST, "/api/clock", #"{"days":45}"#)
            #expect(moved["secondsAhead"] as? Int == 45 * 86_400)
            _ = try await running.buy()
            let event = try await events(running, 1)[0]
            #expect(try #require(event.occurredAt).timeIntervalSinceNow > 44 * 86_400)
        }
    }
}
