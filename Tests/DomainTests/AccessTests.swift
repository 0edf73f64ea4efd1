import Foundation
import Testing

@testable import Domain

@Suite struct `Access` {
    let story = Story()

    @Test func `F1: the strongest source decides`() {
        let ending = EntitlementState(status: .ending, hasAccess: true, accessUntil: day(30), changesAt: day(30))
        let pastDue = EntitlementState(status: .pastDue, hasAccess: true, accessUntil: day(20), changesAt: day(20))
        let paused = EntitlementState(status: .paused, hasAccess: true, accessUntil: day(40), changesAt: day(40))
        let owned = EntitlementState(status: .active, hasAccess: true)
        let refunded = EntitlementState(status: .refunded, hasAccess: false)
        let states = [paused, refunded, ending, pastDue]

        #expect([EntitlementState]().strongest(at: day(1)) == nil)
        #expect((states + [owned]).strongest(at: day(1)) == owned)
        #expect(states.strongest(at: day(1))?.status == .pastDue)
        #expect(states.strongest(at: day(1))?.accessUntil == day(40))
        #expect(states.strongest(at: day(25))?.status == .ending)
        #expect(states.strongest(at: day(35))?.status == .paused)
        #expect(states.strongest(at: day(45))?.hasAccess == false)
        #expect([refunded, .none].strongest(at: day(1)) == refunded)
    }

    @Test func `F2: a sale gives access at once`() {
        #expect(Story.order(story.sale()).access(at: 0) == EntitlementState(status: .active, hasAccess: true))
    }

