import Testing

@testable import Domain

@Suite struct `What was bought` {
    let story = Story()

    @Test func `D1: a bump and a product of one number are two things`() {
        let order = Story.order(story.sale(["product-7", "bump-7"]), story.refund(5900, at: 1))
        #expect(order.status(at: 2, to: "product-7") == .refunded)
        #expect(order.status(at: 2, to: "bump-7") == .active)
    }

    @Test func `D3: an event without an item is about the only one`() {
        var nameless = story
        nameless.item = .onlyItem
        let order = Story.order(nameless.cancellation(at: 10, until: 30), story.subscription())
        #expect(order.status(at: 11) == .ending)
        #expect(order.flags.isEmpty)
    }

    @Test func `D3: an event without an item is no guess where there are several`() {
        var nameless = story
        nameless.item = .onlyItem
        let order = Story.order(
            story.sale(["product-7", "upsell-3"], due: 30),
            nameless.cancellation(at: 10, until: 30)
        )
        #expect(order.status(at: 11) == .active)
        #expect(order.status(at: 11, to: "upsell-3") == .active)
        #expect(order.flags == [.itemUnclear])
    }

    @Test func `D3: one fact told with and without its item is one`() {
        var nameless = story
        nameless.item = .onlyItem
        let order = Story.order(
            story.sale(paid: 4900),
            story.refund(2500, at: 1, record: "9"),
            nameless.refund(2500, at: 1, record: "9")
        )
        #expect(order.status(at: 2) == .active)
    }

    @Test func `D4: item keys match exactly`() {
        #expect(ItemKey(" Product-1 ") == "product-1")
        #expect(ItemKey("product-12") != "product-1")
        for wrong in ["product", "product-", "product-0", "product-01", "product-1a", "course-1", "product-1-2", "-1"] {
            #expect(ItemKey(wrong) == nil)
        }
    }

    @Test func `D5: items that open nothing are ignored, the others count`() {
        let order = Story.order(story.sale(["product-2", "upsell-9"]))
        #expect(order.holdsBought(of: ["product-2"]))
        #expect(!order.holdsBought(of: ["product-3"]))
        #expect(!Story.order(story.cancellation(at: 1)).holdsBought(of: ["product-7"]))
    }
}

@Suite struct `Money that came and went` {
    let story = Story()

    @Test func `E2: a free order is a purchase`() {
        #expect(Story.order(story.sale(paid: 0)).access(at: 400) == EntitlementState(status: .active, hasAccess: true))
    }

    @Test func `E3: refunds of an item add up to all that was paid for it`() {
        let sold = story.sale(paid: 4900)
        let first = story.refund(1000, at: 1, record: "1")
        #expect(Story.order(sold, first, first, first, first, first).status(at: 2) == .active)
        #expect(Story.order(sold, first, story.refund(1000, at: 2, record: "2")).status(at: 3) == .active)
        #expect(Story.order(sold, first, story.refund(3900, at: 2, record: "2")).status(at: 3) == .refunded)
    }

    @Test func `E3: equal refunds without a number are two when their times differ`() {
        let order = Story.order(story.sale(paid: 2000), story.refund(1000, at: 1), story.refund(1000, at: 2))
        #expect(order.status(at: 3) == .refunded)
        let once = Story.order(story.sale(paid: 2000), story.refund(1000, at: 1), story.refund(1000, at: 1))
        #expect(once.status(at: 3) == .active)
    }

    @Test func `E3: what was paid is not guessed`() {
        let order = Story.order(story.sale(paid: nil), story.refund(5900, at: 1))
        #expect(order.status(at: 2) == .active)
        #expect(order.flags == [.refundUnclear])
    }

    @Test func `E3: the order's total stands in where the order has one item`() {
        let whole = story.refund(5900, at: 1, orderTotal: 5900)
        #expect(Story.order(story.sale(paid: nil), whole).status(at: 2) == .refunded)
        #expect(Story.order(story.sale(["product-7", "bump-7"], paid: nil), whole).status(at: 2) == .active)
    }

    @Test func `E4: a refund of the latest period ends access and says that billing goes on`() {
        let order = Story.order(
            story.subscription(),
            story.payment(1, at: 30, due: 60),
            story.refund(5900, at: 35, invoice: "000000101-1")
        )
        #expect(order.access(at: 36) == EntitlementState(status: .refunded, hasAccess: false, paidThrough: day(60)))
        #expect(order.flags == [.refundedStillBilling])
    }

    @Test func `E4: a refund of an older period changes nothing`() {
        let order = Story.order(
            story.subscription(),
            story.payment(1, at: 30, due: 60),
            story.payment(2, at: 60, due: 90),
            story.refund(5900, at: 65, invoice: "000000101-1"),
        )
        #expect(order.status(at: 66) == .active)
        #expect(order.flags.isEmpty)
    }

    @Test func `E4: a refund that names no period is of the latest one before it`() {
        let order = Story.order(
            story.subscription(),
            story.payment(1, at: 30, due: 60),
            story.refund(5900, at: 35, invoice: "000000101")
        )
        #expect(order.status(at: 36) == .refunded)
        var paidAgain = order
        paidAgain.merge(Order(story.payment(2, at: 60, due: 90), heardAt: day(60)))
        #expect(paidAgain.status(at: 61) == .active)
    }

    @Test func `E4: what is paid off is lost only when all of it is refunded`() {
        let plan = [
            story.subscription(paid: 25000), story.payment(1, at: 30, due: 60, amount: 25000, remaining: 1),
            story.payment(2, at: 60, amount: 25000, remaining: 0),
        ]
        #expect(Story.order(plan + [story.refund(25000, at: 61)]).status(at: 62) == .completed)
        #expect(Story.order(plan + [story.refund(75000, at: 61)]).status(at: 62) == .refunded)
    }

    @Test func `E5: amounts on other events are no money, and huge ones no crash`() {
        let order = Story.order(
            story.sale(paid: .max),
            story.payment(1, at: 30, due: 60, amount: .max),
            story.refund(.max, at: 31, record: "1"),
            story.refund(.max, at: 32, record: "2"),
        )
        #expect(order.status(at: 33) == .refunded)
    }
}
