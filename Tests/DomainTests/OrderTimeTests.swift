import Foundation
import Testing

@testable import Domain

@Suite struct `Order and time` {
    let story = Story()

    @Test func `C3: aspects move forward each in its own time`() {
        let order = Story.order(
            story.payment(2, at: 60, due: 90),
            story.pause(at: 40),
            story.payment(1, at: 30, due: 60),
            story.resume(at: 50),
            story.subscription(),
        )
        #expect(
            order.access(at: 61)
                == EntitlementState(
                    status: .active,
                    hasAccess: true,
                    paidThrough: day(90),
                    changesAt: day(97)
                )
        )
    }

    @Test func `C3: renewals in reverse keep the latest paid-through`() {
        let order = Story.order(
            story.payment(2, at: 60, due: 90),
            story.payment(1, at: 30, due: 60),
            story.subscription()
        )
        #expect(order.access(at: 61).paidThrough == day(90))
    }

    @Test func `C3: a stale decline of a paid invoice changes nothing, whatever its time`() {
        let order = Story.order(
            story.subscription(),
            story.failure(1, at: 30),
            story.payment(1, at: 35, due: 60),
            story.failure(1, at: 36)
        )
        #expect(order.status(at: 36) == .active)
    }

    @Test func `C3: a payment of an earlier invoice does not clear a later decline`() {
        let order = Story.order(story.subscription(), story.payment(1, at: 62, due: 60), story.failure(2, at: 61))
        #expect(order.status(at: 62) == .pastDue)
    }

    @Test func `C3: where invoices do not tell, a later payment clears a decline`() {
        let order = Story.order(story.subscription(), story.failure(nil, at: 30), story.payment(1, at: 32, due: 60))
        #expect(order.status(at: 33) == .active)
        let other = Story.order(story.subscription(), story.payment(1, at: 32, due: 60), story.failure(nil, at: 61))
        #expect(other.status(at: 62) == .pastDue)
    }

    @Test func `C3: the order's own invoice on a decline names no renewal, so time decides`() {
        let order = Story.order(story.subscription(), story.payment(1, at: 30, due: 60), story.failure(0, at: 61))
        #expect(order.status(at: 61) == .pastDue)
    }

    @Test func `C3: pause then resume, heard the wrong way round, is resumed`() {
        let order = Story.order(story.subscription(), story.resume(at: 34, due: 60), story.pause(at: 12))
        #expect(
            order.access(at: 35)
                == EntitlementState(
                    status: .active,
                    hasAccess: true,
                    paidThrough: day(30),
                    changesAt: day(67)
                )
        )
    }

    @Test func `C4: what comes before its sale waits for it and gives nothing`() {
        for early in [story.cancellation(at: 10, until: 30), story.refund(5900, at: 1), story.pause(at: 1)] {
            #expect(Story.order(early).access(at: 2) == .none)
        }
        let cancelled = Story.order(story.cancellation(at: 10, until: 30), story.subscription())
        #expect(
            cancelled.access(at: 11)
                == EntitlementState(
                    status: .ending,
                    hasAccess: true,
                    accessUntil: day(30),
                    paidThrough: day(30),
                    changesAt: day(30)
                )
        )
        #expect(Story.order(story.refund(5900, at: 1), story.sale()).status(at: 2) == .refunded)
    }

    @Test func `C5: in one second end states beat start states`() {
        let paid = [story.subscription(), story.payment(1, at: 30, due: 60)]
        #expect(Story.order(paid + [story.cancellation(at: 30, until: 60)]).status(at: 31) == .ending)
        #expect(Story.order(paid + [story.pause(at: 30)]).status(at: 31) == .paused)
        #expect(Story.order(paid + [story.pause(at: 31), story.resume(at: 31)]).status(at: 32) == .paused)
        #expect(
            Story.order(paid + [story.cancellation(at: 30), story.refund(11800, at: 30)]).status(at: 31) == .refunded
        )
    }

    @Test func `an untimed event counts from when we heard of it, and proves no order`() {
        let sold = Story.order(story.subscription(), story.cancellation(at: 10, until: 30))
        var late = sold
        late.merge(Order(story.payment(1, at: nil, due: 30), heardAt: day(20)))
        #expect(late.status(at: 21) == .ending)
        var renewed = sold
        renewed.merge(Order(story.payment(1, at: nil, due: 60), heardAt: day(20)))
        #expect(renewed.status(at: 21) == .active)
    }

    @Test(arguments: UInt64(0)..<200)
    func `any order and any number of repeats give the same ledger`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var nameless = story
        nameless.item = .onlyItem
        let events = [
            story.subscription(), story.payment(1, at: 30, due: 60), story.payment(2, at: 60, due: 90),
            story.failure(1, at: 29), story.failure(2, at: 58), story.failure(3, at: 90),
            story.pause(at: 40, until: 60),
            story.resume(at: 41, due: 60), story.cancellation(at: 70, until: 90),
            story.refund(1000, at: 61, record: "1"),
            story.refund(1000, at: 62, record: "2"), story.completion(at: 100), nameless.payment(2, at: 60, due: 90),
            nameless.failure(3, at: 90), story.sale(["product-7", "bump-7"]),
        ]
        let expected = Story.order(events)
        let told = Story.order((events + events + events).shuffled(using: &random))
        #expect(told == expected)
        for time in stride(from: 0.0, to: 120, by: 7) {
            #expect(
                told.states(at: day(time), policy: AccessPolicy())
                    == expected.states(at: day(time), policy: AccessPolicy())
            )
        }
    }

    @Test(arguments: UInt64(0)..<100)
    func `time alone only takes access away, once, and when it said it would`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let all = [
            story.subscription(), story.payment(1, at: 30, due: 60), story.failure(1, at: 30), story.failure(2, at: 60),
            story.pause(at: 40, until: 60), story.resume(at: 41, due: 60), story.cancellation(at: 70, until: 90),
            story.cancellation(at: 20), story.refund(5900, at: 31), story.completion(at: 65), story.sale(),
        ]
        let order = Story.order(all.shuffled(using: &random).prefix(Int.random(in: 1...6, using: &random)))
        var state = order.access(at: 0)
        for time in stride(from: 0.0, to: 130, by: 0.5) {
            let next = order.access(at: time)
            #expect(state.asOf(day(time)).hasAccess == next.hasAccess, "day \(time)")
            #expect(state.asOf(day(time)).status == next.status, "day \(time)")
            state = next
        }
    }
}
