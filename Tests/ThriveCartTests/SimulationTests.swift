import Domain
import Foundation
import Testing

@testable import ThriveCart

@Suite struct `Posts as ThriveCart would make them` {
    let placed = Date(timeIntervalSince1970: 1_790_000_000)
    let due = Date(timeIntervalSince1970: 1_792_592_000)
    let trialEnd = Date(timeIntervalSince1970: 1_790_604_800)
    let later = Date(timeIntervalSince1970: 1_791_000_000)

    // MARK: The same bytes as the bodies we know

    @Test func `a monthly subscription`() throws {
        try expect(.sale(try monthly()), toBe: "order.success.subscription-monthly")
    }

    @Test func `the same in test mode`() throws {
        var order = try monthly()
        order.number = "40000002"
        order.mode = .test
        try expect(.sale(order), toBe: "order.success.test-mode")
    }

    @Test func `a product with a bump, an upsell and a downsell`() throws {
        try expect(.sale(try course()), toBe: "order.success.bump-upsell-downsell")
    }

    @Test func `a one-time product with a subscription as upsell`() throws {
        var course = try item("product-7", "Course", 4_900)
        course.planName = "Default"
        let club = try item("upsell-3", "Club", 1_900, plan: "$19/month", renewing: subscription(4, 1_900, due))
        try expect(.sale(order(4, [course, club])), toBe: "order.success.upsell-subscription-only")
    }

    @Test func `a trial for a dollar, and one for nothing`() throws {
        let paid = try item(
            "product-7",
            "Analyzer Basic",
            100,
            plan: "$1 trial then $59/month",
            renewing: subscription(6, 5_900, trialEnd)
        )
        try expect(.sale(order(6, [paid])), toBe: "order.success.trial-one-dollar")
        var trial = subscription(7, 5_900, trialEnd)
        trial.isFreeTrial = true
        let free = try item("product-7", "Analyzer Basic", 0, plan: "7-day free trial then $59/month", renewing: trial)
        try expect(.sale(order(7, [free])), toBe: "order.success.free-trial")
    }

    @Test func `a payment plan, two pieces, and a free order`() throws {
        try expect(.sale(order(8, [try bootcamp()])), toBe: "order.success.split-pay-4")
        var two = try item("product-7", "Analyzer Basic", 11_800)
        two.quantity = 2
        try expect(.sale(order(9, [two])), toBe: "order.success.two-quantity")
        var free = try item("product-7", "Analyzer Basic", 0)
        free.fullPrice = 5_900
        var order = order(5, [free])
        order.buyer.processorNumber = nil
        try expect(.sale(order), toBe: "order.success.free-100pct-coupon")
    }

    @Test func `what happens to a subscription later`() throws {
        let order = try monthly()
        let item = order.items[0]
        let paid = Date(timeIntervalSince1970: 1_792_592_005)
        let next = Date(timeIntervalSince1970: 1_795_270_400)
        let failed = Date(timeIntervalSince1970: 1_792_592_010)
        let resumed = Date(timeIntervalSince1970: 1_793_000_000)
        let posts: [(ThriveCartPost, String)] = [
            (
                .renewal(1, of: item, in: order, at: paid, nextDue: next, record: "1325700002"),
                "order.subscription_payment.rebill-1"
            ),
            (.decline(1, of: item, in: order, at: failed), "order.rebill_failed.attempt-1"),
            (
                .cancellation(of: item, in: order, at: later, periodEnd: due, record: "1325650001"),
                "order.subscription_cancelled.monthly"
            ),
            (.pause(of: item, in: order, at: later, periodEnd: due), "order.subscription_paused.monthly"),
            (.resume(of: item, in: order, at: resumed, nextDue: next), "order.subscription_resumed.monthly"),
        ]
        for (post, name) in posts { try expect(post, toBe: name) }
    }

