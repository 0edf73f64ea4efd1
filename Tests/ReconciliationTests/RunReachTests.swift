import Domain
import Foundation
import Postgres
import ReconciliationJobs
import Store
import TestKit
import Testing
import ThriveCart

@testable import SandboxPages

/// How far back a run reads, and what it may say of what it did not read.
@Suite struct `How deep the books are read` {
    // MARK: A run that was asked for

    @Test func `H1 a run over the last hour does not stand for the days before, which nobody compared`() async throws {
        try await withBookShop { shop in
            try await shop.buy("first@example.com", "once")
            _ = try await shop.run()
            shop.shop.clock.advance(by: 10 * 86_400)
            try await shop.buy("missed@example.com", "once", isHeard: false)
            shop.shop.clock.advance(by: 5 * 86_400)
            try await shop.buy(1...5)
            shop.shop.clock.advance(by: 5 * 86_400)
            try await shop.buy(6...10)
            let hourAgo = shop.shop.clock.now.addingTimeInterval(-3600)
            try await shop.inPages(of: 5) { odd in
                let asked = try await odd.run(since: hourAgo)
                #expect(asked.rows == 10 && asked.healed == 0)
                let daily = try await odd.run(.daily, since: nil)
                #expect(daily.rows == 12 && daily.healed == 1)
            }
        }
    }

    @Test func `H1 a run over the last hour that goes on with a killed one heals what that one would have`()
        async throws
    {
        try await withBookShop { shop in
            try await shop.buy("first@example.com", "once")
            _ = try await shop.run()
            shop.shop.clock.advance(by: 10 * 86_400)
            try await shop.buy("missed@example.com", "once", isHeard: false)
            shop.shop.clock.advance(by: 10 * 86_400)
            try await shop.buy("last@example.com", "once")
            let killed = Reconciliation(
                site: shop.site.id,
                provider: .thriveCart,
                mode: .live,
                kind: .daily,
                floor: shop.shop.clock.now.addingTimeInterval(-40 * 86_400),
                at: Date().addingTimeInterval(-600)
            )
            #expect(try await shop.store.transaction { try $0.insert(killed) })
            let hourAgo = shop.shop.clock.now.addingTimeInterval(-3600)
            #expect(try await shop.run(since: hourAgo).healed == 1)
        }
    }

    @Test func `H1 a deeper run that goes on with a killed one begins anew`() async throws {
        try await withBookShop { shop in
            // The key is a day old: what was bought before is a back-fill's business, unless it is asked for.
            try await shop.store.pool.query("UPDATE site_api_keys SET created_at = now() - interval '1 day'")
            try await shop.buy("old@example.com", "once", isHeard: false)
            try await shop.buy(1...4)
            try await shop.buy("missed@example.com", "once", isHeard: false)
            try await shop.inPages(of: 5) { odd in
                let killed = Task {
                    try await BooksRun(odd.site, in: .live, odd.dependencies).run(.init(.daily)) { run in
                        if run.page == 2 { withUnsafeCurrentTask { $0?.cancel() } }
                    }
                }
                _ = try? await killed.value  // Because it was killed.
                #expect(try await odd.standing("missed@example.com") == nil)
                try await odd.store.pool.query("UPDATE reconciliations SET beat_at = now() - interval '1 minute'")
                let counts = try await odd.run(since: .distantPast)
                #expect(counts.healed == 2)
                #expect(try await odd.standing("missed@example.com")?.access == true)
            }
        }
    }

    // MARK: A back-fill of a part

    @Test func `a back-fill of the last days does not have older buyers written to by the daily run`() async throws {
        try await withBookShop(daysAgo: 20) { shop in
            // Its last payment is how deep the daily run reads.
            try await shop.buy("open@example.com")
            try await shop.buy("old@example.com", "once", isHeard: false)
            shop.shop.clock.advance(by: 5 * 86_400)
            try await shop.buy(1...5)
            shop.shop.clock.advance(by: 15 * 86_400)
            try await shop.buy("new@example.com", "once", isHeard: false)
            try await shop.buy(6...9)
            try await shop.store.pool.query("UPDATE site_api_keys SET created_at = now()")
            let threeDaysAgo = shop.shop.clock.now.addingTimeInterval(-3 * 86_400)
            try await shop.inPages(of: 5) { odd in
                let backfill = try await odd.run(.backfill, since: threeDaysAgo) { options in
                    options.hearers = .nobody
                    options.keepsHealed = false
                }
                #expect(backfill.rows == 10 && backfill.healed == 1)
                let daily = try await odd.run(.daily, since: nil)
                #expect(daily.rows == 12 && daily.healed == 0)
                #expect(try await odd.standing("old@example.com") == nil)

                _ = try await odd.run(.backfill, since: nil)
                #expect(try await odd.standing("old@example.com")?.access == true)
            }
        }
    }

