import Domain
import Foundation
import FulfillmentJobs
import Postgres
import ReconciliationJobs
import Redis
import Store
import TestKit
import Testing
import ThriveCart

@testable import SandboxPages

/// The rules of repair, clause by clause.
@Suite struct `Repair by the books` {
    // MARK: H1, the daily look

    @Test func `H1 every row goes through the natural keys: what was heard is agreed, and nothing is told twice`()
        async throws
    {
        try await withBookShop { shop in
            let order = try await shop.buy("ana@example.com", items: ["product-7", "bump-7"])
            try await shop.renew(order, "product-7")
            let before = try await shop.store.pool.query("SELECT count(*) FROM outbox").decode(Int.self)[0]
            let counts = try await shop.run()
            #expect(counts.rows == 3 && counts.agreed == 3 && counts.healed == 0)
            // The run's own summary, and no more.
            #expect(try await shop.store.pool.query("SELECT count(*) FROM outbox").decode(Int.self)[0] == before + 1)
            #expect(try await shop.messages("reconciliation.completed") == 1)
        }
    }

    @Test func `H1 what was missed is healed, and the webhook that comes afterwards changes nothing`() async throws {
        try await withBookShop(daysAgo: 10) { shop in
            let (order, sale) = try await shop.shop.ledger.buy(Cart(email: "ana@example.com", plan: "monthly"))
            let renewal = try await shop.shop.ledger.renew(order.id, nil)
            try await shop.happen(sale + renewal, isHeard: false)
            #expect(try await shop.run().healed == 2)
            let healed = try await shop.standing("ana@example.com")
            let due = try await shop.shop.ledger.order(order.id).items[0].subscription?.nextDue
            #expect(healed?.access == true && healed?.paidThrough == due)

            for applied in try await shop.hear(sale + renewal) {
                guard case .kept(_, .ignored("known")) = applied else {
                    Issue.record("\(applied)")
                    continue
                }
            }
            #expect(try await shop.standing("ana@example.com") == healed)
            #expect(try await shop.messages("order.paid") == 1)
            #expect(try await shop.messages("subscription.renewed") == 1)
            #expect(try await shop.run().healed == 0)
        }
    }

    @Test func `H1 a late webhook of a healed renewal does not count its money twice`() async throws {
        try await withBookShop { shop in
            let order = try await shop.buy("ana@example.com")
            let renewal = try await shop.shop.ledger.renew(order, nil)
            try await shop.happen(renewal, isHeard: false)
            _ = try await shop.run()
            try await shop.hear(renewal)
            // All that was paid, 29.00 twice, is given back.
            try await shop.refund(order)
            #expect(try await shop.standing("ana@example.com")?.status == "refunded")
        }
    }

    @Test func `H1 rows that shift onto the next page are looked at once`() async throws {
        try await withBookShop { shop in
            try await shop.buy("ana@example.com", "once", isHeard: false)
            let books = try #require(try await shop.dependencies.books(of: shop.site, in: .live))
            let rows = try await books.transactions(page: 1).rows
            let comparison = BooksComparison(shop.site, in: .live, books: books, store: shop.store)
            var edge = PageEdge()
            let counts = try await comparison.look(at: rows + rows, after: &edge)
            #expect(counts.rows == 1 && counts.healed == 1)
            let again = try await comparison.look(at: rows, after: &edge)
            #expect(again.rows == 1 && again.agreed == 1)
        }
    }

    @Test func `H1 reads down to the last seen row less two days, and to the last payment of open subscriptions`()
        async throws
    {
        try await withBookShop { shop in
            for number in 1...210 { try await shop.buy("b\(number)@example.com", "once") }
            shop.shop.clock.advance(by: 10 * 86_400)
            try await shop.buy("seen@example.com", "once")
            #expect(try await shop.run().rows == 211)
            shop.shop.clock.advance(by: 50 * 86_400)
            try await shop.buy("late@example.com", "once", isHeard: false)
            let next = try await shop.run(.daily, since: nil)
            // One page: the old rows on it are older than the last seen one less 48 hours.
            #expect(next.rows == 100 && next.healed == 1)
        }
    }

    @Test func `H1 whose access would change is confirmed by the customer's record first`() async throws {
        try await withBookShop(daysAgo: 10) { shop in
            try await shop.buy("ana@example.com", isHeard: false)
            await shop.setFaults { $0.isForgetful = true }
            let counts = try await shop.run()
            #expect(counts.healed == 0 && counts.needsPerson == 1)
            #expect(try await shop.standing("ana@example.com") == nil)
            await shop.setFaults { _ in }
            #expect(try await shop.run().healed == 1)
            #expect(try await shop.standing("ana@example.com")?.access == true)
            #expect(try await shop.discrepancies(.person).isEmpty)
        }
    }

