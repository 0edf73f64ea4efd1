import Domain
import FaultKit
import Foundation
import FulfillmentJobs
import Jobs
import NIOHTTP1
import Postgres
import Redis
import SandboxKit
import SandboxPages
import Sealing
import Store
import Synchronization
import TestKit
import Testing

/// Real processes, and a Redis that forgets everything: what it carried is put back from Postgres.
@Suite(.serialized) struct `A wiped Redis` {
    /// What recurs, by queue; without it nothing below would ever be put back.
    private static let recurring: [QueueName: Set<String>] = [
        "fulfillment": [
            "fulfillment.archive-dead", "fulfillment.end-lapsed", "fulfillment.publish-ingress-settings",
        ],
        "reconciliation": [
            "reconciliation.start", "reconciliation.look-again", "reconciliation.watch", "reconciliation.reapply",
        ],
        "renewals": ["renewals.sweep"],
        "notifications": ["notifications.prune"],
    ]

    @Test func `is refilled: schedules, ingress settings, due renewals, undelivered messages, unapplied events`()
        async throws
    {
        try await withPayPal { payPal in
            let door = Door()
            let receiver = try await Receiver.start { _, _ in .status(door.isOpen ? 200 : 500) }
            try await withSellingSystem(daysAgo: 1, more: Self.settings(payPal)) { system, shop in
                let queue = JobQueue(redis: try system.redis.client(), logger: .silent)
                for (program, port) in [
                    ("renewals", "RENEWALS_HEALTH_PORT"), ("notifications", "NOTIFICATIONS_HEALTH_PORT"),
                    ("reconciliation", "RECONCILIATION_HEALTH_PORT"),
                ] {
                    try await system.launch(program: program, [port: "\(try freePort())"])
                }
                try await Self.recurs(on: queue)

                // What stands before: a message nobody took, an event nobody applied, and a renewal that is due.
                try await system.command("endpoint", "create", "http://127.0.0.1:\(receiver.port)/hook")
                _ = try await shop.buy(Cart(email: "ana@example.com"))
                try await eventually { !receiver.requests.isEmpty }
                try await Self.keepFailedSale(in: system, shop)
                let subscription = try await Self.dueRenewal(in: system, payPal)
                await system.kill(.ingress(0))

                _ = try await queue.redis.call(["FLUSHALL"])
                door.open()
                try await Self.recurs(on: queue)
                // In place of the minute and the hour that they would wait for.
                for (name, queueName) in [
                    ("fulfillment.publish-ingress-settings", QueueName.fulfillment),
                    ("renewals.sweep", "renewals"), ("reconciliation.reapply", "reconciliation"),
                ] {
                    let isFired = try await queue.fireEntryNow(name, on: queueName)
                    #expect(isFired, "\(name)")
                }

                try await eventually { receiver.requests.count >= 2 }
                try await eventually {
                    try await Self.count("SELECT count(*) FROM deliveries WHERE state = 'delivered'", system.pool) > 0
                }
                try await eventually {
                    try await Self.count("SELECT count(*) FROM inbound_events WHERE status = 'failed'", system.pool)
                        == 0
                }
                try await eventually {
                    try await Store(system.pool).read { try $0.chargePeriods(of: subscription) }
                        .contains { $0.status == .paid }
                }
                #expect(payPal.sandbox.money.count == 1, "once")

                // One that was never there before knows what to verify.
                try await system.start(.ingress(0))
                try await system.ready(.ingress(0))
                let order = try await shop.buy(Cart(email: "ben@example.com"))
                try await eventually {
                    try await Self.count("SELECT count(*) FROM members WHERE email = 'ben@example.com'", system.pool)
                        == 1
                }
                #expect(!order.id.isEmpty)
                await queue.redis.close()
            }
            try await receiver.stop()
        }
    }

    private static func settings(_ payPal: RunningPayPal) -> [String: String] {
        [
            "OUTBOUND_ALLOW": "127.0.0.0/8", "OUTBOUND_PLAIN": "true", "PAYPAL_BASE_URL": payPal.address,
            "PAYPAL_CLIENT_ID": RunningPayPal.clientID, "PAYPAL_CLIENT_SECRET": RunningPayPal.clientSecret,
            "PAYPAL_PARTNER_MERCHANT_ID": RunningPayPal.partner, "APP_KEYS": keys,
        ]
    }

    private static let keys = SealingKeys.newEntry(id: "k1")

    private final class Door: Sendable {
        private let state = Mutex(false)
        var isOpen: Bool { state.withLock { $0 } }
        func open() { state.withLock { $0 = true } }
    }

    /// Everything recurs, and within its hour.
    private static func recurs(on queue: JobQueue) async throws {
        for (name, entries) in recurring {
            try await eventually {
                let found = try await queue.schedule(of: name)
                let names = Set(found.map(\.name))
                return entries.isSubset(of: names)
            }
        }
    }

    // MARK: What stands before

    private static func keepFailedSale(in system: Gatehouse, _ shop: Shop) async throws {
        let site = try #require(try await Store(system.pool).read { try $0.sites() }.first)
        let now = Date()
        let delivery = InboundDelivery(
            site: site.id,
            provider: .thriveCart,
            receivedAt: now.addingTimeInterval(-7200),
            body: Array(
                "event=order.success&mode=live&mode_int=2&thrivecart_account=\(Gatehouse.account)&order_id=77000001"
                    .utf8
            )
        )
        try await Store(system.pool).transaction {
            try $0.keepFailed(delivery, "a bad day", at: now.addingTimeInterval(-7200))
        }
    }

    private static func dueRenewal(in system: Gatehouse, _ payPal: RunningPayPal) async throws -> VaultSubscription.ID {
        let store = Store(system.pool)
        let sealer = Sealer(try SealingKeys(parsing: keys))
        let opened = Date(timeIntervalSinceNow: -31 * 86_400)
        let merchant = Merchant(
            id: .new(at: opened),
            environment: .sandbox,
            payPalID: RunningPayPal.merchant,
            secretHash: [UInt8](repeating: 9, count: 32),
            siteURL: "https://shop.example.com",
            state: .connected,
            stateSince: opened,
            createdAt: opened
        )
        let token = try await payPal.vaultToken()
        let id = VaultSubscription.ID.new(at: opened)
        let anchor = Date(timeIntervalSinceNow: -60)
        let made = VaultSubscription(
            id: id,
            merchant: merchant.id,
            payPalID: "SUB-\(id)",
            flow: .vaultFirst,
            source: .paypal,
            thriveOrderID: 4711,
            amount: Money(minorUnits: 2900, currency: "USD"),
            frequency: .month,
            interval: "1 month",
            trialDays: 7,
            status: .trialing,
            anchorAt: anchor,
            nextPeriod: 0,
            nextActionAt: anchor,
            createdAt: opened
        )
        let word = try sealer.seal("word", for: Merchant.place(ofSecretOf: merchant.id))
        let sealed = try sealer.seal(token, for: VaultSubscription.place(ofTokenOf: id))
        try await store.transaction { transaction in
            try transaction.insert(merchant, webhookSecret: word)
            try transaction.insert(made)
            try transaction.attachVaultToken(sealed, hash: Digest.sha256(token), customerID: nil, to: id)
        }
        return id
    }

    private static func count(_ query: Query, _ pool: PostgresPool) async throws -> Int {
        try await pool.query(query).decode(Int.self)[0]
    }
}
