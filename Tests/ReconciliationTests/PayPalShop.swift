import AsyncHTTPClient
import Domain
import Foundation
import FulfillmentJobs
import Jobs
import NIOHTTP1
import PayPal
import Postgres
import ReconciliationJobs
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing

/// A merchant who sells through us at the pretended PayPal. No webhook is registered: what is not `hear`d never came.
struct PayPalShop: Sendable {
    let payPal: RunningPayPal
    let store: Store
    let dependencies: ReconciliationDependencies
    let merchant: Merchant
    let sealer: Sealer

    static let opened = Date(timeIntervalSinceNow: -90 * 86_400)

    /// - Parameter lag: hours that PayPal's transactions are behind.
    static func open(lag: Double = 0, _ body: @Sendable (PayPalShop) async throws -> Void) async throws {
        var habits = PayPalHabits()
        habits.searchLagHours = lag
        try await withPayPal(settings: habits) { payPal in
            let database = try await TestDatabase.fresh(.gatehouse)
            let redis = try await TestRedis()
            let sealer = Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "k1")))
            let settings = PayPalSettings(
                environment: .sandbox,
                pretendedAt: payPal.address,
                clientID: RunningPayPal.clientID,
                clientSecret: RunningPayPal.clientSecret,
                partnerMerchantID: RunningPayPal.partner,
                attributionID: ""
            )
            let merchant = Merchant(
                id: .new(at: opened),
                environment: .sandbox,
                payPalID: RunningPayPal.merchant,
                secretHash: [UInt8](repeating: 7, count: 32),
                siteURL: "https://shop.example.com",
                webhooksURL: "https://shop.example.com/hook",
                state: .connected,
                stateSince: opened,
                createdAt: opened
            )
            let sealed = try sealer.seal("word", for: Merchant.place(ofSecretOf: merchant.id))
            try await database.store.transaction { try $0.insert(merchant, webhookSecret: sealed) }
            let dependencies = ReconciliationDependencies(
                store: database.store,
                sealer: sealer,
                http: .shared,
                pace: RequestPace(redis: redis.client, perMinute: 0, logger: .silent),
                jobs: JobQueue(redis: redis.client, prefix: redis.prefix, logger: .silent),
                redis: redis.client,
                payPal: PayPalClient(settings, logger: .silent)
            )
            try await body(
                PayPalShop(
                    payPal: payPal,
                    store: database.store,
                    dependencies: dependencies,
                    merchant: merchant,
                    sealer: sealer
                )
            )
        }
    }

    // MARK: What happens

    /// A buyer approves an order that was made through us. Answers its id.
    func order(_ value: String = "29.00", of subscription: VaultSubscription? = nil, isOurs: Bool = true) async throws
        -> String
    {
        let body =
            #"{"intent":"CAPTURE","purchase_units":[{"amount":{"currency_code":"USD","value":"\#(value)"}}]}"#
        let id = try await payPal.call(.POST, "/v2/checkout/orders", body).id
        payPal.sandbox.approveOrder(id)
        guard isOurs else { return id }
        let order = PayPalOrder(
            id: id,
            merchant: merchant.id,
            subscription: subscription?.id,
            status: "APPROVED",
            amount: Money(value, "USD"),
            createdAt: Date(timeIntervalSinceNow: -3600)
        )
        let isKept = try await store.transaction { try $0.save(order, at: .now) }
        #expect(isKept)
        return id
    }

    /// Takes the money. Answers the capture's id.
    func capture(_ order: String) async throws -> String {
        let answer = try await payPal.call(.POST, "/v2/checkout/orders/\(order)/capture", "{}")
        return try #require(
            answer.json["purchase_units"]?[0]?.at("payments", "captures")?[0]?["id"]?.text,
            "\(answer.text)"
        )
    }

    func refund(_ capture: String) async throws {
        let answer = try await payPal.call(.POST, "/v2/payments/captures/\(capture)/refund", "{}")
        try #require(answer.status == 201, "\(answer.text)")
    }

    /// A subscription that is paid with a vault token, or waits for it.
    func subscription(token: String? = "8kk8451t", customer: String? = nil) async throws -> VaultSubscription {
        let id = VaultSubscription.ID.new(at: Self.opened)
        let made = VaultSubscription(
            id: id,
            merchant: merchant.id,
            payPalID: "SUB-\(id)",
            flow: .captureFirst,
            source: .paypal,
            thriveOrderID: 4711,
            amount: Money(minorUnits: 2900, currency: "USD"),
            frequency: .month,
            interval: "1 month",
            customerID: customer,
            createdAt: Self.opened
        )
        let sealed = try sealer.seal(token ?? "-", for: VaultSubscription.place(ofTokenOf: id))
        try await store.transaction { transaction in
            try transaction.insert(made)
            _ = try transaction.beginActivation(of: id)
            guard let token else { return try transaction.markVaultPending(id, customerID: customer, pollAt: nil) }
            try transaction.attachVaultToken(sealed, hash: Digest.sha256(token), customerID: customer, to: id)
            _ = try transaction.activate(
                id,
                as: .active,
                anchor: Self.opened,
                nextPeriod: 1,
                nextActionAt: nil,
                at: Self.opened
            )
        }
        return try await current(made)
    }

    /// All that PayPal would have told by now comes by webhook.
    func hear() async throws {
        let listed = try #require(await dependencies.payPal?.webhookEvents(pageSize: 300).value)
        let fulfillment = try #require(dependencies.fulfillment)
        for event in listed.events.reversed() {
            let job = ApplyPayPalEvent(
                body: event.bytes,
                transmission: nil,
                receivedAt: Date(timeIntervalSinceNow: -60)
            )
            _ = try await job.apply(fulfillment, now: { .now })
        }
    }

    /// PayPal's list of events is empty from now on.
    func forgetEvents() { payPal.sandbox.settings.forgetsEvents = true }
    func recallEvents() { payPal.sandbox.settings.forgetsEvents = false }

    // MARK: What is asked of us

    @discardableResult
    func run(
        inFlight: TimeInterval = 0,
        later: TimeInterval = 0,
        isRehearsal: Bool = false,
        since: Date? = nil
    ) async throws -> Reconciliation.Counts {
        var options = PayPalComparison.Options()
        options.inFlight = inFlight
        options.isRehearsal = isRehearsal
        let run = PayPalRun(dependencies, now: { Date(timeIntervalSinceNow: later) })
        return try await run.run(.init(.asked, since: since, comparing: options)).counts
    }

    func current(_ subscription: VaultSubscription) async throws -> VaultSubscription {
        try #require(try await store.read { try $0.vaultSubscription(subscription.id) })
    }

    func status(_ capture: String) async throws -> PayPalCapture.Status? {
        try await store.read { try $0.payPalCapture(capture)?.status }
    }

    func discrepancies(_ states: Discrepancy.State...) async throws -> [Discrepancy] {
        try await store.read { try $0.discrepancies(of: nil, states: states, limit: 100) }
    }

    func forwards() async throws -> [String] {
        try await store.pool.query(
            "SELECT f.event FROM forwards f JOIN outbox o ON o.id = f.message ORDER BY o.position"
        )
        .decode(String.self)
    }
}

extension PayPalShop {
    /// A charge that was sent an hour ago, and never answered.
    func openCharge(
        _ subscription: VaultSubscription,
        _ key: ChargeAttempt.Key,
        _ names: ChargeNames
    ) async throws {
        let sent = Date(timeIntervalSinceNow: -3600)
        try await store.pool.query(
            """
            INSERT INTO charge_periods (subscription, number, due_at, amount_minor, currency, status, created_at,
                updated_at)
            VALUES (\(subscription.id), \(key.period), \(sent), 2900, 'USD', 'due', \(sent), \(sent))
            """
        )
        try await store.pool.query(
            """
            INSERT INTO charge_attempts (subscription, period, number, seq, kind, state, request_id, invoice_id, body,
                fence, first_sent_at, last_sent_at, sends, doubts, probe_at, wake_at, created_at)
            VALUES (\(subscription.id), \(key.period), \(key.number), \(key.seq), 'scheduled', 'indeterminate', 'rn-1',
                \(names.invoiceID(period: key.period)), 'sealed'::bytea, 1, \(sent), \(sent), 1, 1, \(sent), \(sent),
                \(sent))
            """
        )
    }
}
