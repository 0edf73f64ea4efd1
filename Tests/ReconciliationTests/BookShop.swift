import AsyncHTTPClient
import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Logging
import Postgres
import ReconciliationJobs
import Redis
import SandboxKit
import Sealing
import Store
import TestKit
import Testing
import ThriveCart
import Web

@testable import SandboxPages

/// The sandbox's shop on a real port, and a site that sells in it. Each webhook is heard, or is lost on the way.
struct BookShop: Sendable {
    let shop: Shop
    let site: Site
    let store: Store
    let dependencies: ReconciliationDependencies
    let requests: RequestLog

    static let apiKey = shopAPIKey

    // MARK: What happens in the shop

    /// Buys; answers the order's number.
    @discardableResult
    func buy(
        _ email: String,
        _ plan: String = "monthly",
        items: [String] = [],
        mode: Mode = .live,
        isHeard: Bool = true
    ) async throws -> String {
        let keys = items.compactMap { ItemKey($0) }
        let (order, events) = try await shop.ledger.buy(Cart(email: email, mode: mode, items: keys, plan: plan))
        try await happen(events, isHeard: isHeard)
        return order.id
    }

    func renew(_ order: String, _ item: String? = nil, isHeard: Bool = true) async throws {
        try await happen(try await shop.ledger.renew(order, item.flatMap { ItemKey($0) }), isHeard: isHeard)
    }

    func cancel(_ order: String, isHeard: Bool = true) async throws {
        try await happen(try await shop.ledger.cancel(order, nil), isHeard: isHeard)
    }

    func pause(_ order: String, isHeard: Bool = true) async throws {
        try await happen(try await shop.ledger.pause(order, nil), isHeard: isHeard)
    }

    func resume(_ order: String, isHeard: Bool = true) async throws {
        try await happen(try await shop.ledger.resume(order, nil), isHeard: isHeard)
    }

    func refund(_ order: String, _ item: String? = nil, amount: Int64? = nil, isHeard: Bool = true) async throws {
        let item = item.flatMap { ItemKey($0) }
        try await happen(try await shop.ledger.refund(order, item, amount: amount), isHeard: isHeard)
    }

    func happen(_ events: [ShopEvent], isHeard: Bool) async throws {
        await shop.books.enter(events)
        if isHeard { try await hear(events) }
    }

    /// What the ingress and fulfillment do with the account's webhooks. Answers their verdicts.
    @discardableResult
    func hear(_ events: [ShopEvent]) async throws -> [Applied] {
        var applied: [Applied] = []
        for letter in events.flatMap({ shop.letters.letters(about: $0) }) where letter.surface == .account {
            let body = letter.body(.form, UUID().uuidString.lowercased())
            let delivery = InboundDelivery(
                site: site.id,
                provider: .thriveCart,
                receivedAt: .now,
                body: try ThriveCartBody.parse(body).withoutSecret()
            )
            applied.append(try await store.transaction { try $0.apply(delivery, at: .now) })
        }
        return applied
    }

    // MARK: What is asked of us

    func run(
        _ kind: Reconciliation.Kind = .asked,
        since: Date? = .distantPast,
        in mode: Mode = .live,
        _ change: (inout BooksComparison.Options) -> Void = { _ in }
    ) async throws -> Reconciliation.Counts {
        var options = BooksComparison.Options()
        change(&options)
        return try await BooksRun(site, in: mode, dependencies).run(.init(kind, since: since, comparing: options))
            .counts
    }

    func discrepancies(_ state: Discrepancy.State) async throws -> [Discrepancy] {
        try await store.read { try $0.discrepancies(of: site.id, states: [state], limit: 1000) }
    }

    struct Standing: Equatable, CustomStringConvertible {
        var status: String
        var access: Bool
        var paidThrough: Date?
        var description: String { "\(status) \(access) \(paidThrough.map { "\($0)" } ?? "-")" }
    }