    @Test func `a post of the Event Subscription API`() throws {
        let sale = ThriveCartPost.sale(try monthly())
        var created = sale.subscribed(webhook: "7c1d2f7e-1d5b-4a51-9c55-8f0d1b0a000d")
        created.set("event_id", "1325600001")
        #expect(Shape(try parsed(created.jsonBody)) == Shape(try Fixtures.payload("eventsub.order_created.json").root))
        #expect(sale.subscribed(webhook: "w", name: "order_payment_bump").event == "order_payment_bump")
    }

    // MARK: The same fields as the bodies we know

    @Test func `the last payment of a plan`() throws {
        let plan = try bootcamp()
        let moment = Date(timeIntervalSince1970: 1_797_862_410)
        let post = ThriveCartPost.renewal(3, of: plan, in: order(8, [plan]), at: moment, nextDue: nil, record: "1")
        try expectKeys(of: post, toBe: "order.subscription_payment.split-final", plus: ["event_id"])
        guard case .payment(let payment) = try payload(post).checkoutEvent(account: "").fact else {
            Issue.record("no payment")
            return
        }
        #expect(payment.remaining == 0)
        #expect(payment.nextDue == nil)
    }

    @Test func `refunds of each kind of item`() throws {
        let order = try course()
        for (index, name) in ["partial", "bump", "upsell"].enumerated() {
            let moment = Date(timeIntervalSince1970: 1_790_100_000)
            let post = ThriveCartPost.refund(1_000, of: order.items[index], in: order, at: moment, record: "7")
            try expectKeys(of: post, toBe: "order.refund.\(name)")
            guard case .refund(let refund) = try payload(post).checkoutEvent(account: "").fact
            else {
                Issue.record("no refund")
                continue
            }
            #expect(refund.item == .exact(order.items[index].key))
            #expect(refund.amountGross == 1_000)
        }
    }

    @Test func `the end of an upsell's subscription`() throws {
        let club = try item("upsell-3", "Club", 1_900, renewing: subscription(4, 1_900, due))
        let order = order(4, [try item("product-7", "Analyzer Basic", 4_900), club])
        let post = ThriveCartPost.cancellation(of: club, in: order, at: later, periodEnd: due, record: "1")
        try expectKeys(of: post, toBe: "order.subscription_cancelled.upsell", plus: ["event_id"])
    }

    @Test func `a cart that was left`() throws {
        let product = try item("product-24", "Sample CRM Lead Integration", 0)
        var buyer = buyer()
        buyer.email = "stephanie@example.com"
        let cart = SimulatedCart(seller: seller(), buyer: buyer, product: product, leftAt: placed)
        try expectKeys(of: .abandonment(cart), toBe: "cart.abandoned.2020")
        let event = try payload(.abandonment(cart)).checkoutEvent(account: "")
        #expect(event.mode == nil)
        #expect(event.fact == .cartAbandoned(AbandonedCart(item: ItemKey("product-24"))))
    }

    // MARK: Both encodings

    @Test func `awkward text survives both encodings`() throws {
        var order = try monthly()
        order.buyer.firstName = "Zoë \"Z\" O'Brien & Söhne 100% ~ [x]=<y>"
        order.buyer.lastName = "back\\slash\u{1}\n李 +"
        order.buyer.email = "zoe+tag@example.com"
        let post = ThriveCartPost.sale(order)
        let form = try parsed(post.formBody)
        let json = try parsed(post.jsonBody)
        #expect(Shape(form) == Shape(json).without("nothing"))
        #expect(form["customer", "first_name"]?.text == order.buyer.firstName)
        #expect(form["customer", "last_name"]?.text == order.buyer.lastName)
        #expect(form["customer", "email"]?.text == "zoe+tag@example.com")
    }

    @Test func `a payment plan falls due by the calendar`() throws {
        let plan = try #require(try bootcamp().subscription)
        #expect(plan.due(1) == due)
        #expect(plan.due(2) == plan.frequency.next(after: due))
    }