    @Test func `a back-fill does not hush up what the daily run had found`() async throws {
        try await withBookShop(daysAgo: 0) { shop in
            let order = try await shop.buy("ana@example.com", "once")
            try await shop.refund(order, isHeard: false)
            #expect(try await shop.run().waiting == 1)
            let later = BooksRun(shop.site, in: .live, shop.dependencies, now: { Date().addingTimeInterval(900) })
            var options = BooksComparison.Options()
            options.hearers = .nobody
            options.keepsHealed = false
            _ = try await later.run(.init(.backfill, comparing: options))
            #expect(try await shop.standing("ana@example.com")?.status == "refunded")
            #expect(try await shop.discrepancies(.healed).map(\.kind) == [.refund])
            let hushed = try await shop.store.pool.query("SELECT count(*) FROM outbox WHERE relayed_at IS NOT NULL")
            #expect(try hushed.decode(Int.self) == [0])
        }
    }

    // MARK: What waits for a person

    @Test func `what a webhook tells after all waits for no person any more`() async throws {
        try await withBookShop { shop in
            let (_, sale) = try await shop.shop.ledger.buy(Cart(email: "ana@example.com", plan: "once"))
            try await shop.happen(sale, isHeard: false)
            await shop.setFaults { $0.isForgetful = true }
            #expect(try await shop.run().needsPerson == 1)
            try await shop.hear(sale)
            _ = try await shop.run()
            #expect(try await shop.discrepancies(.person).isEmpty)
            #expect(try await shop.discrepancies(.healed).map(\.reason) == ["it was told by another way meanwhile"])
        }
    }

    // MARK: Odd answers

    @Test func `H3 an empty page among others is asked for again`() async throws {
        try await withBookShop { shop in
            try await shop.buy("missed@example.com", "once", isHeard: false)
            try await shop.buy(1...5)
            let once = Once()
            try await shop.inPages(of: 5, empty: { $0 == 2 && once() }) { odd in
                let counts = try await odd.run(.daily, since: nil)
                #expect(counts.healed == 1)
            }
        }
    }

    @Test func `H3 books whose later pages stay empty are not taken for books that were read`() async throws {
        try await withBookShop { shop in
            try await shop.buy("first@example.com", "once")
            _ = try await shop.run()
            let before = try #require(try await shop.seen())
            shop.shop.clock.advance(by: 10 * 86_400)
            try await shop.buy(1...9)
            try await shop.inPages(of: 5, empty: { $0 == 2 }) { odd in
                let counts = try await odd.run(.daily, since: nil)
                #expect(counts.rows == 5)
            }
            #expect(try await shop.seen() == before, "the next run reads as deep as this one should have")
            _ = try await shop.run(.daily, since: nil)
            let after = try #require(try await shop.seen())
            #expect(after > before)
        }
    }

    @Test func `H1 a row with a strange old date does not end a run`() async throws {
        try await withBookShop { shop in
            try await shop.buy("first@example.com", "once")
            _ = try await shop.run()
            shop.shop.clock.advance(by: 10 * 86_400)
            try await shop.buy("missed@example.com", "once", isHeard: false)
            try await shop.buy(1...5)
            try await shop.inPages(of: 5, changing: { $0[2] = $0[2].setting("timestamp", .number(86_400)) }) { odd in
                let counts = try await odd.run(.daily, since: nil)
                #expect(counts.healed == 1)
            }
        }
    }

    @Test func `H1 a row with a date to come does not hide what is missed until then`() async throws {
        try await withBookShop { shop in
            try await shop.buy("first@example.com", "once")
            try await shop.answering({ question in
                guard question.name == "transactions", question.page == 1 else { return nil }
                let rows = try await shop.rows(page: 1).map { $0.setting("timestamp", .number(2_900_000_000)) }
                return .page(rows, total: 1)
            }) { odd in
                _ = try await odd.run()
            }
            let seen = try #require(try await shop.seen())
            #expect(seen <= Date())
        }
    }
}

extension BookShop {
    /// The moment from which the next run counts its two days back.
    fileprivate func seen() async throws -> Date? {
        try await store.read { try $0.reconciledUpTo(of: site.id, at: .thriveCart, in: .live) }
    }

    /// So many who bought something, and whose webhooks came.
    fileprivate func buy(_ numbers: ClosedRange<Int>) async throws {
        for number in numbers { try await buy("b\(number)@example.com", "once") }
    }

    /// The same shop, whose pages are shorter.
    fileprivate func inPages(
        of size: Int,
        empty: @escaping @Sendable (Int) -> Bool = { _ in false },
        changing change: @escaping @Sendable (inout [PostValue]) -> Void = { _ in },
        _ body: @Sendable (BookShop) async throws -> Void
    ) async throws {
        try await answering({ question in
            guard let page = question.page else { return nil }
            var rows = try await self.rows(page: 1)
            change(&rows)
            let shown = empty(page) ? [] : Array(rows.dropFirst((page - 1) * size).prefix(size))
            return .page(shown, total: rows.count)
        }) { odd in
            try await body(odd)
        }
    }

    func rows(page: Int) async throws -> [PostValue] {
        let books = try #require(try await dependencies.books(of: site, in: .live))
        return try await books.transactions(page: page).rows
    }
}

extension PostValue {
    /// The same with another value under this name.
    func setting(_ key: String, _ value: PostValue) -> PostValue {
        guard case .map(let members) = self else { return self }
        return .map(members.filter { $0.key != key } + [Member(key, value)])
    }
}
