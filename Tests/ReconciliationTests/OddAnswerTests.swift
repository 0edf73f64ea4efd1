import AsyncHTTPClient
import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Postgres
import ReconciliationJobs
import Sealing
import Store
import Synchronization
import TestKit
import Testing
import ThriveCart

@testable import SandboxPages

/// What ThriveCart answers when it is not itself, and what happens between two of its answers.
@Suite struct `Odd answers of the books` {
    // MARK: The limit

    @Test func `H1 a 429 is waited out as Retry-After says, and every request waits for its turn`() async throws {
        try await withBookShop { shop in
            try await shop.buy("ana@example.com", "once")
            let once = Once()
            try await shop.answering({ _ in once() ? .init(status: 429, retryAfter: 1, body: "") : nil }) { odd in
                let turns = Mutex(0)
                var patience = ThriveCartAPI.Patience()
                patience.afterLimit = .seconds(600)
                let books = ThriveCartAPI(
                    key: BookShop.apiKey,
                    mode: .live,
                    address: odd.dependencies.thriveCart,
                    client: .shared,
                    patience: patience,
                    turn: { turns.withLock { $0 += 1 } }
                )
                let clock = ContinuousClock()
                let time = try await clock.measure {
                    let page = try await books.transactions(page: 1)
                    #expect(page.rows.count == 1)
                }
                #expect(time >= .seconds(1) && turns.withLock { $0 } == 2)
            }
        }
    }

    @Test func `H1 a limit that stays used up is an outage, which spends no attempt`() async throws {
        try await withBookShop { shop in
            try await shop.answering({ _ in .init(status: 429, body: "") }) { odd in
                guard case .snoozed = try await ReconcileSite(site: odd.site.id).run(odd.dependencies, .at(Date()))
                else {
                    Issue.record("a limit is no answer")
                    return
                }
            }
        }
    }

    // MARK: One customer

