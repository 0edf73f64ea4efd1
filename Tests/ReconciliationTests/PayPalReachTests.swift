import Domain
import Foundation
import Jobs
import PayPal
import Postgres
import ReconciliationJobs
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing

/// How far back PayPal's books are read, and what is said of what they do not show.
@Suite struct `How deep PayPal's books are read` {
    private static let day: TimeInterval = 86_400

    @Test func `a run over the last hour does not stand for the days before, which nobody compared`() async throws {
        try await PayPalShop.open { shop in
            try await shop.run(later: -10 * Self.day)
            let capture = try await shop.capture(try await shop.order())
            let later = 10 * Self.day
            try await shop.run(later: later, since: Date(timeIntervalSinceNow: later - 3600))
            #expect(try await shop.status(capture) == nil)
            try await shop.run(later: later)
            #expect(try await shop.status(capture) == .completed)
        }
    }

    @Test func `a deeper run that goes on with a killed one begins anew`() async throws {
        try await PayPalShop.open { shop in
            let capture = try await shop.capture(try await shop.order())
            let killed = Reconciliation(
                site: nil,
                provider: .payPal,
                mode: .test,
                kind: .asked,
                floor: Date(timeIntervalSinceNow: -60),
                at: Date(timeIntervalSinceNow: -600)
            )
            #expect(try await shop.store.transaction { try $0.insert(killed) })
            try await shop.store.pool.query("UPDATE reconciliations SET page = 3")
            try await shop.run(since: Date(timeIntervalSinceNow: -20 * Self.day))
            #expect(try await shop.status(capture) == .completed)
        }
    }

    @Test func `a list of events that PayPal does not show is told, and the money is compared all the same`()
        async throws
    {
        try await PayPalShop.open { shop in
            var fault = PayPalFault(.error, call: "events.list")
            fault.status = 403
            shop.payPal.sandbox.add(fault)
            let capture = try await shop.capture(try await shop.order())
            #expect(try await shop.run().needsPerson == 1)
            #expect(try await shop.status(capture) == .completed)
            let reasons = try await shop.discrepancies(.person).map(\.reason)
            #expect(reasons == ["PayPal does not show us its list of events (403)"])
            shop.payPal.sandbox.clearFaults()
            #expect(try await shop.run().needsPerson == 0)
            #expect(try await shop.discrepancies(.person).isEmpty)
        }
    }

    @Test func `a window that PayPal calls invalid is not taken for one that it has not ready`() async throws {
        try await PayPalShop.open { shop in
            var fault = PayPalFault(.error, call: "reporting.transactions")
            fault.status = 400
            fault.issue = "INVALID_PARAMETER_VALUE"
            shop.payPal.sandbox.add(fault)
            let counts = try await shop.run()
            let found = try await shop.discrepancies(.person)
            #expect(counts.needsPerson == 1 && found.map(\.kind) == [.search])
        }
    }

    @Test func `a merchant on whose books PayPal breaks keeps nobody else's from being compared`() async throws {
        try await PayPalShop.open { shop in
            try await shop.addBrokenMerchant("AAAAAAAAAAAAA")
            let capture = try await shop.capture(try await shop.order())
            shop.forgetEvents()
            #expect(try await shop.run().needsPerson == 1)
            #expect(try await shop.status(capture) == .completed)
            let found = try await shop.discrepancies(.person)
            #expect(found.map(\.reason) == ["PayPal does not answer about the account's transactions: server error"])
            shop.payPal.sandbox.clearFaults()
            try await shop.run()
            #expect(try await shop.discrepancies(.person).isEmpty)
        }
    }

    @Test func `credentials that PayPal refuses are a failed run that is told until they are put right`() async throws {
        try await PayPalShop.open { shop in
            var wrong = shop.dependencies
            let settings = PayPalSettings(
                environment: .sandbox,
                pretendedAt: shop.payPal.address,
                clientID: RunningPayPal.clientID,
                clientSecret: "not-the-secret",
                partnerMerchantID: RunningPayPal.partner,
                attributionID: ""
            )
            wrong.payPal = PayPalClient(settings, logger: .silent)
            let log = CapturedLog()
            let now = Date()
            let context = JobContext(
                id: JobID(),
                kind: ReconcilePayPal.kind,
                queue: .reconciliation,
                enqueuedAt: now,
                now: { now },
                logger: log.logger
            )
            #expect(try await ReconcilePayPal().run(wrong, context) == .snoozed(.seconds(3600)))
            #expect(log.text.contains("PayPal's books can't be read") && !log.text.contains("not-the-secret"))
            let standing = try await shop.store.read { try $0.payPalStandings() }.first
            #expect(standing?.problem == "PayPal refuses our client id and secret")
            try await shop.run()
            let after = try await shop.store.read { try $0.payPalStandings() }.first
            #expect(after?.problem == nil)
        }
    }
}

extension PayPalShop {
    /// It is looked at before the other one.
    fileprivate func addBrokenMerchant(_ id: String) async throws {
        let merchant = Merchant(
            id: .new(at: Self.opened.addingTimeInterval(-86_400)),
            environment: .sandbox,
            payPalID: id,
            secretHash: [UInt8](repeating: 8, count: 32),
            siteURL: "https://other.example.com",
            webhooksURL: "https://other.example.com/hook",
            state: .connected,
            stateSince: Self.opened,
            createdAt: Self.opened
        )
        let sealed = try sealer.seal("word", for: Merchant.place(ofSecretOf: merchant.id))
        try await store.transaction { try $0.insert(merchant, webhookSecret: sealed) }
        payPal.sandbox.addMerchant(id)
        var fault = PayPalFault(.error, call: "reporting.transactions")
        fault.merchant = id
        payPal.sandbox.add(fault)
    }
}