    /// How a member stands with a plan: `course`, `cards`, `navigation`, `weather`.
    func standing(_ email: String, _ plan: String = "course") async throws -> Standing? {
        let rows = try await store.pool.query(
            """
            SELECT e.status, e.access, e.paid_through
            FROM entitlements e
            JOIN members m ON m.id = e.member
            JOIN plans p ON p.id = e.plan
            WHERE m.email = \(email) AND p.slug = \(plan) AND e.granted_by IS NULL
            """
        )
        return try rows.decode((String, Bool, Date?).self).first.map {
            Standing(status: $0, access: $1, paidThrough: $2)
        }
    }

    func messages(_ type: String) async throws -> Int {
        try await store.pool.query("SELECT count(*) FROM outbox WHERE type = \(type)").decode(Int.self)[0]
    }

    func setFaults(_ change: (inout SellersBooks.Faults) -> Void) async {
        var faults = SellersBooks.Faults()
        faults.requestsPerMinute = 0
        change(&faults)
        await shop.books.setFaults(faults)
    }
}

/// Counts what is asked of the read API.
final class RequestLog: Sendable {
    let books: SellersBooks

    init(_ books: SellersBooks) {
        self.books = books
    }

    func count() async -> Int { await books.requests }
}

/// - Parameter daysAgo: how far behind ours the shop's clock begins.
func withBookShop(daysAgo: Double = 100, _ body: @Sendable (BookShop) async throws -> Void) async throws {
    let start = Date().addingTimeInterval(-daysAgo * 86_400)
    let postman = Postman(destinations: [], logger: .silent)
    let shop = Shop(
        account: "demoshop",
        secret: "TESTSECRET00",
        apiKey: BookShop.apiKey,
        postman: postman,
        clock: ShopClock(machine: { start }),
        numbers: ShopNumbers(first: 40_000_001)
    )
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await postman.run() }
        defer { group.cancelAll() }
        try await withBooks(of: shop, body)
    }
}

private func withBooks(of shop: Shop, _ body: @Sendable (BookShop) async throws -> Void) async throws {
    let database = try await TestDatabase.fresh(.gatehouse)
    let sealer = Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "k1")))
    let site = try await makeSite(in: database.store, sealer)
    let redis = try await TestRedis()
    try await withServer([BookRoutes(shop: shop).routes]) { port in
        var dependencies = ReconciliationDependencies(
            store: database.store,
            sealer: sealer,
            http: .shared,
            pace: RequestPace(redis: redis.client, perMinute: 0, logger: .silent),
            jobs: JobQueue(redis: redis.client, prefix: redis.prefix, logger: .silent),
            redis: redis.client,
            thriveCart: "http://127.0.0.1:\(port)/thrivecart/api/external"
        )
        dependencies.patience.tries = 2
        dependencies.patience.wait = .milliseconds(5)
        dependencies.patience.afterLimit = .milliseconds(5)
        let bookShop = BookShop(
            shop: shop,
            site: site,
            store: database.store,
            dependencies: dependencies,
            requests: RequestLog(shop.books)
        )
        await bookShop.setFaults { _ in }
        try await body(bookShop)
    }
}

private func makeSite(in store: Store, _ sealer: Sealer) async throws -> Site {
    let opened = Date(timeIntervalSince1970: 1_700_000_000)
    let site = Site(
        id: .new(at: opened),
        slug: try #require(Slug("demo")),
        name: "Demo",
        thriveCartAccount: "demoshop",
        createdAt: opened
    )
    let plans = [
        ("course", "product-7"), ("cards", "bump-7"), ("navigation", "upsell-3"), ("weather", "downsell-5"),
    ]
    let key = SiteAPIKey.ID.new(at: opened)
    let sealed = try sealer.seal(BookShop.apiKey, for: SiteAPIKey.place(of: key))
    try await store.transaction { transaction in
        _ = try transaction.insert(site)
        for (slug, item) in plans {
            guard let slug = Slug(slug), let item = ItemKey(item) else { continue }
            _ = try transaction.insert(
                Plan(id: .new(at: opened), site: site.id, slug: slug, name: slug.text, items: [item], createdAt: opened)
            )
        }
        try transaction.save(
            SiteAPIKey(id: key, site: site.id, provider: .thriveCart, sealed: sealed, createdAt: opened)
        )
    }
    return site
}