    @Test func `H3 a customer whom ThriveCart will not show waits for a person, and keeps nobody from being healed`()
        async throws
    {
        try await withBookShop { shop in
            for name in ["ana", "odd", "zoe"] { try await shop.buy("\(name)@example.com", "once", isHeard: false) }
            try await shop.answering({ question in
                guard question.name == "customer", question.body.contains("odd") else { return nil }
                return .init(status: 400, body: #"{"error":"That is no address."}"#)
            }) { odd in
                let counts = try await odd.run()
                #expect(counts.healed == 2 && counts.needsPerson == 1)
                let reasons = try await odd.discrepancies(.person).map(\.reason)
                #expect(reasons == ["ThriveCart does not show us the customer (400)"])
            }
            #expect(try await shop.run().healed == 1)
            #expect(try await shop.discrepancies(.person).isEmpty)
        }
    }

    @Test func `H3 a customer on whom ThriveCart breaks is looked at again, and keeps nobody from being healed`()
        async throws
    {
        try await withBookShop { shop in
            for name in ["ana", "odd", "zoe"] { try await shop.buy("\(name)@example.com", "once", isHeard: false) }
            try await shop.answering({ question in
                question.name == "customer" && question.body.contains("odd") ? .init(status: 500, body: "") : nil
            }) { odd in
                let counts = try await odd.run()
                #expect(counts.healed == 2 && counts.waiting == 1)
                #expect(try await odd.discrepancies(.found).count == 1)
            }
            try await shop.store.pool.query("UPDATE discrepancies SET found_at = now() - interval '1 hour'")
            _ = try await LookAgain().run(shop.dependencies, .at(Date()))
            #expect(try await shop.discrepancies(.found).isEmpty)
            #expect(try await shop.standing("odd@example.com")?.access == true)
        }
    }

    @Test func `H3 when it breaks on all customers it is an outage, and the run goes on later`() async throws {
        try await withBookShop { shop in
            for number in 1...9 { try await shop.buy("b\(number)@example.com", "once", isHeard: false) }
            try await shop.answering({ question in
                question.name == "customer" ? .init(status: 500, body: "") : nil
            }) { odd in
                guard case .snoozed = try await ReconcileSite(site: odd.site.id).run(odd.dependencies, .at(Date()))
                else {
                    Issue.record("an outage is no answer")
                    return
                }
            }
            #expect(try await shop.store.read { try $0.reconciliations(of: shop.site.id, limit: 9) }.first?.page == 1)
            try await shop.store.pool.query("UPDATE reconciliations SET beat_at = now() - interval '1 minute'")
            #expect(try await shop.run().healed == 9)
        }
    }

    @Test(arguments: ["transactions", "customer", "ping"])
    func `H3 a page for people in place of an answer is an outage`(name: String) async throws {
        try await withBookShop { shop in
            for number in 1...9 { try await shop.buy("b\(number)@example.com", "once", isHeard: false) }
            try await shop.answering({ question in
                question.name == name ? .init(body: "<html>We will be back soon</html>") : nil
            }) { odd in
                guard case .snoozed = try await ReconcileSite(site: odd.site.id).run(odd.dependencies, .at(Date()))
                else {
                    Issue.record("an outage is no answer")
                    return
                }
            }
        }
    }

    @Test func `G6 a row without an address is told as what it is`() async throws {
        try await withBookShop { shop in
            try await shop.buy("ana@example.com", "once", isHeard: false)
            let rows = try await shop.rows(page: 1).map { $0.setting("customer", ["name": "Ana"]) }
            try await shop.answering({ question in
                question.name == "transactions" && question.page == 1 ? .page(rows, total: 1) : nil
            }) { odd in
                #expect(try await odd.run().needsPerson == 1)
                let reasons = try await odd.discrepancies(.person).map(\.reason)
                #expect(reasons == ["it names no buyer's address that we can read"])
            }
        }
    }

    // MARK: What happens meanwhile

    @Test func `H1 two that compare the same books at once heal once, and leave nothing to a person`() async throws {
        try await withBookShop { shop in
            let order = try await shop.buy("ana@example.com", "once", isHeard: false)
            try await shop.refund(order, amount: 500, isHeard: false)
            let once = Once()
            try await shop.answering({ question in
                if question.name == "customer", once() {
                    let ana = try #require(EmailAddress("ana@example.com"))
                    let resync = MemberResync(shop.site, in: .live, shop.dependencies)
                    #expect(try await resync.run(ana, comparing: .init()).counts.healed == 2)
                }
                return nil
            }) { odd in
                let counts = try await odd.run()
                #expect(counts.healed == 0 && counts.needsPerson == 0)
            }
            #expect(try await shop.discrepancies(.person).isEmpty)
            #expect(try await shop.discrepancies(.healed).count == 2)
            #expect(try await shop.messages("order.paid") == 1)
        }
    }

    @Test func `H2 a resume that is heard between two answers leaves nothing to a person`() async throws {
        try await withBookShop(daysAgo: 10) { shop in
            let order = try await shop.buy("ana@example.com")
            try await shop.pause(order)
            let page = try await shop.rows(page: 1)
            try await shop.resume(order)
            try await shop.answering({ question in
                question.name == "transactions" && question.page == 1 ? .page(page, total: 1) : nil
            }) { odd in
                let counts = try await odd.run()
                #expect(counts.needsPerson == 0 && counts.waiting == 0)
            }
            #expect(try await shop.discrepancies(.person).isEmpty)
            #expect(try await shop.standing("ana@example.com")?.status == "active")
        }
    }

    @Test func `H2 a pause that is heard while a resume of before is healed is the newer one`() async throws {
        try await withBookShop(daysAgo: 0) { shop in
            let order = try await shop.buy("ana@example.com")
            try await shop.pause(order)
            let page = try await shop.rows(page: 1).map { $0.setting("subscription_current_status", "active") }
            _ = try await shop.shop.ledger.resume(order, nil)
            // The shop's clock for both: on a busy machine a minute passes before the run begins.
            let start = shop.shop.clock.now
            shop.shop.clock.advance(by: 60)
            let paused = try await shop.shop.ledger.pause(order, nil)
            let later = Mutex(0.0)
            try await shop.answering({ question in
                if question.page == 1 {
                    // It takes two minutes to get from here to the customer's record, and that is as old as the page.
                    later.withLock { $0 = 120 }
                    return .page(page, total: 1)
                }
                guard question.name == "customer" else { return nil }
                try await shop.hear(paused)
                return .init(body: try await shop.customer(question.body, status: "active"))
            }) { odd in
                let run = BooksRun(odd.site, in: .live, odd.dependencies) {
                    start.addingTimeInterval(later.withLock { $0 })
                }
                _ = try await run.run(.init(.asked, since: .distantPast))
            }
            #expect(try await shop.standing("ana@example.com")?.status == "paused")
        }
    }

    @Test func `what somebody ignores while it is looked at stays ignored`() async throws {
        try await withBookShop(daysAgo: 0) { shop in
            let order = try await shop.buy("ana@example.com", "once")
            try await shop.refund(order, isHeard: false)
            #expect(try await shop.run().waiting == 1)
            try await shop.answering({ question in
                if question.name == "customer" {
                    try await shop.store.pool.query("UPDATE discrepancies SET state = 'ignored', settled_at = now()")
                }
                return nil
            }) { odd in
                let counts = try await odd.run()
                #expect(counts.waiting == 0)
            }
            #expect(try await shop.discrepancies(.ignored).count == 1)
        }
    }

    @Test func `H2 who ignores a pause has not ignored the next one`() async throws {
        try await withBookShop(daysAgo: 10) { shop in
            let order = try await shop.buy("ana@example.com")
            try await shop.pause(order, isHeard: false)
            let first = try await shop.run()
            #expect(first.waiting == 1)
            try await shop.store.pool.query(
                "UPDATE discrepancies SET state = 'ignored', reason = 'by hand', settled_at = now()"
            )
            let ignored = try await shop.run { $0.inFlight = 0 }
            #expect(ignored.agreed == 1 && ignored.healed == 0 && ignored.waiting == 0)
            try await shop.resume(order, isHeard: false)
            _ = try await shop.run { $0.inFlight = 0 }
            let over = try await shop.discrepancies(.healed).compactMap(\.reason)
            #expect(over.contains("it is over: by hand"))

            try await shop.pause(order, isHeard: false)
            let second = try await shop.run { $0.inFlight = 0 }
            #expect(second.healed == 1)
            #expect(try await shop.standing("ana@example.com")?.status == "paused")
        }
    }

    @Test func `a dry run says what it would heal, and what it would leave`() async throws {
        try await withBookShop { shop in
            try await shop.buy("ana@example.com", "once", isHeard: false)
            let order = try await shop.buy("bob@example.com", "once")
            try await shop.refund(order, isHeard: false)
            let found = Mutex<[String]>([])
            _ = try await shop.run { options in
                options.isRehearsal = true
                options.rehearsed = { one in found.withLock { $0.append("\(one.kind) \(one.state)") } }
            }
            #expect(Set(found.withLock { $0 }) == ["sale healed", "refund healed"])
            #expect(try await shop.discrepancies(.healed).isEmpty)
        }
    }

    // MARK: Books that are not read

    @Test func `books that can't be read keep nobody else's from being looked at again`() async throws {
        try await withBookShop(daysAgo: 0) { shop in
            let order = try await shop.buy("ana@example.com", "once")
            try await shop.refund(order, isHeard: false)
            #expect(try await shop.run().waiting == 1)
            try await shop.store.pool.query("UPDATE discrepancies SET found_at = now() - interval '1 hour'")
            try await shop.addSiteWithWrongKey()
            _ = try await LookAgain().run(shop.dependencies, .at(Date()))
            #expect(try await shop.standing("ana@example.com")?.status == "refunded")
        }
    }

    @Test func `A8 nothing of another account's books is taken for the site's`() async throws {
        try await withBookShop { shop in
            try await shop.buy("ana@example.com", "once", isHeard: false)
            try await shop.store.pool.query("UPDATE sites SET thrivecart_account = 'another'")
            let site = try #require(try await shop.store.read { try $0.site(shop.site.id) })
            let ana = try #require(EmailAddress("ana@example.com"))
            await #expect(throws: ReconciliationProblem.otherAccount) {
                try await MemberResync(site, in: .live, shop.dependencies).run(ana, comparing: .init())
            }
            #expect(try await shop.standing("ana@example.com") == nil)
        }
    }

