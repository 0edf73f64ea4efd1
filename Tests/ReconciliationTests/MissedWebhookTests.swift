import Domain
import FaultKit
import Foundation
import Postgres
import Redis
import Seeds
import Store
import TestKit
import Testing
import Web

@testable import SandboxPages

/// Real processes, a real shop, webhooks lost on the way and a queue that is wiped: the books bring everything back.
@Suite(.serialized) struct `What was missed` {
    @Test func `a tenth of all webhooks lost and Redis flushed three times: one run heals all, a second finds nothing`()
        async throws
    {
        try await withSellingSystem(daysAgo: 100) { system, shop in
            await shop.postman.setFaults(
                Faults(duplicate: 0, delayMilliseconds: 0, reorder: false, dropRate: 0.1, seed: 20_261_125)
            )
            let flusher = try system.redis.client()
            var random = SeededRandom(seed: 11)
            let buyers = 90
            for number in 0..<buyers {
                try await live(number, in: shop, &random)
                shop.clock.advance(by: 99 * 86_400 / Double(buyers))
                if [buyers / 4, buyers / 2, buyers * 3 / 4].contains(number) { try await flusher.call(["FLUSHALL"]) }
            }
            try await eventually(within: .seconds(120)) {
                await shop.postman.deliveries.allSatisfy { $0.state == .delivered || $0.state == .lost }
            }
            await flusher.close()
            try await system.drained()
            let lost = await shop.postman.deliveries.count { $0.state == .lost }
            #expect(lost > 0)

            let before = try await Comparison(of: shop, in: system.pool)
            #expect(!before.differences.isEmpty, "nothing was missed, so nothing is proved")
            let first = try await reconcile(system)
            let after = try await Comparison(of: shop, in: system.pool)
            #expect(after.differences == [])
            #expect(after.compared >= buyers)
            #expect(first.healed > 0 && first.waiting == 0 && first.needsPerson == 0)
            let second = try await reconcile(system)
            #expect(second.healed == 0 && second.waiting == 0 && second.needsPerson == 0)
            print(
                "reconciliation: \(lost) webhooks lost, \(before.differences.count) items wrong, healed \(first.healed)"
            )
        }
    }

    /// One buyer's story, by the dice. No trial: when one ends, the books do not say once it is cancelled.
    private func live(_ number: Int, in shop: Shop, _ random: inout SeededRandom) async throws {
        let plans = ["monthly", "monthly", "monthly", "yearly", "split", "once"]
        let plan = plans[Int.random(in: 0..<plans.count, using: &random)]
        let more = random.chance(30) ? ["bump-7", "upsell-3"] : []
        let items = (["product-7"] + more).compactMap { ItemKey($0) }
        let order = try await shop.buy(Cart(email: "buyer-\(number)@example.com", items: items, plan: plan))
        let product = items[0]
        guard plan != "once" else {
            if random.chance(40) {
                _ = try await shop.change(order.id, product, .refund(random.chance(50) ? 500 : nil))
            }
            return
        }
        var renewals = Int.random(in: 0...3, using: &random)
        while renewals > 0, let line = try await shop.ledger.order(order.id)[product], let own = line.subscription,
            !own.isOver, own.nextDue < Date().addingTimeInterval(-3600)
        {
            if random.chance(15) { _ = try await shop.change(order.id, product, .decline) }
            _ = try await shop.change(order.id, product, .renew)
            renewals -= 1
        }
        guard let own = try await shop.ledger.order(order.id)[product]?.subscription, !own.isOver else { return }
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1: _ = try await shop.change(order.id, product, .cancel)
        case 2: _ = try await shop.change(order.id, product, .pause)
        case 3:
            _ = try await shop.change(order.id, product, .pause)
            _ = try await shop.change(order.id, product, .resume)
        default: break
        }
    }

    private struct Reply: Decodable {
        struct Run: Decodable {
            var healed: Int
            var waiting: Int
            var needs_person: Int
            var needsPerson: Int { needs_person }
        }
        var runs: [Run]
    }

    private func reconcile(_ system: Gatehouse) async throws -> Reply.Run {
        let text = try await system.command("reconcile", "run", "--since", "400d", "--in-flight", "0s", "--json")
        return try #require(try JSONDecoder().decode(Reply.self, from: Data(text.utf8)).runs.first)
    }
}

/// The shop's books beside Postgres: every item of every order.
struct Comparison {
    var differences: [String] = []
    var compared = 0

    private struct Row {
        var status: String
        var access: Bool
        var paidThrough: Date?
    }

