import Domain
import Foundation
import Postgres
import Store
import TestKit

/// Finding what is due among subscriptions that are not: its time must grow with what is due alone.
struct RenewalBench {
    private static let due = 10_000

    func run() async throws -> [Figure] {
        let database = try await TestDatabase.fresh(.gatehouse)
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        try await addMerchant(to: database, at: now)
        var figures: [Figure] = []
        var held = 0
        for size in [100_000, 300_000, 1_000_000] {
            try await add(size - held, to: database, isFirst: held == 0, at: now)
            held = size
            figures.append(try await measure(database.store, size, at: now))
        }
        return figures
    }

    private func measure(_ store: Store, _ size: Int, at now: Date) async throws -> Figure {
        var samples = Samples()
        for _ in 0..<7 {
            let start = ContinuousClock.now
            var found = 0
            var last: DueRenewal?
            repeat {
                let after = last
                let page = try await store.read { try $0.dueRenewals(by: now, after: after, limit: 2_500) }
                found += page.count
                last = page.count < 2_500 ? nil : page.last
            } while last != nil
            samples.add(.now - start)
            guard found == Self.due else { throw Miscounted(found: found) }
        }
        let middle = samples.percentile(0.5)
        return Figure(
            name: "finding \(Self.due) due among \(size)",
            ours: .init(by: "the sweep's pages", value: middle, unit: "ms"),
            goal: ("< 100 ms", middle < 100)
        )
    }

    private struct Miscounted: Error { var found: Int }

    private func addMerchant(to database: TestDatabase, at now: Date) async throws {
        try await database.store.transaction { transaction in
            try transaction.insert(
                Merchant(
                    id: Self.merchant,
                    environment: .sandbox,
                    payPalID: "BENCH",
                    secretHash: Array(repeating: 1, count: 32),
                    siteURL: "https://bench.example.com",
                    state: .connected,
                    stateSince: now,
                    createdAt: now
                ),
                webhookSecret: [1]
            )
        }
    }

    private static let merchant = Merchant.ID.new(at: Date(timeIntervalSince1970: 1_800_000_000))

    /// The first ones are due within the last hour, the others in the coming month.
    private func add(_ count: Int, to database: TestDatabase, isFirst: Bool, at now: Date) async throws {
        let due = isFirst ? Self.due : 0
        let batch = 50_000
        for start in stride(from: 0, to: count, by: batch) {
            try await database.pool.query(
                """
                INSERT INTO vault_subscriptions (id, merchant, paypal_id, flow, source, thrive_order_id, amount_minor,
                    currency, frequency, interval_text, status, anchor_at, next_period, next_action_at, created_at)
                SELECT gen_random_uuid(), \(Self.merchant), gen_random_uuid()::text, 'vault_first', 'paypal', n, 2900,
                    'USD', 'month', 'monthly', 'active', \(now), 1,
                    \(now) + CASE WHEN n < \(due) THEN -interval '1 second' * (n % 3600)
                        ELSE interval '1 second' * (1 + n % 2592000) END, \(now)
                FROM generate_series(\(start)::bigint, \(min(count, start + batch) - 1)::bigint) n
                """
            )
        }
        try await database.pool.query("ANALYZE vault_subscriptions")
    }
}
