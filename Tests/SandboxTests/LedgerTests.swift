import Domain
import Foundation
import SandboxPages
import Testing

@Suite struct `The shop's books` {
    let clock: ShopClock
    let ledger: Ledger
    static let start = date("2027-01-31T10:00:00Z")

    init() {
        clock = ShopClock(machine: { Self.start })
        ledger = Ledger(clock: clock, numbers: ShopNumbers(first: 40_000_001))
    }

    private static func date(_ text: String) -> Date {
        (try? Date(text, strategy: .iso8601)) ?? .distantPast  // Because a wrong text makes its test fail.
    }

    private func buy(_ plan: String, _ items: String...) async throws -> ShopOrder {
        let items = items.compactMap { ItemKey($0) }
        return try await ledger.buy(Cart(email: "ana@example.com", items: items, plan: plan)).order
    }

    @Test func `a renewal is dated on its due day, and the 31st comes back after February`() async throws {
        let order = try await buy("monthly")
        var days: [Date] = []
        for _ in 1...3 { days += try await ledger.renew(order.id, nil).map(\.occurredAt) }
        #expect(
            days == [
                Self.date("2027-02-28T10:00:00Z"), Self.date("2027-03-31T10:00:00Z"), Self.date("2027-04-30T10:00:00Z"),
            ]
        )
    }

    @Test func `a renewal that is late is dated today`() async throws {
        let order = try await buy("monthly")
        clock.advance(by: 40 * 86_400)
        #expect(try await ledger.renew(order.id, nil)[0].occurredAt == Self.start.addingTimeInterval(40 * 86_400))
    }

    @Test func `a trial costs nothing until it has ended`() async throws {
        let order = try await buy("trial")
        #expect(order.total == 0)
        #expect(order.items[0].subscription?.state == .trialing)
        #expect(order.items[0].subscription?.nextDue == Self.start.addingTimeInterval(14 * 86_400))
        let payment = try await ledger.renew(order.id, nil)[0]
        #expect(payment.occurredAt == Self.start.addingTimeInterval(14 * 86_400))
        #expect(payment.item?.subscription?.nextDue == Self.date("2027-03-14T10:00:00Z"))
    }

    @Test func `the last instalment pays it off`() async throws {
        let order = try await buy("split")
        #expect(order.items[0].subscription?.remaining == 2)
        #expect(try await ledger.renew(order.id, nil).map(\.kind) == [.payment])
        #expect(try await ledger.renew(order.id, nil).map(\.kind) == [.payment, .completion])
        await #expect(throws: ShopError.notPossible("the subscription has ended")) {
            try await ledger.renew(order.id, nil)
        }
    }

    @Test func `resuming charges at once and begins a new period`() async throws {
        let order = try await buy("monthly")
        _ = try await ledger.pause(order.id, nil)
        clock.advance(by: 100 * 86_400)
        let events = try await ledger.resume(order.id, nil)
        #expect(events.map(\.kind) == [.resume, .payment])
        #expect(events[1].item?.paid == 5800)
        #expect(events[1].item?.subscription?.nextDue == Self.date("2027-06-11T10:00:00Z"))
    }

    @Test func `who resumes right after a renewal at a month's end has paid longer than until the next payment`()
        async throws
    {
        let order = try await buy("monthly")
        _ = try await ledger.renew(order.id, nil)
        _ = try await ledger.pause(order.id, nil)
        let own = try await ledger.resume(order.id, nil)[1].item?.subscription
        #expect(own?.nextDue == Self.date("2027-03-28T10:00:02Z"))
        #expect(own?.paidUntil == Self.date("2027-03-31T10:00:00Z"))
        #expect(
            try await ledger.renew(order.id, nil)[0].item?.subscription?.paidUntil == Self.date("2027-04-28T10:00:02Z")
        )
    }

    @Test func `declines add up until a payment succeeds`() async throws {
        let order = try await buy("monthly")
        _ = try await ledger.decline(order.id, nil)
        let second = try await ledger.decline(order.id, nil)
        #expect(second[0].item?.subscription?.declines == 2)
        #expect(second[0].item?.subscription?.state == .pastDue)
        #expect(try await ledger.renew(order.id, nil)[0].item?.subscription?.declines == 0)
    }

    @Test func `no more is given back than was paid`() async throws {
        let order = try await buy("once", "product-7", "bump-7")
        let bump = ItemKey("bump-7")
        #expect(try await ledger.refund(order.id, bump, amount: 400).map(\.kind) == [.refund(400)])
        await #expect(throws: ShopError.self) { try await ledger.refund(order.id, bump, amount: 501) }
        #expect(try await ledger.refund(order.id, bump, amount: nil).map(\.kind) == [.refund(500)])
        await #expect(throws: ShopError.self) { try await ledger.refund(order.id, bump, amount: nil) }
        await #expect(throws: ShopError.whichItem) { try await ledger.refund(order.id, nil, amount: nil) }
    }

    @Test func `the only subscription need not be named`() async throws {
        let one = try await buy("monthly", "product-7", "bump-7")
        #expect(try await ledger.renew(one.id, nil)[0].item?.key == ItemKey("product-7"))
        let two = try await buy("monthly", "product-7", "upsell-3")
        await #expect(throws: ShopError.whichItem) { try await ledger.renew(two.id, nil) }
        await #expect(throws: ShopError.notASubscription) {
            try await ledger.renew(try await buy("once").id, nil)
        }
    }

    @Test func `an order never goes back in time, nor stands still`() async throws {
        let order = try await buy("monthly")
        _ = try await ledger.renew(order.id, nil)
        #expect(try await ledger.pause(order.id, nil)[0].occurredAt == Self.date("2027-02-28T10:00:01Z"))
        #expect(
            try await ledger.resume(order.id, nil).map(\.occurredAt) == [
                Self.date("2027-02-28T10:00:02Z"), Self.date("2027-02-28T10:00:03Z"),
            ]
        )
    }

    @Test func `a buyer keeps the customer id, whatever the capitals`() async throws {
        let first = try await ledger.buy(Cart(email: "Ana@Example.com")).order
        let second = try await ledger.buy(Cart(email: "ana@example.com")).order
        let other = try await ledger.buy(Cart(email: "li@example.com")).order
        #expect(first.buyer.customerID == second.buyer.customerID)
        #expect(first.buyer.customerID != other.buyer.customerID)
        #expect(first.id != second.id)
        #expect(first.buyer.email == "Ana@Example.com")
    }

    @Test func `the product is always in the cart`() async throws {
        let order = try await buy("once", "bump-7", "bump-7")
        #expect(order.items.map(\.key.description) == ["product-7", "bump-7"])
        await #expect(throws: ShopError.unknownItem) { try await buy("once", "product-99") }
        await #expect(throws: ShopError.unknownPlan) { try await buy("weekly") }
    }
}
