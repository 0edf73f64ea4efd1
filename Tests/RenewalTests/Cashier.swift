import Domain
import Foundation
import Jobs
import Logging
import PayPal
import Postgres
import Redis
import RenewalJobs
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing

/// The renewals' jobs on a database and a queue of the test's own, against the pretended PayPal.
struct Cashier: Sendable {
    let deps: RenewalDependencies
    let paypal: RunningPayPal
    let database: TestDatabase
    let merchant: Merchant
    /// When the test's story begins.
    let start: Date

    static let day = 86_400.0
    static let hour = 3600.0
    static let keys = SealingKeys.newEntry(id: "k1")

    /// - Parameter change: what is chosen unlike a fresh installation.
    static func open(
        _ change: @Sendable (inout RenewalOptions) -> Void = { _ in },
        _ body: @Sendable (Cashier) async throws -> Void
    ) async throws {
        var options = RenewalOptions(ratePerSecond: 10_000)
        options.mostSkew = .infinity  // the tests' clock is not the machine's
        change(&options)
        let chosen = options
        try await withPayPal { paypal in
            let redis = try await TestRedis()
            let database = try await TestDatabase.fresh(.gatehouse)
            let sealer = Sealer(try SealingKeys(parsing: keys))
            let client = PayPalClient(
                PayPalSettings(
                    environment: .sandbox,
                    pretendedAt: paypal.address,
                    clientID: RunningPayPal.clientID,
                    clientSecret: RunningPayPal.clientSecret,
                    partnerMerchantID: RunningPayPal.partner,
                    attributionID: ""
                ),
                timeouts: .init(short: .seconds(5), long: .seconds(5)),
                logger: .silent
            )
            let deps = RenewalDependencies(
                store: database.store,
                paypal: client,
                sealer: sealer,
                queue: JobQueue(redis: redis.client, prefix: redis.prefix, logger: .silent),
                options: chosen
            )
            let start = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down))
            let merchant = try await connect(RunningPayPal.merchant, database.store, sealer, at: start)
            try await body(Cashier(deps: deps, paypal: paypal, database: database, merchant: merchant, start: start))
        }
    }

    static func connect(_ payPalID: String, _ store: Store, _ sealer: Sealer, at now: Date) async throws -> Merchant {
        let id = Merchant.ID.new(at: now)
        let merchant = Merchant(
            id: id,
            environment: .sandbox,
            payPalID: payPalID,
            secretHash: Digest.sha256(payPalID),
            siteURL: "https://\(payPalID.lowercased()).example.com",
            webhooksURL: "https://\(payPalID.lowercased()).example.com/hook",
            state: .connected,
            stateSince: now,
            createdAt: now
        )
        let sealed = try sealer.seal("shop's secret", for: Merchant.place(ofSecretOf: id))
        try await store.transaction { try $0.insert(merchant, webhookSecret: sealed) }
        return merchant
    }

    /// The same shop after the operator has chosen otherwise, on the same database and queue.
    func after(_ change: (inout RenewalOptions) -> Void) -> Cashier {
        var options = deps.options
        change(&options)
        let deps = RenewalDependencies(
            store: deps.store,
            paypal: deps.paypal,
            sealer: deps.sealer,
            queue: deps.queue,
            options: options
        )
        return Cashier(deps: deps, paypal: paypal, database: database, merchant: merchant, start: start)
    }

    // MARK: Subscriptions

    /// One that was activated at `anchor` and has paid period 0, or tries for free until then.
    func subscribe(
        anchor: Date? = nil,
        isTrial: Bool = false,
        frequency: BillingFrequency = .month,
        merchant: Merchant? = nil,
        token: String? = nil
    ) async throws -> VaultSubscription.ID {
        let anchor = anchor ?? start
        let merchant = merchant ?? self.merchant
        let vaultToken: String
        if let token { vaultToken = token } else { vaultToken = try await paypal.vaultToken() }
        let id = VaultSubscription.ID.new(at: start)
        var subscription = VaultSubscription(
            id: id,
            merchant: merchant.id,
            payPalID: "SUB-\(id)",
            flow: .vaultFirst,
            source: .paypal,
            thriveOrderID: 4711,
            amount: Money(minorUnits: 2900, currency: "USD"),
            frequency: frequency,
            interval: "monthly",
            trialDays: isTrial ? 7 : 0,
            status: isTrial ? .trialing : .active,
            anchorAt: anchor,
            nextPeriod: isTrial ? 0 : 1,
            createdAt: start
        )
        subscription.nextActionAt = subscription.due(subscription.nextPeriod)
        let sealed = try deps.sealer.seal(vaultToken, for: VaultSubscription.place(ofTokenOf: id))
        let made = subscription
        try await deps.store.transaction { transaction in
            try transaction.insert(made)
            try transaction.attachVaultToken(
                sealed,
                hash: Array(id.description.utf8.prefix(32)),
                customerID: nil,
                to: id
            )
        }
        return id
    }

    func due(_ id: VaultSubscription.ID, _ number: Int) async throws -> Date {
        try #require(try await row(id).due(number))
    }

    // MARK: Looking and working

    func row(_ id: VaultSubscription.ID) async throws -> VaultSubscription {
        try #require(try await deps.store.read { try $0.vaultSubscription(id) })
    }

    func periods(_ id: VaultSubscription.ID) async throws -> [ChargePeriod] {
        try await deps.store.read { try $0.chargePeriods(of: id) }
    }

    func attempts(_ id: VaultSubscription.ID) async throws -> [ChargeAttempt] {
        try await deps.store.read { try $0.chargeAttempts(of: id, in: Array(0...50)) }
    }

    func alarms(_ id: VaultSubscription.ID) async throws -> [String] {
        try await deps.store.read { try $0.chargeAlarms(of: id, limit: 50) }.map(\.kind)
    }

    /// What a worker does with the subscription's job at this time.
    @discardableResult
    func work(
        _ id: VaultSubscription.ID,
        at now: Date,
        period: Int = 1,
        isWanted: Bool = false
    ) async throws -> JobOutcome {
        let job = ChargeRenewal(
            subscription: id,
            merchant: try await row(id).merchant,
            period: period,
            isWanted: isWanted
        )
        return try await job.run(deps, context(at: now))
    }

    func context(at now: Date) -> JobContext {
        JobContext(
            id: "test",
            kind: ChargeRenewal.kind,
            queue: ChargeRenewal.queue,
            enqueuedAt: now,
            now: { now },
            logger: .silent
        )
    }

    /// What the merchant was told, newest last.
    func forwards() async throws -> [String: [[UInt8]]] {
        let rows = try await database.pool.query("SELECT type, body FROM outbox ORDER BY created_at, id")
            .decode((String, [UInt8]).self)
        return Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1) }
    }

    /// How often money moved, by PayPal's own book.
    var captures: Int { paypal.sandbox.money.count { $0.kind == .capture } }

    /// Every invariant holds.
    ///
    /// - Parameter left: not looked at, since nobody runs who would see to it.
    func expectInvariants(at now: Date, butFor left: Set<String> = []) async throws {
        for invariant in RenewalInvariant.all where !left.contains(invariant.name) {
            let found = try await deps.store.read { try $0.violations(of: invariant, at: now) }
            #expect(found.isEmpty, "\(invariant.name): \(found.map(\.detail))")
        }
    }
}
