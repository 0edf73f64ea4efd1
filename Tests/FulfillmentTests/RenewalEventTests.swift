import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Store
import TestKit
import Testing

/// PayPal's events of charges that renewals have sent, and whose answer may never have come.
@Suite(.database(.gatehouse)) struct `Events of a renewal` {
    /// A subscription whose period 1 is being charged, with the key of the charge.
    private func charging(_ books: Bookkeeper) async throws -> (VaultSubscription, ChargeAttempt.Key) {
        let subscription = try await books.subscription()
        let due = try #require(subscription.due(1))
        try await books.store.transaction { transaction in
            for _ in 0..<2 {
                try transaction.advance(subscription.id, .wake, from: .api, at: due) { _, _ in
                    FrozenBody(sealed: [1], of: [1])
                }
            }
        }
        let key = ChargeAttempt.Key(period: 1, number: 1, seq: 0)
        #expect(try await state(of: subscription, books) == [.sending])
        return (subscription, key)
    }

    private func event(
        _ id: String,
        of subscription: VaultSubscription,
        capture: String = "CAP1",
        order: String? = "ORD9",
        type: String = "COMPLETED",
        status: String = "COMPLETED",
        amount: String = "29.00"
    ) -> String {
        Bookkeeper.captured(
            id,
            capture: capture,
            order: order,
            type: type,
            status: status,
            customID: "\(subscription.id):1:1:0"
        )
        .replacing("29.00", with: amount)
        .replacing(
            #""final_capture""#,
            with: #""invoice_id":"sandbox-\#(subscription.id)-1","final_capture""#
        )
    }

    private func state(of subscription: VaultSubscription, _ books: Bookkeeper) async throws -> [ChargeAttempt.State] {
        try await books.store.read { try $0.chargeAttempts(of: subscription.id, in: [1]) }.map(\.state)
    }

    private func answer(
        _ key: ChargeAttempt.Key,
        _ answer: ChargeAnswer,
        _ subscription: VaultSubscription,
        _ books: Bookkeeper
    )
        async throws
    {
        let at = try #require(subscription.due(1)) + 60
        _ = try await books.store.transaction {
            try $0.advance(subscription.id, .answered(key, fence: 1, answer), from: .api, at: at)
        }
    }

    @Test(arguments: ["ORD9", nil] as [String?])
    func `a payment is learned before its answer, with or without the order's number`(order: String?) async throws {
        try await Bookkeeper.run { books in
            let (subscription, key) = try await charging(books)
            try await books.hear(event("WH-1", of: subscription, order: order))
            #expect(try await state(of: subscription, books) == [.captured])
            #expect(try await books.current(subscription).nextPeriod == 2)
            #expect(try await books.forwards().map(\.order) == [4711])
            // The answer that comes after it, or never came, changes nothing.
            for late in [ChargeAnswer.fact(.captured(id: "CAP1", order: "ORD9")), .unknown(order: nil)] {
                try await answer(key, late, subscription, books)
                #expect(try await state(of: subscription, books) == [.captured])
            }
            #expect(try await books.current(subscription).nextPeriod == 2)
            let alarms = try await books.store.read { try $0.chargeAlarms(of: subscription.id, limit: 9) }
            #expect(alarms.isEmpty)
        }
    }

    @Test func `a denial spends one step of dunning, before its answer or after`() async throws {
        try await Bookkeeper.run { books in
            let (subscription, key) = try await charging(books)
            let denied = event("WH-1", of: subscription, type: "DENIED", status: "DECLINED")
            try await books.hear(denied)
            try await answer(key, .fact(.declined(ChargeDecline(fault: .buyer))), subscription, books)
            try await books.hear(event("WH-2", of: subscription, type: "DECLINED", status: "DECLINED"))
            let periods = try await books.store.read { try $0.chargePeriods(of: subscription.id) }
            #expect(periods.last?.step == 1)
            #expect(try await books.current(subscription).status == .pastDue)
            // Forwarded as PayPal sent it, with the shop's own id: it does nothing, for another try follows.
            #expect(try await books.forwards().map(\.order) == [4711, 4711])
        }
    }

    @Test func `a payment of another amount pays nothing, whatever names it carries`() async throws {
        try await Bookkeeper.run { books in
            let (subscription, key) = try await charging(books)
            try await books.hear(event("WH-1", of: subscription, amount: "0.01"))
            #expect(try await state(of: subscription, books) == [.sending])
            try await answer(key, .fact(.captured(id: "CAP2", order: "ORD8")), subscription, books)
            for invariant in RenewalInvariant.all where invariant.isGrave {
                let found = try await books.store.read { try $0.violations(of: invariant, at: .now) }
                #expect(found.isEmpty, "\(invariant.name): \(found.map(\.detail))")
            }
        }
    }

    /// Source: the Product API document, "Free trials" and "Webhook event catalog".
    @Test func `the first charge after a trial is told as a renewal, a first payment without the shop's own id`()
        async throws
    {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            let first = ChargeNames.firstCustomID(of: "\(subscription.id)")
            try await books.hear(Bookkeeper.captured("WH-1", order: "ORD7", customID: first))
            let trial = "\(subscription.id):0:1:0"
            try await books.hear(Bookkeeper.captured("WH-2", capture: "CAP2", order: "ORD8", customID: trial))
            #expect(try await books.forwards().map(\.order) == [nil, 4711])
        }
    }

    @Test func `a refund of its capture ends the subscription, also where the charge's answer never came`() async throws
    {
        try await Bookkeeper.run { books in
            let (subscription, _) = try await charging(books)
            books.payPal.answers("DELETE /v3/vault/payment-tokens/8kk8451t", ScriptedPayPal.Answer.json(204, ""))
            try await books.hear(event("WH-1", of: subscription))
            #expect(try await books.hear(Bookkeeper.refunded("WH-2")) == .done)
            let after = try await books.current(subscription)
            #expect(after.status == .canceled)
            #expect(!after.hasVaultToken)
            #expect(try await books.forwards().map(\.order) == [4711, 4711])
            let due = try await books.store.read { try $0.dueRenewals(by: .now + 4e9, limit: 9) }
            #expect(!due.contains { $0.subscription == subscription.id })
        }
    }
}
