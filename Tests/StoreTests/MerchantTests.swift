import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Connecting a shop` {
    let now = Date(timeIntervalSince1970: 1_800_000_000)

    var store: Store {
        get throws { try #require(TestDatabase.current).store }
    }

    func claim(secret: UInt8 = 1, account: String = "HF5SN9RKCTNJ2", site: String = "https://a.example")
        -> MerchantClaim
    {
        MerchantClaim(
            environment: .sandbox,
            payPalID: account,
            secretHash: [UInt8](repeating: secret, count: 32),
            siteURL: site,
            webhooksURL: site + "/hook",
            profile: Merchant.Profile(country: "US", capabilities: ["APPLE_PAY": "ACTIVE"], seenAt: now)
        )
    }

    @discardableResult
    func connect(_ claim: MerchantClaim) async throws -> Merchant {
        let connection = try await store.transaction { [now] tx in
            try tx.connectMerchant(claim, newSecret: { Array($0.description.utf8) }, at: now)
        }
        guard case .connected(let merchant) = connection else { throw Refused() }
        return merchant
    }

    struct Refused: Error {}

    func token(_ byte: UInt8, of merchant: Merchant) async throws {
        try await store.transaction { [now] in
            try $0.insertToken([UInt8](repeating: byte, count: 32), of: merchant.id, at: now, until: now + 60)
        }
    }

    func owner(ofToken byte: UInt8) async throws -> Merchant.ID? {
        try await store.read { [now] in
            try $0.merchant(ofToken: [UInt8](repeating: byte, count: 32), at: now)?.id
        }
    }

    @Test func `the same claim twice is one merchant whose bearers live on`() async throws {
        let first = try await connect(claim())
        try await token(7, of: first)
        let second = try await connect(claim())
        #expect(second == first)
        #expect(try await owner(ofToken: 7) == first.id)
        let kept = try await store.read { try $0.merchant(first.id) }
        #expect(kept == first)
    }

    @Test func `the same site with a new secret is the same merchant without its old bearers`() async throws {
        let first = try await connect(claim())
        try await token(7, of: first)
        let second = try await connect(claim(secret: 2))
        #expect(second.id == first.id)
        #expect(second.secretHash != first.secretHash)
        #expect(try await owner(ofToken: 7) == nil)
    }

    @Test func `a merchant that left comes back as itself`() async throws {
        let first = try await connect(claim())
        try await token(7, of: first)
        let left = try await store.transaction { [now] in
            [try $0.disconnect(first.id, at: now), try $0.disconnect(first.id, at: now)]
        }
        #expect(left == [true, false])
        #expect(try await owner(ofToken: 7) == nil)
        let again = try await connect(claim(secret: 2))
        #expect(again.id == first.id && again.isConnected)
    }

    @Test func `the same secret with another account disconnects the old one`() async throws {
        let first = try await connect(claim())
        let second = try await connect(claim(account: "OTHERACCOUNT1"))
        #expect(second.id != first.id)
        let old = try await store.read { try $0.merchant(first.id) }
        #expect(old?.state == .disconnected)
    }

    @Test func `a site that moved keeps its merchant`() async throws {
        let first = try await connect(claim())
        let moved = try await connect(claim(site: "https://b.example"))
        #expect(moved.id == first.id && moved.siteURL == "https://b.example")
    }

    @Test func `a secret of another connected site of the account is refused`() async throws {
        try await connect(claim())
        try await connect(claim(secret: 2, site: "https://b.example"))
        await #expect(throws: Refused.self) { try await connect(claim(site: "https://b.example")) }
    }

    @Test func `a parked claim becomes the merchant when PayPal confirms it, and forged ones never do`() async throws {
        let (mine, forged) = (claim(), claim(secret: 9))
        try await store.transaction { [now] tx in
            try tx.parkMerchant(forged, at: now)
            try tx.parkMerchant(mine, at: now)
            try tx.parkMerchant(mine, at: now)
        }
        let merchant = try await connect(mine)
        let all = try await store.read { try $0.merchants(ofAccount: mine.payPalID, in: .sandbox) }
        #expect(all.filter(\.isConnected).map(\.id) == [merchant.id])
        #expect(all.filter { $0.state == .pending }.map(\.secretHash) == [forged.secretHash])
        let forgotten = try await store.transaction { [now] in try $0.deletePendingMerchants(before: now + 1) }
        #expect(forgotten == 1)
    }
}

@Suite(.database(.gatehouse)) struct `What shops asked twice` {
    let now = Date(timeIntervalSince1970: 1_800_000_000)

    @Test func `an id is granted once, compared, and answered as at first`() async throws {
        let store = try #require(TestDatabase.current).store
        let merchant = try await store.merchant(at: now)
        func claim(_ fingerprint: UInt8, _ time: TimeInterval = 0) async throws -> MerchantRequestClaim {
            try await store.transaction { [now] in
                try $0.claimRequest(
                    "key",
                    operation: "orders.create",
                    of: merchant.id,
                    fingerprint: [UInt8](repeating: fingerprint, count: 32),
                    at: now + time,
                    runningUntil: now + time + 60
                )
            }
        }
        #expect(try await claim(1) == .granted(isRepeat: false))
        #expect(try await claim(1) == .running)
        #expect(try await claim(2) == .conflicting)
        #expect(try await claim(1, 61) == .granted(isRepeat: true))
        try await store.transaction {
            try $0.settleRequest(
                "key",
                operation: "orders.create",
                of: merchant.id,
                status: 201,
                body: [1],
                debugID: "d"
            )
        }
        #expect(try await claim(1, 62) == .answered(status: 201, body: [1], debugID: "d"))
        #expect(try await claim(2, 62) == .conflicting)
    }

    @Test func `an order or capture of one merchant is never another's`() async throws {
        let store = try #require(TestDatabase.current).store
        let (one, two) = (try await store.merchant(at: now), try await store.merchant("B2", secret: 2, at: now))
        let money = Money(minorUnits: 1000, currency: "USD")
        let order = PayPalOrder(id: "O1", merchant: one.id, status: "CREATED", amount: money, createdAt: now)
        var stolen = order
        stolen.merchant = two.id
        let kept = try await store.transaction { [now, stolen] tx in
            [try tx.save(order, at: now), try tx.save(stolen, at: now), try tx.payPalOrder("O1", of: two.id) != nil]
        }
        #expect(kept == [true, false, false])
    }

    @Test func `a capture never goes back in its life`() async throws {
        let store = try #require(TestDatabase.current).store
        let merchant = try await store.merchant(at: now)
        let money = Money(minorUnits: 1000, currency: "USD")
        let changed = try await store.transaction { [now] tx in
            let order = PayPalOrder(id: "O1", merchant: merchant.id, status: "CREATED", amount: money, createdAt: now)
            _ = try tx.save(order, at: now)
            return try [PayPalCapture.Status.pending, .refunded, .completed].map { status in
                let capture = PayPalCapture(
                    id: "C1",
                    merchant: merchant.id,
                    order: "O1",
                    status: status,
                    amount: money,
                    createdAt: now
                )
                return try tx.save(capture, at: now)
            }
        }
        #expect(changed == [true, true, false])
        let kept = try await store.read { try $0.payPalCapture("C1", of: merchant.id) }
        #expect(kept?.status == .refunded)
    }
}

