import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Logging
import PayPal
import Postgres
import Sealing
import Store
import TestKit
import Testing

/// Fulfillment over a database of the test's own, a scripted PayPal, and a merchant who is connected.
struct Bookkeeper: Sendable {
    let store: Store
    let payPal: ScriptedPayPal
    let deps: FulfillmentDependencies
    let merchant: Merchant

    static let start = Date(timeIntervalSince1970: 1_800_000_000)
    static let account = "HF5SN9RKCTNJ2"
    static let sealer = Sealer(try! SealingKeys(parsing: SealingKeys.newEntry(id: "k1")))

    static func run(_ test: @escaping @Sendable (Bookkeeper) async throws -> Void) async throws {
        let store = try #require(TestDatabase.current).store
        let redis = try await TestRedis()
        try await ScriptedPayPal.run { payPal, client in
            let keeper = Bookkeeper(
                store: store,
                payPal: payPal,
                deps: FulfillmentDependencies(
                    store: store,
                    redis: redis.client,
                    sealer: Self.sealer,
                    payPal: client
                ),
                merchant: try await connect(account: account, site: "https://shop.example", in: store)
            )
            try await test(keeper)
        }
    }

    static func connect(account: String, site: String, secret: UInt8 = 1, in store: Store) async throws -> Merchant {
        let claim = MerchantClaim(
            environment: .sandbox,
            payPalID: account,
            secretHash: [UInt8](repeating: secret, count: 32),
            siteURL: site,
            webhooksURL: site + "/hook"
        )
        let connection = try await store.transaction {
            try $0.connectMerchant(claim, newSecret: { _ in [1, 2, 3] }, at: start)
        }
        guard case .connected(let merchant) = connection else { throw NotConnected() }
        return merchant
    }

    struct NotConnected: Error {}

    // MARK: What is there

    func order(_ id: String, subscription: VaultSubscription? = nil, of merchant: Merchant? = nil) async throws {
        let order = PayPalOrder(
            id: id,
            merchant: (merchant ?? self.merchant).id,
            subscription: subscription?.id,
            status: "APPROVED",
            amount: Money("29.00", "USD"),
            createdAt: Self.start
        )
        let isSaved = try await store.transaction { try $0.save(order, at: Self.start) }
        #expect(isSaved)
    }

    /// A subscription that renews, with its vault token; `token` nil: one that waits for it.
    func subscription(_ payPalID: String = "SUB1", token: String? = "8kk8451t", customer: String = "cust1")
        async throws -> VaultSubscription
    {
        let subscription = VaultSubscription(
            id: .new(at: Self.start),
            merchant: merchant.id,
            payPalID: payPalID,
            flow: .captureFirst,
            source: .paypal,
            thriveOrderID: 4711,
            amount: Money("29.00", "USD")!,
            frequency: .month,
            interval: "1 month",
            customerID: customer,
            createdAt: Self.start
        )
        try await store.transaction { tx in
            try tx.insert(subscription)
            _ = try tx.beginActivation(of: subscription.id)
            guard let token else {
                return try tx.markVaultPending(subscription.id, customerID: customer, pollAt: Self.start)
            }
            try tx.attachVaultToken(
                try Self.sealer.seal(token, for: VaultSubscription.place(ofTokenOf: subscription.id)),
                hash: Digest.sha256(token),
                customerID: customer,
                to: subscription.id
            )
            _ = try tx.activate(
                subscription.id,
                as: .active,
                anchor: Self.start,
                nextPeriod: 1,
                nextActionAt: nil,
                at: Self.start
            )
        }
        return try await current(subscription)
    }

    func current(_ subscription: VaultSubscription) async throws -> VaultSubscription {
        try #require(try await store.read { try $0.vaultSubscription(subscription.id) })
    }

    func capture(_ id: String) async throws -> PayPalCapture? { try await store.read { try $0.payPalCapture(id) } }

    func event(_ id: String) async throws -> PayPalEventRecord {
        try #require(try await store.read { try $0.payPalEvent(id) })
    }

    /// What is told to whom, in its order.
    func forwards() async throws -> [Told] {
        try await #require(TestDatabase.current).pool.query(
            """
            SELECT f.event, f.merchant, f.thrive_order_id, f.signed, o.body
            FROM forwards f JOIN outbox o ON o.id = f.message
            ORDER BY o.position
            """
        )
        .map { row in
            Told(
                event: try row["event"],
                merchant: try row["merchant"],
                order: try row["thrive_order_id"],
                isSigned: try row["signed"],
                body: String(decoding: try row["body"] as [UInt8], as: UTF8.self)
            )
        }
    }

    struct Told: Sendable, Hashable {
        var event: String
        var merchant: Merchant.ID
        var order: Int64?
        var isSigned: Bool
        var body: String
    }

    // MARK: What comes

    /// Applies an event that came `age` seconds ago.
    @discardableResult
    func hear(_ body: String, age: TimeInterval = 3600) async throws -> JobOutcome {
        let now = Date.now
        let job = ApplyPayPalEvent(
            body: Array(body.utf8),
            transmission: Transmission(
                id: "t-1",
                time: "2026-01-01T00:00:00Z",
                signature: "c2ln",
                certificateURL: "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
                algorithm: "SHA256withRSA"
            ),
            receivedAt: now.addingTimeInterval(-age)
        )
        let context = JobContext(
            id: JobID(),
            kind: ApplyPayPalEvent.kind,
            queue: ApplyPayPalEvent.queue,
            enqueuedAt: now,
            now: { now },
            logger: .silent
        )
        return try await job.run(deps, context)
    }

    static func captured(
        _ event: String,
        capture: String = "CAP1",
        order: String? = "ORD1",
        type: String = "COMPLETED",
        status: String = "COMPLETED",
        account: String? = account,
        customID: String? = nil
    ) -> String {
        let related = order.map { #","supplementary_data":{"related_ids":{"order_id":"\#($0)"}}"# } ?? ""
        let payee = account.map { #","payee":{"merchant_id":"\#($0)"}"# } ?? ""
        let custom = customID.map { #","custom_id":"\#($0)"# + "\"" } ?? ""
        return #"{"id":"\#(event)","event_version":"1.0","create_time":"2026-06-04T08:46:46.096Z","#
            + #""resource_type":"capture","event_type":"PAYMENT.CAPTURE.\#(type)","resource":{"id":"\#(capture)","#
            + #""status":"\#(status)","amount":{"value":"29.00","currency_code":"USD"}"# + related + payee + custom
            + #","final_capture":true}}"#
    }

    static func refunded(
        _ event: String,
        refund: String = "REF1",
        capture: String = "CAP1",
        type: String = "REFUNDED",
        amount: String = "29.00",
        account: String? = nil
    ) -> String {
        let payer = account.map { #","payer":{"merchant_id":"\#($0)"}"# } ?? ""
        return #"{"id":"\#(event)","create_time":"2026-06-04T09:33:27.833Z","resource_type":"refund","#
            + #""event_type":"PAYMENT.CAPTURE.\#(type)","resource":{"id":"\#(refund)","status":"COMPLETED","#
            + #""amount":{"value":"\#(amount)","currency_code":"USD"}"# + payer
            + #","create_time":"2026-06-04T02:33:23-07:00","seller_payable_breakdown":{"total_refunded_amount":{"value":"\#(amount)","currency_code":"USD"}},"#
            + #""links":[{"rel":"self","href":"https://api.sandbox.paypal.com/v2/payments/refunds/\#(refund)"},"#
            + #"{"rel":"up","href":"https://api.sandbox.paypal.com/v2/payments/captures/\#(capture)"}]}}"#
    }
}