    @Test(
        arguments: [(0, "0.00"), (5, "0.05"), (5_900, "59.00"), (123_456, "1234.56"), (-250, "-2.50")]
            as [(Int64, String)]
    )
    func `amounts are written for people too`(hundredths: Int64, text: String) {
        #expect(ThriveCartPost.money("amount", hundredths).last?.value == .text(text))
    }

    // MARK: Builders

    private func monthly() throws -> SimulatedOrder {
        let item = try item(
            "product-7",
            "Analyzer Basic",
            5_900,
            plan: "$59/month",
            renewing: subscription(1, 5_900, due)
        )
        return order(1, [item])
    }

    private func course() throws -> SimulatedOrder {
        order(
            3,
            [
                try item("product-7", "Course", 4_900), try item("bump-7", "Workbook", 1_900),
                try item("upsell-3", "Coaching call", 9_700), try item("downsell-5", "Mini course", 2_700),
            ]
        )
    }

    private func bootcamp() throws -> SimulatedItem {
        var plan = subscription(8, 25_000, due)
        plan.renewals = 3
        var item = try item("product-9", "Bootcamp", 25_000, plan: "4 payments of $250", renewing: plan)
        item.planNumber = "20004"
        return item
    }

    private func seller() -> SimulatedSeller {
        var seller = SimulatedSeller(account: "examplestudio", secret: "TESTSECRET00")
        seller.page = "analyzer"
        return seller
    }

    private func buyer() -> SimulatedBuyer {
        SimulatedBuyer(
            email: "ana.sample@example.com",
            firstName: "Ana",
            lastName: "Sample",
            number: "429583657898300001",
            processorNumber: "cus_Sample0000001"
        )
    }

    private func order(_ n: Int, _ items: [SimulatedItem]) -> SimulatedOrder {
        SimulatedOrder(
            seller: seller(),
            number: "4000000\(n)",
            invoice: "00000010\(n)",
            placedAt: placed,
            buyer: buyer(),
            items: items
        )
    }

    private func item(
        _ key: String,
        _ name: String,
        _ price: Int64,
        plan: String = "Default",
        renewing subscription: SimulatedSubscription? = nil
    ) throws -> SimulatedItem {
        var item = SimulatedItem(try #require(ItemKey(key)), name: name, price: price, subscription: subscription)
        item.planName = plan
        return item
    }

    private func subscription(_ n: Int, _ price: Int64, _ due: Date) -> SimulatedSubscription {
        SimulatedSubscription(
            number: "544050\(n)",
            processorNumber: "sub_Sample000000\(n)",
            price: price,
            frequency: .month,
            firstDue: due
        )
    }

    // MARK: Comparing

    /// Byte for byte as a form, value for value as JSON.
    private func expect(_ post: ThriveCartPost, toBe name: String) throws {
        let form = String(decoding: try Fixtures.event(name + ".form"), as: UTF8.self)
        #expect(
            String(decoding: post.formBody, as: UTF8.self).split(separator: "&")
                == form.trimmingBlanks().split(separator: "&"),
            "\(name)"
        )
        #expect(Shape(try parsed(post.jsonBody)) == Shape(try Fixtures.payload(name + ".json").root), "\(name)")
    }

    private func expectKeys(of post: ThriveCartPost, toBe name: String, plus more: Set<String> = []) throws {
        let known = keys(try Fixtures.payload(name + ".form").root)
        #expect(keys(try parsed(post.formBody)).subtracting(more) == known, "\(name)")
    }

    /// The paths of all fields, such as `customer/address/country`.
    private func keys(_ node: PayloadNode) -> Set<String> {
        Set(
            node.members.flatMap { member in
                let key = String(decoding: member.key, as: UTF8.self)
                return member.value.isMap ? keys(member.value).map { "\(key)/\($0)" } : [key]
            }
        )
    }

    private func parsed(_ body: [UInt8]) throws -> PayloadNode { try ThriveCartBody.parse(body).root }

    private func payload(_ post: ThriveCartPost) throws -> ThriveCartPayload { try ThriveCartBody.parse(post.formBody) }
}