    @Test func `H1 a run that was killed goes on at its page`() async throws {
        try await withBookShop { shop in
            for number in 1...230 { try await shop.buy("b\(number)@example.com", "once", isHeard: number > 5) }
            let run = BooksRun(shop.site, in: .live, shop.dependencies)
            let killed = Task {
                try await run.run(.init(.asked, since: .distantPast)) { run in
                    if run.page == 3 { withUnsafeCurrentTask { $0?.cancel() } }
                }
            }
            _ = try? await killed.value  // Because it was killed.
            try await shop.store.pool.query("UPDATE reconciliations SET beat_at = now() - interval '1 minute'")
            let before = await shop.requests.count()
            let ended = try await run.run(.init(.asked, since: .distantPast))
            #expect(ended.counts.rows == 230 && ended.counts.healed == 5)
            // Ping, the end of the second page, the third, the empty one behind it, and five customers.
            #expect(await shop.requests.count() - before == 9)
            #expect(try await shop.store.pool.query("SELECT count(*) FROM reconciliations").decode(Int.self) == [1])
        }
    }

    @Test func `H1 sixty requests a minute are shared by all processes`() async throws {
        let redis = try await TestRedis()
        let paces = try await [redis.client, TestRedis.client()].map {
            RequestPace(redis: $0, perMinute: 605, logger: .silent)
        }
        let account = redis.prefix
        let clock = ContinuousClock()
        let time = try await clock.measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<15 { group.addTask { try await paces[number % 2].turn(for: account) } }
                try await group.waitForAll()
            }
        }
        // Five at once, then one each 100 ms.
        #expect(time >= .milliseconds(950))
    }

    @Test func `H1 live and test books are asked for by X-TC-Mode, and test orders open nothing`() async throws {
        try await withBookShop { shop in
            try await shop.buy("ana@example.com", "once", mode: .test, isHeard: false)
            #expect(try await shop.run(in: .live).rows == 0)
            #expect(try await shop.run(in: .test).rows == 1)
            #expect(try await shop.standing("ana@example.com") == nil)
        }
    }

    // MARK: H2, the kinds of rows

    @Test func `H2 charge, rebill, refund and cancel are sale, payment, refund and cancellation`() async throws {
        try await withBookShop { shop in
            let cancelled = try await shop.buy("cancelled@example.com", isHeard: false)
            try await shop.renew(cancelled, isHeard: false)
            try await shop.cancel(cancelled, isHeard: false)
            let refunded = try await shop.buy("refunded@example.com", "once", isHeard: false)
            try await shop.refund(refunded, isHeard: false)
            let part = try await shop.buy("part@example.com", "once", isHeard: false)
            try await shop.refund(part, amount: 1000, isHeard: false)
            let split = try await shop.buy("split@example.com", "split", isHeard: false)
            try await shop.renew(split, isHeard: false)
            try await shop.renew(split, isHeard: false)

            #expect(try await shop.run().healed == 10)
            // Two months from a hundred days ago are over.
            let ended = try await shop.standing("cancelled@example.com")
            #expect(ended?.status == "ended" && ended?.access == false)
            #expect(try await shop.standing("refunded@example.com")?.status == "refunded")
            #expect(try await shop.standing("part@example.com")?.status == "active")
            #expect(try await shop.standing("split@example.com")?.status == "completed")
            #expect(try await shop.run().healed == 0)
        }
    }

    @Test func `H2 pauses and resumes are in no row: how a subscription stands tells them`() async throws {
        try await withBookShop(daysAgo: 10) { shop in
            let order = try await shop.buy("ana@example.com")
            try await shop.pause(order, isHeard: false)
            #expect(try await shop.run { $0.inFlight = 0 }.healed == 1)
            #expect(try await shop.standing("ana@example.com")?.status == "paused")

            try await shop.resume(order, isHeard: false)
            _ = try await shop.run { $0.inFlight = 0 }
            #expect(try await shop.standing("ana@example.com")?.status == "active")
            let again = try await shop.run { $0.inFlight = 0 }
            #expect(again.healed == 0 && again.waiting == 0)
        }
    }

    // MARK: H3, nothing is taken on weak grounds

    @Test(arguments: ["a 404", "an empty page", "a 503"])
    func `H3 nothing is taken away on`(trouble: String) async throws {
        try await withBookShop(daysAgo: 10) { shop in
            let order = try await shop.buy("ana@example.com")
            let before = try await shop.standing("ana@example.com")
            try await shop.refund(order, isHeard: false)
            await shop.setFaults { faults in
                switch trouble {
                case "a 404": faults.isForgetful = true
                case "an empty page": faults.isEmpty = true
                default: faults.isDown = true
                }
            }
            do {
                _ = try await shop.run { $0.inFlight = 0 }
                #expect(trouble != "a 503")
            } catch ThriveCartAPIError.outage(503) {
                #expect(trouble == "a 503")
            }
            #expect(try await shop.standing("ana@example.com") == before)
        }
    }

    @Test(arguments: [("refund", "refunded"), ("cancellation", "ending"), ("pause", "paused")])
    func `H3 a disagreement younger than ten minutes waits, and is looked at again`(
        loss: String,
        status: String
    ) async throws {
        try await withBookShop(daysAgo: 0) { shop in
            let order = try await shop.buy("ana@example.com")
            let before = try await shop.standing("ana@example.com")
            switch loss {
            case "refund": try await shop.refund(order, isHeard: false)
            case "cancellation": try await shop.cancel(order, isHeard: false)
            default: try await shop.pause(order, isHeard: false)
            }
            let first = try await shop.run()
            #expect(first.waiting >= 1 && first.healed == 0)
            #expect(try await shop.standing("ana@example.com") == before)
            #expect(try await shop.discrepancies(.found).count == first.waiting)

            let books = try #require(try await shop.dependencies.books(of: shop.site, in: .live))
            let early = BooksComparison(shop.site, in: .live, books: books, store: shop.store)
            #expect(try await early.lookAgain().rows == 0)
            let later = BooksComparison(
                shop.site,
                in: .live,
                books: books,
                store: shop.store,
                now: { Date().addingTimeInterval(601) }
            )
            #expect(try await later.lookAgain().healed == first.waiting)
            #expect(try await shop.standing("ana@example.com")?.status == status)
            let kinds = try await shop.discrepancies(.healed).map(\.kind.rawValue)
            #expect(Set(kinds) == [loss])
        }
    }

    @Test func `H3 what is given does not wait`() async throws {
        try await withBookShop(daysAgo: 0) { shop in
            try await shop.buy("ana@example.com", isHeard: false)
            #expect(try await shop.run().healed == 1)
            #expect(try await shop.standing("ana@example.com")?.access == true)
        }
    }

    // MARK: H4, one member

    @Test func `H4 a resync asks for every address that the member has or had`() async throws {
        try await withBookShop { shop in
            let (_, first) = try await shop.shop.ledger.buy(Cart(email: "old@example.com", plan: "once"))
            try await shop.happen(first, isHeard: true)
            let (second, sale) = try await shop.shop.ledger.buy(Cart(email: "new@example.com", plan: "monthly"))
            let customer = try #require(first.first).order.buyer.customerID
            try await shop.happen(sale.map { $0.bought(by: customer) }, isHeard: true)
            let renewal = try await shop.shop.ledger.renew(second.id, nil)
            try await shop.happen(renewal.map { $0.bought(by: customer) }, isHeard: false)

            let resync = MemberResync(shop.site, in: .live, shop.dependencies)
            let email = try #require(EmailAddress("old@example.com"))
            let result = try await resync.run(email, comparing: BooksComparison.Options())
            #expect(Set(result.addresses.map(\.normalized)) == ["old@example.com", "new@example.com"])
            #expect(result.counts.rows == 3 && result.counts.healed == 1)
        }
    }

    // MARK: H5, why access changed

    @Test func `H5 every change has its audit row: source, event, key, before, after and both clocks`() async throws {
        try await withBookShop(daysAgo: 10) { shop in
            let order = try await shop.buy("ana@example.com")
            try await shop.refund(order, isHeard: false)
            _ = try await shop.run()
            let event = try #require(try await shop.discrepancies(.healed).first?.event)
            let rows = try await shop.store.pool.query(
                """
                SELECT source, action, natural_key, before_status, before_access, after_status, after_access,
                    occurred_at < now() - interval '9 days' AND applied_at > now() - interval '1 hour'
                FROM audit
                WHERE event = \(event)
                """
            )
            .decode((String, String, String, String, Bool, String, Bool, Bool).self)
            let row = try #require(rows.first)
            #expect(row.0 == "reconciliation" && row.1 == "transaction.refund" && row.2.contains("/refund/record/"))
            #expect(row.3 == "active" && row.4 && row.5 == "refunded" && !row.6 && row.7)
        }
    }
}

extension ShopEvent {
    /// The same, of a customer that the account knows by this number.
    fileprivate func bought(by customer: String) -> ShopEvent {
        var event = self
        var buyer = order.buyer
        buyer.customerID = customer
        event.order = ShopOrder(
            id: order.id,
            invoice: order.invoice,
            buyer: buyer,
            mode: order.mode,
            currency: order.currency,
            placedAt: order.placedAt,
            items: order.items,
            newestEvent: order.newestEvent
        )
        return event
    }
}