    @Test func `a run of books that are not compared any more is gone on with by nobody`() async throws {
        try await withBookShop { shop in
            _ = try await shop.run()
            for site in [shop.site.id, nil] {
                let run = Reconciliation(
                    site: site,
                    provider: site == nil ? .payPal : .thriveCart,
                    mode: .test,
                    kind: .daily,
                    at: Date().addingTimeInterval(-600)
                )
                #expect(try await shop.store.transaction { try $0.insert(run) })
            }
            _ = try await WatchReconciliations().run(shop.dependencies, .at(Date()))
            #expect(try await shop.dependencies.jobs.stats(of: .reconciliation).held == 0)
        }
    }
}

extension JobContext {
    fileprivate static func at(_ now: Date) -> JobContext {
        JobContext(
            id: JobID(),
            kind: LookAgain.kind,
            queue: .reconciliation,
            enqueuedAt: now,
            now: { now },
            logger: .silent
        )
    }
}

extension BookShop {
    /// What the shop answers of a customer, with its subscriptions in this state.
    fileprivate func customer(_ form: String, status: String) async throws -> String {
        let email = form.dropFirst("email=".count).replacing("%40", with: "@")
        let value = try #require(await shop.books.customer(String(email), .live))
        return String(decoding: value.jsonText, as: UTF8.self)
            .replacing(#""status":"paused""#, with: #""status":"\#(status)""#)
    }

    /// It is looked at before the other one, and has something that waits.
    fileprivate func addSiteWithWrongKey() async throws {
        let moment = Date().addingTimeInterval(-3600)
        let other = Site(
            id: .new(at: moment),
            slug: try #require(Slug("another")),
            name: "Another",
            thriveCartAccount: "anothershop",
            createdAt: moment
        )
        let key = SiteAPIKey.ID.new(at: moment)
        let sealed = try dependencies.sealer.seal("NOTTHEKEYOFTHEBOOKS", for: SiteAPIKey.place(of: key))
        let found = try await discrepancies(.found)[0]
        try await store.transaction { transaction in
            _ = try transaction.insert(other)
            try transaction.save(
                SiteAPIKey(id: key, site: other.id, provider: .thriveCart, sealed: sealed, createdAt: moment)
            )
            try transaction.save(
                Discrepancy(
                    site: other.id,
                    provider: .thriveCart,
                    mode: .live,
                    key: found.key,
                    kind: found.kind,
                    order: found.order,
                    item: found.item,
                    body: found.body,
                    occurredAt: found.occurredAt,
                    at: moment
                )
            )
        }
    }
}
