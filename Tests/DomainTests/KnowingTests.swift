import Foundation
import Testing

@testable import Domain

/// Two accounts of one fact, told by two roads: by its number and by its time alone.
@Suite struct `What is known already` {
    let story = Story()
    private static let seconds = 1.0 / 86_400

    /// As the books tell it.
    private func row(_ time: Double) -> CheckoutEvent { story.payment(nil, at: time, frequency: .month) }

    @Test func `a row near a payment that we heard of is that payment`() {
        let order = Story.order(story.subscription(), story.payment(1, at: 30, due: 60))
        #expect(order.knows(row(30)))
        #expect(order.knows(row(30.04)))
        #expect(!order.knows(row(30.05)))
        #expect(!order.knows(row(31)))
    }

    @Test(arguments: [[0, 3], [3, 0], [2, 3]])
    func `of two rows within an hour a payment explains one, the nearest, and the other is news`(_ at: [Double]) {
        let heard = 30 + at[0] * Self.seconds
        let order = Story.order(story.subscription(), story.payment(1, at: heard, due: 60))
        let rows = [row(30), row(30 + 3 * Self.seconds)]
        let nearest = at[0] < 1.5 ? 0 : 1
        let acquaintance = order.acquaintance(with: rows)
        #expect(acquaintance[nearest] == .witness)
        #expect(acquaintance[1 - nearest] == .unknown)
        // In any order.
        #expect(order.acquaintance(with: rows.reversed()) == acquaintance.reversed())
    }

    @Test func `two payments explain two rows, and a third row is news`() {
        let order = Story.order(
            story.subscription(),
            story.payment(1, at: 30),
            story.payment(2, at: 30 + 3 * Self.seconds)
        )
        let rows = [row(30 + Self.seconds), row(30 + 4 * Self.seconds)]
        #expect(order.acquaintance(with: rows) == [.explained, .explained])
        #expect(order.acquaintance(with: rows + [row(30.01)]) == [.witness, .witness, .unknown])
    }

    @Test func `what the books told first explains one late webhook each`() {
        let order = Story.order(story.subscription(), row(30), row(30 + 3 * Self.seconds))
        let first = story.payment(1, at: 30)
        let second = story.payment(2, at: 30 + 3 * Self.seconds)
        #expect(order.knows(second))
        var heard = order
        heard.merge(Order(second, heardAt: day(40)))
        #expect(heard.knows(first))
        heard.merge(Order(first, heardAt: day(40)))
        #expect(heard.item("product-7")?.renewals.count == 2)
        // Three times 59.00 were paid: all of it must be given back for a full refund.
        #expect(heard.item("product-7")?.totalPaid == 17_700)
        #expect(!heard.knows(story.payment(3, at: 30 + 6 * Self.seconds)))
    }

    @Test func `a payment of which only the neighbour was heard counts beside it, once it is written down`() {
        var order = Story.order(story.subscription(), story.payment(1, at: 30))
        for row in [row(30), row(30 + 3 * Self.seconds)] { order.merge(Order(row, heardAt: day(40))) }
        #expect(order.item("product-7")?.renewals.count == 2)
        #expect(order.item("product-7")?.totalPaid == 17_700)
    }

    @Test func `of two equal refunds within an hour, each explains one row`() {
        let order = Story.order(story.sale(), story.refund(1000, at: 3))
        let rows = [
            story.refund(1000, at: 3, record: "71"), story.refund(1000, at: 3 + 5 * Self.seconds, record: "72"),
        ]
        #expect(order.acquaintance(with: rows) == [.witness, .unknown])
        #expect(order.acquaintance(with: [story.refund(900, at: 3, record: "73")]) == [.unknown])
        var all = order
        for row in rows { all.merge(Order(row, heardAt: day(40))) }
        #expect(all.item("product-7")?.distinctRefunds.count == 2)
    }
}