@Suite(.database(.gatehouse)) struct `The life of a vault subscription` {
    let now = Date(timeIntervalSince1970: 1_800_000_000)

    @Test func `it is activated with a token alone, and ends for good`() async throws {
        let store = try #require(TestDatabase.current).store
        let merchant = try await store.merchant(at: now)
        let subscription = VaultSubscription(
            id: .new(at: now),
            merchant: merchant.id,
            payPalID: "SETUP1",
            flow: .vaultFirst,
            source: .paypal,
            thriveOrderID: 42,
            amount: Money(minorUnits: 999, currency: "USD"),
            frequency: .month,
            interval: "1 month",
            createdAt: now
        )
        let id = subscription.id
        let kept = try await store.transaction { tx in
            try tx.insert(subscription)
            return try tx.vaultSubscription(payPalID: "SETUP1", of: merchant.id)
        }
        #expect(kept == subscription)
        let changed = try await store.transaction { [now] tx in
            let token = [UInt8](repeating: 1, count: 32)
            return [
                try tx.beginActivation(of: id),
                try tx.beginActivation(of: id),
                try tx.activate(id, as: .active, anchor: now, nextPeriod: 1, nextActionAt: nil, at: now),
                try tx.attachVaultToken([1], hash: token, customerID: "c", to: id),
                try tx.activate(id, as: .active, anchor: now, nextPeriod: 1, nextActionAt: now, at: now),
                try tx.cancel(id, at: now),
                try tx.cancel(id, at: now),
                try tx.vaultTokensToPurge(limit: 10).map(\.id) == [id],
                try tx.forgetVaultToken(of: id),
                try tx.vaultTokensToPurge(limit: 10).isEmpty,
            ]
        }
        #expect(changed == [true, false, false, true, true, true, false, true, true, true])
        let ended = try await store.read { try $0.vaultSubscription(id) }
        #expect(ended?.status == .canceled)
        #expect(ended?.hasVaultToken == false)
    }

    @Test func `a merchant that leaves ends its subscriptions`() async throws {
        let store = try #require(TestDatabase.current).store
        let merchant = try await store.merchant(at: now)
        let subscription = VaultSubscription(
            id: .new(at: now),
            merchant: merchant.id,
            payPalID: "O1",
            flow: .captureFirst,
            source: .card,
            thriveOrderID: 1,
            amount: Money(minorUnits: 999, currency: "USD"),
            frequency: .year,
            interval: "yearly",
            createdAt: now
        )
        let status = try await store.transaction { [now] tx in
            try tx.insert(subscription)
            try tx.disconnect(merchant.id, at: now)
            return try tx.vaultSubscription(subscription.id)?.status
        }
        #expect(status == .canceled)
    }
}

extension Store {
    fileprivate func merchant(_ account: String = "A1", secret: UInt8 = 1, at now: Date) async throws -> Merchant {
        let merchant = Merchant(
            id: .new(at: now),
            environment: .sandbox,
            payPalID: account,
            secretHash: [UInt8](repeating: secret, count: 32),
            siteURL: "https://example.com",
            state: .connected,
            stateSince: now,
            createdAt: now
        )
        try await transaction { try $0.insert(merchant, webhookSecret: [1]) }
        return merchant
    }
}