    @Test func `F3: a renewal extends what is paid, and silence lapses after the slack`() {
        let order = Story.order(story.subscription(), story.payment(1, at: 30, due: 60))
        #expect(
            order.access(at: 61)
                == EntitlementState(
                    status: .active,
                    hasAccess: true,
                    paidThrough: day(60),
                    changesAt: day(67)
                )
        )
        #expect(
            order.access(at: 67)
                == EntitlementState(
                    status: .ended,
                    hasAccess: false,
                    accessUntil: day(67),
                    paidThrough: day(60)
                )
        )
        #expect(order.access(at: 63.5, policy: AccessPolicy(slackDays: 3)).status == .ended)
    }

    @Test func `F3: without a date the calendar month counts`() {
        let order = Story.order(story.sale(frequency: .month), story.payment(1, at: 30, frequency: nil))
        // 21 September + 30 days = 21 October; one month on is 21 November.
        #expect(order.access(at: 31).paidThrough == day(61))
    }

    @Test(arguments: [("2026-01-31", "2026-02-28", "2026-03-31"), ("2026-01-30", "2026-02-28", "2026-03-30")])
    func `F3: a renewal at the end of a short month pays until the day of the sale`(
        sold: String,
        paid: String,
        due: String
    ) throws {
        func noon(_ text: String) throws -> Date { try Date("\(text)T12:00:00Z", strategy: .iso8601) }
        func time(_ text: String) throws -> Double { try noon(text).timeIntervalSince(Story.soldAt) / 86_400 }
        let order = Story.order(
            story.sale(at: try time(sold), frequency: .month),
            story.payment(1, at: try time(paid), frequency: .month)
        )
        let (later, next) = (try time(paid) + 1, try noon(due))
        #expect(order.access(at: later).paidThrough == next)
        // A resume begins a new month.
        var resumed = order
        resumed.merge(Order(story.resume(at: try time(paid) - 0.001), heardAt: .distantPast))
        let anew = try noon("2026-03-28")
        #expect(resumed.access(at: later).paidThrough == anew)
    }

    @Test func `F3: a late renewal revives what had ended`() {
        let order = Story.order(
            story.subscription(),
            story.cancellation(at: 10, until: 30),
            story.payment(1, at: 50, due: 80)
        )
        #expect(order.status(at: 51) == .active)
        #expect(Story.order(story.subscription(), story.payment(1, at: 50, due: 80)).status(at: 51) == .active)
    }

    @Test func `F3: a renewal whose sale we never saw gives access`() {
        #expect(Story.order(story.payment(6, at: 180, due: 210)).status(at: 181) == .active)
    }

    @Test func `F3: a subscription without any date stays open and is shown`() {
        let order = Story.order(story.payment(1, at: 30))
        #expect(order.access(at: 300) == EntitlementState(status: .active, hasAccess: true))
        #expect(order.flags == [.periodUnknown])
    }

    @Test func `F4: a decline keeps access for the grace, counted from the first`() {
        let order = Story.order(story.subscription(), story.failure(1, at: 30), story.failure(1, at: 35))
        #expect(
            order.access(at: 36)
                == EntitlementState(
                    status: .pastDue,
                    hasAccess: true,
                    accessUntil: day(37),
                    paidThrough: day(30),
                    changesAt: day(37)
                )
        )
        #expect(
            order.access(at: 37)
                == EntitlementState(
                    status: .pastDue,
                    hasAccess: false,
                    accessUntil: day(37),
                    paidThrough: day(30)
                )
        )
        #expect(order.access(at: 31.5, policy: AccessPolicy(graceDays: 1)).hasAccess == false)
    }

    @Test func `F4: a decline takes nothing that is paid, and revives nothing that lapsed`() {
        #expect(Story.order(story.subscription(), story.failure(1, at: 20)).access(at: 29).hasAccess)
        let lapsed = Story.order(story.subscription(), story.failure(1, at: 40))
        #expect(
            lapsed.access(at: 41)
                == EntitlementState(
                    status: .pastDue,
                    hasAccess: false,
                    accessUntil: day(37),
                    paidThrough: day(30)
                )
        )
    }

    @Test func `F4: a payment after the grace brings access back`() {
        let order = Story.order(story.subscription(), story.failure(1, at: 30), story.payment(1, at: 50, due: 60))
        #expect(order.access(at: 51).hasAccess)
    }

    @Test func `F5: cancelled access ends with the period, not with the slack`() {
        let told = Story.order(story.subscription(), story.cancellation(at: 10, until: 28))
        #expect(told.access(at: 27).accessUntil == day(28))
        #expect(told.access(at: 28).status == .ended)
        let untold = Story.order(story.subscription(), story.cancellation(at: 10))
        #expect(untold.access(at: 11).accessUntil == day(30))
    }

    @Test func `F5: cancelled without any end is over now, and shown`() {
        let order = Story.order(story.sale(), story.cancellation(at: 10))
        #expect(order.status(at: 10) == .ended)
        #expect(order.flags == [.cancelledWithoutEnd])
    }

    @Test func `F6: a pause keeps what is paid, then nothing`() {
        let order = Story.order(story.subscription(), story.pause(at: 12, until: 30))
        #expect(
            order.access(at: 13)
                == EntitlementState(
                    status: .paused,
                    hasAccess: true,
                    accessUntil: day(30),
                    paidThrough: day(30),
                    changesAt: day(30)
                )
        )
        #expect(
            order.access(at: 30)
                == EntitlementState(
                    status: .paused,
                    hasAccess: false,
                    accessUntil: day(30),
                    paidThrough: day(30)
                )
        )
    }

    @Test func `F6: a resume is active while its payment is expected`() {
        let order = Story.order(story.subscription(), story.pause(at: 12), story.resume(at: 50))
        #expect(
            order.access(at: 51)
                == EntitlementState(
                    status: .active,
                    hasAccess: true,
                    paidThrough: day(30),
                    changesAt: day(57)
                )
        )
        #expect(order.access(at: 57).status == .ended)
        let paid = Story.order(
            story.subscription(),
            story.pause(at: 12),
            story.resume(at: 50),
            story.payment(1, at: 50, due: 80)
        )
        #expect(paid.access(at: 51).paidThrough == day(80))
    }

    @Test func `F6: a resume starts declines afresh, and money taken ends a pause`() {
        let resumed = Story.order(
            story.subscription(),
            story.failure(1, at: 30),
            story.pause(at: 31),
            story.resume(at: 50)
        )
        #expect(resumed.status(at: 51) == .active)
        #expect(
            Story.order(story.subscription(), story.pause(at: 12), story.payment(1, at: 30, due: 60)).status(at: 31)
                == .active
        )
    }

    @Test func `F7: the last instalment makes it owned, and no cancellation ends that`() {
        let plan = [story.subscription(), story.payment(3, at: 90, remaining: 0)]
        for more in [[], [story.cancellation(at: 91)], [story.failure(3, at: 89)], [story.pause(at: 91)]] {
            #expect(Story.order(plan + more).access(at: 400) == EntitlementState(status: .completed, hasAccess: true))
        }
        #expect(Story.order(story.subscription(), story.completion(at: 90)).status(at: 400) == .completed)
        #expect(
            Story.order(story.subscription(), story.cancellation(at: 90, remaining: 0)).status(at: 400) == .completed
        )
    }

    @Test func `F7: a cancelled plan with instalments left ends like a subscription`() {
        let order = Story.order(
            story.subscription(),
            story.payment(1, at: 30, due: 60, remaining: 2),
            story.cancellation(at: 40, until: 60, remaining: 2),
        )
        #expect(order.access(at: 41).accessUntil == day(60))
    }

    @Test func `F8: a trial is paid through its end, and the first charge converts it`() {
        let trial = story.sale(paid: 0, due: 7, frequency: .month)
        #expect(Story.order(trial).access(at: 1).paidThrough == day(7))
        #expect(Story.order(trial, story.cancellation(at: 3, until: 7)).access(at: 4).accessUntil == day(7))
        #expect(Story.order(trial, story.payment(1, at: 7, due: 37)).access(at: 8).paidThrough == day(37))
        #expect(Story.order(trial).status(at: 14) == .ended)
    }

    @Test func `F9: an upgrade keeps access, whichever half comes first`() {
        let old = Story.order(story.subscription(), story.cancellation(at: 12, until: 30)).access(at: 13)
        let new = Story.order(Story(order: "40000018").sale(["product-11"], at: 12)).access(at: 13, to: "product-11")
        let both = [old, new].strongest(at: day(13))
        #expect(both == [new, old].strongest(at: day(13)))
        #expect(both?.status == .active)
        #expect(both?.accessUntil == nil)
    }

    @Test func `F10: an abandoned cart says nothing of any order`() {
        let cart = CheckoutEvent(
            provider: .thriveCart,
            account: "examplestudio",
            mode: nil,
            name: "cart.abandoned",
            deliveryKey: "1",
            occurredAt: day(1),
            buyer: .ana,
            fact: .cartAbandoned(AbandonedCart(item: "product-7")),
        )
        #expect(cart.order == nil)
        #expect(Order(cart, heardAt: day(1)).items.isEmpty)
    }

    @Test func `F13: what is not surely live is a test`() {
        var event = story.sale()
        #expect(event.order?.mode == .live)
        event.mode = nil
        #expect(event.order?.mode == .test)
        let site = Site(id: .new(at: day(0)), slug: Slug("s")!, name: "S", thriveCartAccount: nil, createdAt: day(0))
        #expect(site.grants(in: .live))
        #expect(!site.grants(in: .test))
    }
}
