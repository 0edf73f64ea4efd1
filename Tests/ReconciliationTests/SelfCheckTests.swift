import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Logging
import Postgres
import ReconciliationJobs
import Redis
import Sealing
import Store
import TestKit
import Testing

@testable import SandboxPages

/// What a wiped Redis lost is put back from Postgres.
@Suite struct `Self-checks` {
    private func context(_ log: CapturedLog = CapturedLog(), at now: Date = Date()) -> JobContext {
        JobContext(
            id: JobID(),
            kind: WatchReconciliations.kind,
            queue: .reconciliation,
            enqueuedAt: now,
            now: { now },
            logger: log.logger
        )
    }

    /// The same shop over a Redis of the test's own.
    private func withWipeableShop(
        _ body:
            @Sendable (_ shop: BookShop, _ deps: ReconciliationDependencies, _ redis: RedisClient) async throws -> Void
    ) async throws {
        let server = try await RedisServer()
        let redis = try server.client()
        try await withBookShop { shop in
            var deps = shop.dependencies
            deps.jobs = JobQueue(redis: redis, logger: .silent)
            try await body(shop, deps, redis)
        }
        await redis.close()
        await server.stop()
    }

    private func jobs(_ queue: QueueName, _ redis: RedisClient) async throws -> Int {
        try await redis.call(["HLEN", .text("jq:{\(queue)}:job")]).int ?? 0
    }

    @Test func `an event that was received and not applied gets its job again, once`() async throws {
        try await withWipeableShop { shop, deps, redis in
            let (_, events) = try await shop.shop.ledger.buy(Cart(email: "ana@example.com"))
            let letter = try #require(shop.shop.letters.letters(about: events[0]).first { $0.surface == .account })
            let delivery = InboundDelivery(
                site: shop.site.id,
                provider: .thriveCart,
                receivedAt: .now,
                body: letter.body(.form, "one")
            )
            try await shop.store.transaction { try $0.keepFailed(delivery, "a bad day", at: .now) }
            let later = Date().addingTimeInterval(3700)
            for _ in 1...2 { _ = try await ReapplyFailedEvents().run(deps, context(at: later)) }
            #expect(try await jobs(.fulfillment, redis) == 1)
            try await redis.call(["FLUSHALL"])
            _ = try await ReapplyFailedEvents().run(deps, context(at: later))
            #expect(try await jobs(.fulfillment, redis) == 1)

            // One that has just failed is still being tried.
            try await redis.call(["FLUSHALL"])
            _ = try await ReapplyFailedEvents().run(deps, context())
            #expect(try await jobs(.fulfillment, redis) == 0)
        }
    }

    @Test func `a run whose job is lost goes on`() async throws {
        try await withWipeableShop { shop, deps, redis in
            let run = Reconciliation(
                site: shop.site.id,
                provider: .thriveCart,
                mode: .live,
                kind: .daily,
                at: Date().addingTimeInterval(-600)
            )
            #expect(try await shop.store.transaction { try $0.insert(run) })
            _ = try await StartReconciliations().run(deps, context())
            #expect(try await jobs(.reconciliation, redis) == 1)
            try await redis.call(["FLUSHALL"])
            _ = try await WatchReconciliations().run(deps, context())
            #expect(try await jobs(.reconciliation, redis) == 1)

            #expect(try await ReconcileSite(site: shop.site.id).run(deps, context()) == .done)
            let runs = try await shop.store.read { try $0.reconciliations(of: shop.site.id, limit: 10) }
            #expect(runs.map(\.id) == [run.id] && runs[0].state == .succeeded)
        }
    }

    @Test func `books that were not compared for 26 hours are an error in the log`() async throws {
        try await withBookShop { shop in
            _ = try await shop.run()
            let early = CapturedLog()
            _ = try await WatchReconciliations().run(
                shop.dependencies,
                context(early, at: Date().addingTimeInterval(25 * 3600))
            )
            #expect(!early.text.contains("not compared"))
            let late = CapturedLog()
            _ = try await WatchReconciliations().run(
                shop.dependencies,
                context(late, at: Date().addingTimeInterval(27 * 3600))
            )
            #expect(late.text.contains("books were not compared for 26 hours"))
        }
    }

    @Test func `an outage of the books spends no attempt`() async throws {
        try await withBookShop { shop in
            await shop.setFaults { $0.isDown = true }
            let outcome = try await ReconcileSite(site: shop.site.id).run(shop.dependencies, context())
            guard case .snoozed = outcome else {
                Issue.record("\(outcome)")
                return
            }
        }
    }

    // MARK: Books that we may not read are not empty

    @Test(arguments: [Trouble.wrongKey, .otherAccount])
    func `a key that opens nothing is a failed run that is told until it is put right`(trouble: Trouble) async throws {
        try await withBookShop { shop in
            try await shop.buy("ana@example.com", isHeard: false)
            try await trouble.begin(in: shop)
            let log = CapturedLog()
            let refused = try await ReconcileSite(site: shop.site.id).run(shop.dependencies, context(log))
            #expect(refused == .snoozed(.seconds(3600)))
            #expect(log.text.contains("the books can't be read") && !log.text.contains("ana@example.com"))
            let runs = try await shop.store.read { try $0.reconciliations(of: shop.site.id, limit: 9) }
            #expect(runs.map(\.state) == [.failed])
            let standing = try await shop.store.read { try $0.reconciliationStandings() }.first
            #expect(standing?.problem == trouble.words)
            #expect(standing?.isOverdue(at: Date()) == true, "it is not taken for books that were compared")
            #expect(try await shop.standing("ana@example.com") == nil)

            try await trouble.end(in: shop)
            #expect(try await ReconcileSite(site: shop.site.id).run(shop.dependencies, context()) == .done)
            #expect(try await shop.store.read { try $0.reconciliationStandings() }.first?.problem == nil)
        }
    }

    enum Trouble: Sendable {
        case wrongKey, otherAccount

        var words: String {
            switch self {
            case .wrongKey: "ThriveCart refuses the API key"
            case .otherAccount: "the API key belongs to another account"
            }
        }

        func begin(in shop: BookShop) async throws {
            switch self {
            case .wrongKey: try await shop.setKey("NOTTHEKEYOFTHEBOOKS")
            case .otherAccount:
                try await shop.store.pool.query("UPDATE sites SET thrivecart_account = 'another'")
            }
        }

        func end(in shop: BookShop) async throws {
            try await shop.setKey(BookShop.apiKey)
            try await shop.store.pool.query("UPDATE sites SET thrivecart_account = 'demoshop'")
        }
    }
}

extension BookShop {
    fileprivate func setKey(_ key: String) async throws {
        let kept = try #require(try await store.read { try $0.apiKey(of: site.id, at: .thriveCart) })
        let sealed = try dependencies.sealer.seal(key, for: kept.place)
        try await store.pool.query("UPDATE site_api_keys SET sealed = \(sealed)")
    }
}