    init(of shop: Shop, in pool: PostgresPool) async throws {
        let found = try await pool.query(
            """
            SELECT o.number, i.item_key, e.status, e.access AND (e.next_change_at IS NULL OR e.next_change_at > now()),
                e.paid_through
            FROM entitlements e
            JOIN order_items i ON i.id = e.order_item
            JOIN orders o ON o.id = i.order_id
            """
        )
        var rows: [String: Row] = [:]
        for (order, item, status, access, paidThrough) in try found.decode(
            (String, ItemKey, String, Bool, Date?).self
        ) {
            rows["\(order)/\(item)"] = Row(status: status, access: access, paidThrough: paidThrough)
        }
        for order in await shop.ledger.orders {
            for line in order.items {
                compared += 1
                let name = "\(order.id)/\(line.key)"
                guard let row = rows[name] else {
                    differences.append("\(name): nothing, should be \(line.subscription?.state.rawValue ?? "bought")")
                    continue
                }
                if let wrong = Self.difference(row, line) { differences.append("\(name): \(wrong)") }
            }
        }
    }

    private static func difference(_ row: Row, _ line: OrderedItem) -> String? {
        let now = Date()
        let (statuses, access, paidThrough): (Set<String>, Bool, Date?)
        if line.refunded >= line.paid, line.paid > 0 {
            (statuses, access, paidThrough) = (["refunded"], false, line.subscription?.nextDue)
        } else if let own = line.subscription {
            let isPaid = now < own.nextDue
            // A week of grace after a decline is no longer than a week of slack after silence.
            let isKept = now < own.nextDue.addingTimeInterval(7 * 86_400)
            switch own.state {
            case .completed: (statuses, access, paidThrough) = (["completed"], true, nil)
            case .canceled: (statuses, access, paidThrough) = ([isPaid ? "ending" : "ended"], isPaid, own.nextDue)
            case .paused: (statuses, access, paidThrough) = (["paused"], isPaid, own.nextDue)
            case .trialing, .active, .pastDue:
                (statuses, access, paidThrough) = (["active", "past_due", "ended"], isKept, own.nextDue)
            }
        } else {
            (statuses, access, paidThrough) = (["active"], true, nil)
        }
        // What is no longer billed has no next payment in the books: then it is counted by the calendar. A payment that a
        // resume takes seconds after a renewal is taken for that one.
        let slip: TimeInterval = line.subscription?.state == .active ? 60 : 3 * 86_400
        let isSamePeriod: Bool =
            switch (row.paidThrough, paidThrough) {
            case (let left?, let right?): abs(left.timeIntervalSince(right)) <= slip
            case (nil, nil): true
            default: statuses == ["completed"]
            }
        if statuses.contains(row.status), row.access == access, isSamePeriod { return nil }
        return "\(row.status) \(row.access) \(row.paidThrough.map { "\($0)" } ?? "-"), "
            + "should be \(statuses.sorted()) \(access) \(paidThrough.map { "\($0)" } ?? "-")"
    }
}

/// A whole system whose site sells in a shop of this process, with the key of its books.
func withSellingSystem(
    daysAgo: Double,
    _ body: @Sendable (Gatehouse, Shop) async throws -> Void
) async throws {
    let start = Date().addingTimeInterval(-daysAgo * 86_400)
    let postman = Postman(destinations: [], retries: [.milliseconds(50), .milliseconds(500)], logger: .silent)
    let shop = Shop(
        account: Gatehouse.account,
        secret: Gatehouse.secret,
        apiKey: BookShop.apiKey,
        postman: postman,
        clock: ShopClock(machine: { start }),
        numbers: ShopNumbers(first: 40_000_001)
    )
    var faults = SellersBooks.Faults()
    faults.requestsPerMinute = 0
    await shop.books.setFaults(faults)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await postman.run() }
        try await withServer(try SandboxRoutes(shop: shop).collections) { port in
            let system = try await Gatehouse(
                more: [
                    "THRIVECART_API_URL": "http://127.0.0.1:\(port)/thrivecart/api/external",
                    "THRIVECART_API_PER_MINUTE": "0",
                ]
            )
            let file = try TestDirectory.make("key") + "/key"
            try Data(BookShop.apiKey.utf8).write(to: URL(filePath: file))
            try await system.command("site", "update", "demo", "--thrivecart-api-key-file", file)
            for (plan, item) in [("cards", "bump-7"), ("navigation", "upsell-3"), ("weather", "downsell-5")] {
                try await system.command("plan", "create", plan, "--site", "demo", "--name", plan, "--item", item)
            }
            await postman.register(at: system.targets[0])
            try await body(system, shop)
            try await system.end()
        }
        group.cancelAll()
    }
}

extension Postman {
    fileprivate func register(at address: String) async {
        _ = await register(Destination(url: address, surface: .account, encoding: .form))
    }
}
