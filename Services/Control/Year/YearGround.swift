import Domain
import Foundation
import FulfillmentJobs
import Glibc
import Jobs
import Logging
import PayPal
import Postgres
import Redis
import RenewalJobs
import SandboxPages
import Sealing
import Store

/// What a simulated year stands on: a database of its own beside the real one, a pretended PayPal, and the jobs that charge
/// and that apply PayPal's events, as the processes run them.
struct YearGround: Sendable {
    let plan: YearPlan
    let store: Store
    let sandbox: PayPalSandbox
    let paypal: PayPalClient
    let sealer: Sealer
    let renewals: RenewalDependencies
    let fulfillment: FulfillmentDependencies
    let logger: Logger

    static func payPalID(ofMerchant number: Int) -> String { "SANDBXYEAR\(number)" }

    /// Makes it, hands it over and takes it away again, also when `body` throws.
    static func open<Result: Sendable>(
        _ plan: YearPlan,
        beside real: PostgresPool,
        redis: RedisClient,
        _ body: @Sendable (YearGround) async throws -> Result
    ) async throws -> Result {
        // Because the numbers of charges are what counts here, and a log line of each would only be noise.
        let logger = Logger(label: "year") { _ in SwiftLogNoOpLogHandler() }
        let name = "gatehouse_year_\(getpid())"
        try await real.query("DROP DATABASE IF EXISTS \(identifier: name) WITH (FORCE)")
        try await real.query("CREATE DATABASE \(identifier: name)")
        let pool = PostgresPool(real.configuration.database(name), logger: logger)
        let queue = JobQueue(redis: redis, prefix: "gatehouse-year-\(getpid())", logger: logger)
        let result: Swift.Result<Result, any Error>
        do {
            try await Schema.migrations.apply(to: pool)
            let sandbox = PayPalSandbox(clock: ShopClock(machine: { plan.start }), logger: logger)
            let done = try await sandbox.whileServing { address in
                let ground = try YearGround(plan, Store(pool), sandbox, at: address, queue, redis, logger)
                return try await body(ground)
            }
            result = .success(done)
        } catch {
            result = .failure(error)
        }
        await pool.close()
        try await real.query("DROP DATABASE IF EXISTS \(identifier: name) WITH (FORCE)")
        return try result.get()
    }

    private init(
        _ plan: YearPlan,
        _ store: Store,
        _ sandbox: PayPalSandbox,
        at address: String,
        _ queue: JobQueue,
        _ redis: RedisClient,
        _ logger: Logger
    ) throws {
        let habits = PayPalHabits()
        let settings = PayPalSettings(
            environment: .sandbox,
            pretendedAt: address,
            clientID: habits.clientID,
            clientSecret: habits.clientSecret,
            partnerMerchantID: habits.partnerMerchantID,
            attributionID: ""
        )
        var options = RenewalOptions(ratePerSecond: 10_000)
        options.mostSkew = .infinity  // the year's clock is not the machine's
        let sealer = Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "year")))
        let paypal = PayPalClient(settings, logger: logger)
        self.plan = plan
        self.store = store
        self.sandbox = sandbox
        self.sealer = sealer
        self.paypal = paypal
        self.logger = logger
        renewals = RenewalDependencies(store: store, paypal: paypal, sealer: sealer, queue: queue, options: options)
        fulfillment = FulfillmentDependencies(store: store, redis: redis, sealer: sealer, payPal: paypal)
    }

    // MARK: Merchants and buyers

    /// Connected merchants; two of them with "Block accidental payments" on.
    func addMerchants() async throws -> [Merchant.ID] {
        var ids: [Merchant.ID] = []
        for number in 0..<YearPlan.merchants {
            let payPalID = Self.payPalID(ofMerchant: number)
            sandbox.addMerchant(payPalID, blocksDuplicateInvoices: number < 2)
            let id = Merchant.ID(Lots(seed: plan.seed).uuid("merchant/\(number)"))
            let merchant = Merchant(
                id: id,
                environment: .sandbox,
                payPalID: payPalID,
                secretHash: Array(repeating: UInt8(number), count: 32),
                siteURL: "https://shop\(number).example.com",
                state: .connected,
                stateSince: plan.start,
                createdAt: plan.start
            )
            let sealed = try sealer.seal("of the year", for: Merchant.place(ofSecretOf: id))
            try await store.transaction { transaction in
                try transaction.insert(merchant, webhookSecret: sealed)
                if number < 2 { try transaction.save(RenewalChoices(guardsInvoices: true), of: id) }
            }
            ids.append(id)
        }
        return ids
    }

    /// As an activation leaves it: period 0 is paid, or comes at the trial's end. Its payment method is in the vault.
    func add(_ buyer: YearPlan.Buyer, of merchant: Merchant.ID) async throws {
        let token = try await vaultToken(of: buyer)
        var subscription = VaultSubscription(
            id: buyer.id,
            merchant: merchant,
            payPalID: "SUB-\(buyer.number)",
            flow: .vaultFirst,
            source: .paypal,
            thriveOrderID: Int64(buyer.number),
            amount: Money(minorUnits: Int64(900 + 100 * (buyer.number % 90)), currency: "USD"),
            frequency: buyer.frequency,
            interval: buyer.frequency.rawValue,
            trialDays: buyer.isTrial ? 7 : 0,
            status: buyer.isTrial ? .trialing : .active,
            anchorAt: buyer.anchor,
            nextPeriod: buyer.isTrial ? 0 : 1,
            createdAt: plan.start,
            activatedAt: plan.start
        )
        subscription.nextActionAt = subscription.due(subscription.nextPeriod)
        let sealed = try sealer.seal(token, for: VaultSubscription.place(ofTokenOf: buyer.id))
        let made = subscription
        try await store.transaction { transaction in
            try transaction.insert(made)
            try transaction.attachVaultToken(
                sealed,
                hash: FrozenBody.digest(of: Array(token.utf8)),
                customerID: nil,
                to: made.id
            )
        }
    }

    private func vaultToken(of buyer: YearPlan.Buyer) async throws -> String {
        let merchant = Self.payPalID(ofMerchant: buyer.merchant)
        let source: JSON = ["paypal": ["usage_type": "MERCHANT"]]
        let setup = await paypal.createSetupToken(source: source, of: merchant, details: CallDetails(requestID: nil))
        guard let id = setup.value?.id else { throw Unready() }
        sandbox.approveSetupToken(id, email: "buyer\(buyer.number)@example.com")
        let made = await paypal.createVaultToken(fromSetupToken: id, of: merchant, details: CallDetails(requestID: nil))
        guard let token = made.value?.id else { throw Unready() }
        return token
    }

    private struct Unready: Error, CustomStringConvertible {
        var description: String { "the pretended PayPal did not save a payment method" }
    }
}
