import Domain
import Foundation
import FulfillmentJobs
import Jobs
import PayPal
import Sealing
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Merchants and vault tokens that PayPal tells of` {
    let secret = "a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6"
    let newcomer = "NEWMERCHANT12"

    func onboarded(_ id: String = "WH-1", tracking: String? = nil) -> String {
        let tracking = tracking.map { #","tracking_id":"\#($0)"# + "\"" } ?? ""
        return #"{"id":"\#(id)","event_type":"MERCHANT.ONBOARDING.COMPLETED","resource":{"merchant_id":"\#(newcomer)""#
            + tracking + "}}"
    }

    func park(_ books: Bookkeeper, secret: String) async throws {
        let claim = MerchantClaim(
            environment: .sandbox,
            payPalID: newcomer,
            secretHash: Digest.sha256(secret),
            siteURL: "https://new.example",
            webhooksURL: "https://new.example/hook"
        )
        try await books.store.transaction { try $0.parkMerchant(claim, at: Bookkeeper.start) }
    }

    func answer(_ books: Bookkeeper, tracking: String) {
        books.payPal.answers(
            "GET /v1/customer/partners/PARTNER1/merchant-integrations/" + newcomer,
            .json(
                #"{"merchant_id":"\#(newcomer)","tracking_id":"\#(tracking)","country":"US","payments_receivable":true}"#
            )
        )
    }

    @Test(arguments: [true, false])
    func `an onboarding completes the shop that has the secret, and nudges it unsigned`(isTold: Bool) async throws {
        try await Bookkeeper.run { books in
            try await park(books, secret: secret)
            answer(books, tracking: secret)
            #expect(try await books.hear(onboarded(tracking: isTold ? secret : nil)) == .done)
            let account = newcomer
            let all = try await books.store.read { try $0.merchants(ofAccount: account, in: .sandbox) }
            #expect(all.map(\.state) == [.connected])
            #expect(all.first?.profile.country == "US")
            let sealed = try await books.store.read { try $0.webhookSecret(of: all[0].id) }
            let opened = try Bookkeeper.sealer.openText(
                try #require(sealed),
                for: Merchant.place(ofSecretOf: all[0].id)
            )
            #expect(opened.utf8.count == 64)
            let told = try await books.forwards()
            #expect(told.map(\.merchant) == [all[0].id])
            #expect(told.first?.isSigned == false)
        }
    }

    @Test func `an onboarding with another secret completes nobody`() async throws {
        try await Bookkeeper.run { books in
            try await park(books, secret: secret)
            answer(books, tracking: "somebody-elses-secret-0123456789ab")
            try await books.hear(onboarded(tracking: secret))
            let account = newcomer
            let all = try await books.store.read { try $0.merchants(ofAccount: account, in: .sandbox) }
            #expect(all.map(\.state) == [.pending])
            #expect(try await books.forwards().isEmpty)
        }
    }

    @Test func `a consent that was revoked disconnects, and buyers keep what they paid for`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            let body =
                #"{"id":"WH-1","create_time":"2027-09-29T04:45:38.473Z","event_type":"MERCHANT.PARTNER-CONSENT.REVOKED","resource":{"merchant_id":"HF5SN9RKCTNJ2"}}"#
            try await books.hear(body)
            let id = books.merchant.id
            #expect(try await books.store.read { try $0.merchant(id) }?.state == .disconnected)
            #expect(try await books.current(subscription).status == .canceled)
            #expect(try await books.forwards().map(\.event) == ["WH-1"])
        }
    }

    @Test func `a consent that was revoked before the merchant came back leaves it alone`() async throws {
        try await Bookkeeper.run { books in
            let body =
                #"{"id":"WH-1","create_time":"2017-09-29T04:45:38.473Z","event_type":"IDENTITY.AUTHORIZATION-CONSENT.REVOKED","resource":{"payer_id":"HF5SN9RKCTNJ2"}}"#
            try await books.hear(body)
            let id = books.merchant.id
            #expect(try await books.store.read { try $0.merchant(id) }?.state == .connected)
        }
    }

    @Test func `a consent that was revoked before the shop connected anew leaves it alone, had it left or not`()
        async throws
    {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            let claim = MerchantClaim(
                environment: .sandbox,
                payPalID: Bookkeeper.account,
                secretHash: books.merchant.secretHash,
                siteURL: books.merchant.siteURL,
                webhooksURL: nil
            )
            let anew = Bookkeeper.start.addingTimeInterval(30 * 86_400)
            try await books.store.transaction {
                _ = try $0.connectMerchant(claim, newSecret: { _ in [1, 2, 3] }, at: anew)
            }
            // Two weeks after the first connection, two weeks before the second.
            let body =
                #"{"id":"WH-1","create_time":"2027-01-29T04:45:38.473Z","event_type":"MERCHANT.PARTNER-CONSENT.REVOKED","resource":{"merchant_id":"HF5SN9RKCTNJ2"}}"#
            try await books.hear(body)
            let id = books.merchant.id
            #expect(try await books.store.read { try $0.merchant(id) }?.state == .connected)
            #expect(try await books.current(subscription).status == .active)
        }
    }

    @Test func `a vault token that comes late finds the subscription that waits for it`() async throws {
        try await Bookkeeper.run { books in
            let waiting = try await books.subscription(token: nil)
            #expect(waiting.isVaultPending)
            let body =
                #"{"id":"WH-1","event_type":"VAULT.PAYMENT-TOKEN.CREATED","resource":{"time_created":"2022-08-26T18:25:57.449PDT","id":"3nqvjt3n","customer":{"id":"cust1"},"payment_source":{"paypal":{}}}}"#
            try await books.hear(body)
            let after = try await books.current(waiting)
            #expect(after.hasVaultToken)
            #expect(!after.isVaultPending)
            #expect(after.status == .activating, "the shop asks again")
            let sealed = try await books.store.read { try $0.vaultToken(of: waiting.id) }
            let opened = try Bookkeeper.sealer.openText(
                try #require(sealed),
                for: VaultSubscription.place(ofTokenOf: waiting.id)
            )
            #expect(opened == "3nqvjt3n")
            #expect(try await books.forwards().map(\.order) == [4711])
        }
    }

    @Test func `a vault token that nobody waits for is kept, and no error`() async throws {
        try await Bookkeeper.run { (books) async throws in
            let body =
                #"{"id":"WH-1","event_type":"VAULT.PAYMENT-TOKEN.CREATED","resource":{"id":"x1","customer":{"id":"nobody"}}}"#
            let outcome = try await books.hear(body)
            #expect(outcome == .done)
            #expect(try await books.event("WH-1").status == .ignored)
        }
    }

    @Test func `a vault token that is gone is forgotten by what has ended`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            let body = #"{"id":"WH-1","event_type":"VAULT.PAYMENT-TOKEN.DELETED","resource":{"id":"8kk8451t"}}"#
            try await books.hear(body)
            #expect(try await books.current(subscription).hasVaultToken, "the next charge finds out")
            try await books.store.transaction { _ = try $0.cancel(subscription.id, at: .now) }
            try await books.hear(body.replacing("WH-1", with: "WH-2"))
            #expect(try await !books.current(subscription).hasVaultToken)
        }
    }

    @Test(arguments: [
        ("2026-06-04T08:46:46.096Z", true), ("2026-06-04T08:46:46Z", true), ("2018-08-15T12:13:29-07:00", true),
        ("2022-08-26T18:25:57.449PDT", true), ("2018-19-12T22:20:32.000Z", false), ("", false), ("PDT", false),
    ])
    func `PayPal's times are read as far as they are times`(text: String, isTime: Bool) {
        #expect((PayPalTime.read(text) != nil) == isTime)
        #expect(PayPalEvent(Array(#"{"id":"a","event_type":"B","create_time":"\#(text)"}"#.utf8)) != nil)
    }
}
