import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Money that PayPal gives back` {
    let purge = "DELETE /v3/vault/payment-tokens/8kk8451t"
    let gone = ScriptedPayPal.Answer.json(204, "")

    @Test(arguments: ["REFUNDED", "REVERSED"])
    func `ends the subscription and purges its vault token before anybody is told`(type: String) async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            try await books.order("ORD2", subscription: subscription)
            try await books.hear(Bookkeeper.captured("WH-1", order: "ORD2"))
            books.payPal.answers(purge, gone)
            #expect(try await books.hear(Bookkeeper.refunded("WH-2", type: type)) == .done)

            let after = try await books.current(subscription)
            #expect(after.status == .canceled)
            #expect(!after.hasVaultToken)
            #expect(books.payPal.asked.map(\.line) == [purge])
            #expect(try await books.capture("CAP1")?.status == (type == "REFUNDED" ? .refunded : .reversed))
            let told = try await books.forwards()
            #expect(told.map(\.event) == ["WH-1", "WH-2"])
            #expect(told.last?.order == 4711)
        }
    }

    @Test func `leaves the vault token to another subscription that renews by it`() async throws {
        try await Bookkeeper.run { books in
            let (subscription, other) = (try await books.subscription(), try await books.subscription("SUB2"))
            try await books.order("ORD2", subscription: subscription)
            try await books.hear(Bookkeeper.captured("WH-1", order: "ORD2"))
            books.payPal.answers(purge, gone)
            #expect(try await books.hear(Bookkeeper.refunded("WH-2")) == .done)
            #expect(try await books.current(subscription).status == .canceled)
            #expect(try await !books.current(subscription).hasVaultToken)
            #expect(try await books.current(other).hasVaultToken)
            #expect(books.payPal.asked.isEmpty)
        }
    }

    @Test func `is told when PayPal can't be told to forget, but not at once`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            try await books.order("ORD2", subscription: subscription)
            try await books.hear(Bookkeeper.captured("WH-1", order: "ORD2"))
            books.payPal.answers(purge, .html(503))
            guard case .snoozed = try await books.hear(Bookkeeper.refunded("WH-2"), age: 1) else {
                Issue.record("told too early")
                return
            }
            // What protects the buyer does not wait.
            #expect(try await books.current(subscription).status == .canceled)
            #expect(try await books.forwards().map(\.event) == ["WH-1"])

            #expect(try await books.hear(Bookkeeper.refunded("WH-2")) == .done)
            #expect(try await books.forwards().map(\.event) == ["WH-1", "WH-2"])
            #expect(try await books.current(subscription).hasVaultToken, "kept, so that it can be purged later")
        }
    }

    @Test func `goes on where it was killed`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            try await books.order("ORD2", subscription: subscription)
            try await books.hear(Bookkeeper.captured("WH-1", order: "ORD2"))
            books.payPal.answers(purge, .html(503), gone)
            guard case .snoozed = try await books.hear(Bookkeeper.refunded("WH-2"), age: 1) else {
                Issue.record("told too early")
                return
            }
            #expect(try await books.hear(Bookkeeper.refunded("WH-2"), age: 30) == .done)
            #expect(try await books.forwards().map(\.event) == ["WH-1", "WH-2"])
            #expect(try await !books.current(subscription).hasVaultToken)
        }
    }

    @Test func `a part of it ends the subscription too, and the capture is refunded in part`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            try await books.order("ORD2", subscription: subscription)
            try await books.hear(Bookkeeper.captured("WH-1", order: "ORD2"))
            books.payPal.answers(purge, gone)
            try await books.hear(Bookkeeper.refunded("WH-2", amount: "9.00"))
            #expect(try await books.current(subscription).status == .canceled)
            #expect(try await books.capture("CAP1")?.status == .partiallyRefunded)
        }
    }

    @Test func `a capture that nobody has told of is asked for`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            try await books.order("ORD2", subscription: subscription)
            books.payPal.answers(
                "GET /v2/payments/captures/CAP1",
                .json(
                    #"{"id":"CAP1","status":"REFUNDED","amount":{"currency_code":"USD","value":"29.00"},"links":[{"rel":"up","href":"https://api.sandbox.paypal.com/v2/checkout/orders/ORD2"}]}"#
                )
            )
            books.payPal.answers(purge, gone)
            #expect(try await books.hear(Bookkeeper.refunded("WH-2", account: Bookkeeper.account)) == .done)
            #expect(try await books.current(subscription).status == .canceled)
            #expect(try await books.capture("CAP1")?.status == .refunded)
            #expect(try await books.forwards().map(\.order) == [4711])
        }
    }

    @Test func `a one-off order's is forwarded, and PayPal is not asked`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            try await books.hear(Bookkeeper.captured("WH-1"))
            try await books.hear(Bookkeeper.refunded("WH-2"))
            #expect(books.payPal.asked.isEmpty)
            #expect(try await books.forwards().map(\.event) == ["WH-1", "WH-2"])
            let refunds = try await books.store.read { try $0.payPalRefunds(ofCapture: "CAP1") }
            #expect(refunds.map(\.amount) == [Money("29.00", "USD")])
        }
    }
}
