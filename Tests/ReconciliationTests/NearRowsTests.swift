import Domain
import Foundation
import Postgres
import ReconciliationJobs
import Store
import TestKit
import Testing
import ThriveCart

@testable import SandboxPages

/// A renewal, a pause and a resume within seconds: the books have two payments beside each other, and not a word of the
/// rest.
@Suite struct `Payments moments apart` {
    enum Event: CaseIterable { case renewal, pause, resume }

    /// Buys, renews, pauses and resumes; answers what the shop would tell of each.
    private func live(_ shop: BookShop) async throws -> [(Event, [ShopEvent])] {
        let order = try await shop.buy("ana@example.com")
        let ledger = shop.shop.ledger
        return [
            (.renewal, try await ledger.renew(order, nil)), (.pause, try await ledger.pause(order, nil)),
            (.resume, try await ledger.resume(order, nil)),
        ]
    }

    private func expectAgreement(_ shop: BookShop, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let own = try #require(try await shop.shop.ledger.orders[0].items[0].subscription)
        let standing = try #require(try await shop.standing("ana@example.com"), sourceLocation: sourceLocation)
        let paidThrough = try #require(standing.paidThrough, sourceLocation: sourceLocation)
        #expect(abs(paidThrough.timeIntervalSince(own.paidUntil)) <= 5, sourceLocation: sourceLocation)
        // Two months from a hundred days ago are over, and the week of slack too.
        #expect(standing.status == "ended" && !standing.access, sourceLocation: sourceLocation)
    }

    private static let heard: [[Event]] = [
        [], [.renewal], [.pause], [.resume], [.renewal, .pause], [.pause, .resume], [.renewal, .resume],
    ]

    @Test(arguments: heard)
    func `H1 whatever was lost of them, one run brings all of it and a second finds nothing`(_ heard: [Event])
        async throws
    {
        try await withBookShop { shop in
            for (event, events) in try await live(shop) {
                try await shop.happen(events, isHeard: heard.contains(event))
            }
            let first = try await shop.run { $0.inFlight = 0 }
            #expect(first.waiting == 0 && first.needsPerson == 0)
            try await expectAgreement(shop)
            #expect(try await shop.messages("subscription.renewed") == 2)
            let second = try await shop.run { $0.inFlight = 0 }
            #expect(second.agreed == 3 && second.healed == 0 && second.waiting == 0 && second.needsPerson == 0)
        }
    }

    @Test(arguments: [false, true])
    func `H1 the webhooks that come afterwards, in any order, count nothing twice`(isReversed: Bool) async throws {
        try await withBookShop { shop in
            let all = try await live(shop).flatMap { $0.1 }
            try await shop.happen(all, isHeard: false)
            #expect(try await shop.run { $0.inFlight = 0 }.healed == 2)
            try await shop.hear(isReversed ? all.reversed() : all)
            try await expectAgreement(shop)
            #expect(try await shop.messages("subscription.renewed") == 2)
            #expect(try await shop.run { $0.inFlight = 0 }.healed == 0)
        }
    }

    @Test func `H1 a page that ends between them changes nothing`() async throws {
        try await withBookShop { shop in
            for (event, events) in try await live(shop) {
                try await shop.happen(events, isHeard: event != .resume)
            }
            shop.shop.clock.advance(by: 40 * 86_400)
            // 99 newer rows, and the resume's payment is the last on the first page.
            for number in 1...99 { try await shop.buy("b\(number)@example.com", "once") }
            let first = try await shop.run { $0.inFlight = 0 }
            #expect(first.rows == 102 && first.waiting == 0 && first.needsPerson == 0)
            #expect(first.rows == first.agreed + first.healed - 1, "the resume is in no row")
            try await expectAgreement(shop)
            #expect(try await shop.messages("subscription.renewed") == 2)
            let second = try await shop.run { $0.inFlight = 0 }
            #expect(second.agreed == 102 && second.healed == 0)
        }
    }

    @Test func `H1 a run that was killed at the page's end between them heals as well`() async throws {
        try await withBookShop { shop in
            for (event, events) in try await live(shop) {
                try await shop.happen(events, isHeard: event != .resume)
            }
            shop.shop.clock.advance(by: 40 * 86_400)
            for number in 1...99 { try await shop.buy("b\(number)@example.com", "once") }
            let run = BooksRun(shop.site, in: .live, shop.dependencies)
            let killed = Task {
                try await run.run(.init(.asked, since: .distantPast)) { run in
                    if run.page == 2 { withUnsafeCurrentTask { $0?.cancel() } }
                }
            }
            _ = try? await killed.value  // Because it was killed.
            try await shop.store.pool.query("UPDATE reconciliations SET beat_at = now() - interval '1 minute'")
            let ended = try await run.run(.init(.asked, since: .distantPast))
            #expect(ended.counts.rows == 102)
            try await expectAgreement(shop)
            #expect(try await shop.messages("subscription.renewed") == 2)
        }
    }

    /// Sold on the 31st, renewed on the 30th until the 31st, and begun anew on the 30th.
    @Test(arguments: heard + [Event.allCases])
    func `F3 what is paid at a month's end is paid, whoever told it`(_ heard: [Event]) async throws {
        let sold = try Date("2025-08-31T06:56:07Z", strategy: .iso8601)
        try await withBookShop(daysAgo: Date().timeIntervalSince(sold) / 86_400) { shop in
            for (event, events) in try await live(shop) {
                try await shop.happen(events, isHeard: heard.contains(event))
            }
            _ = try await shop.run { $0.inFlight = 0 }
            try await expectAgreement(shop)
            let standing = try await shop.standing("ana@example.com")
            #expect(standing?.paidThrough.map { abs($0.timeIntervalSince(sold) - 61 * 86_400) < 60 } == true)
        }
    }

    @Test func `F5 a cancellation at a month's end that nobody told ends access on the day of the sale`() async throws {
        let sold = try Date("2025-01-31T12:00:00Z", strategy: .iso8601)
        try await withBookShop(daysAgo: Date().timeIntervalSince(sold) / 86_400) { shop in
            let order = try await shop.buy("ana@example.com")
            try await shop.renew(order, isHeard: false)
            try await shop.cancel(order, isHeard: false)
            _ = try await shop.run { $0.inFlight = 0 }
            let due = try await shop.shop.ledger.order(order).items[0].subscription?.nextDue
            let standing = try #require(try await shop.standing("ana@example.com"))
            #expect(standing.paidThrough == due, "31 March, and not the 28th")
        }
    }
}
