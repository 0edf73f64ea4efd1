import Domain
import Foundation
import Jobs
import NIOHTTP1
import PayPal
import Postgres
import RenewalJobs
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

/// What the Product API's document says of renewals, and no other suite has as its name.
@Suite struct `What shops are promised of renewals` {
    /// What PayPal was asked, oldest first.
    private func asked(_ cashier: Cashier, _ call: String) async throws -> [SandboxJSON] {
        try await cashier.paypal.ask(.GET, "/_sandbox/requests?call=\(call)").json["requests"]?.values ?? []
    }

    @Test func `a fresh order captures by itself, no separate capture call is needed`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            try await cashier.work(id, at: try await cashier.due(id, 1))
            #expect(try await asked(cashier, "orders.create").count == 1)
            #expect(try await asked(cashier, "orders.capture").isEmpty)
            #expect(cashier.captures == 1)
        }
    }

    @Test(arguments: BillingFrequency.allCases)
    func `each interval renews at its own dates, counted from the first`(frequency: BillingFrequency) async throws {
        try await Cashier.open { cashier in
            let anchor = Date(timeIntervalSince1970: 1_769_860_800)  // 31 January 2026, 12:00
            let id = try await cashier.subscribe(anchor: anchor, frequency: frequency)
            for number in 1...3 {
                let due = try #require(frequency.date(anchor, plus: number))
                try await cashier.work(id, at: due - 1, period: number)
                #expect(cashier.captures == number - 1)
                try await cashier.work(id, at: due, period: number)
                #expect(cashier.captures == number)
            }
            #expect(try await cashier.row(id).nextActionAt == frequency.date(anchor, plus: 4))
        }
    }

    @Test func `subscriptions run until cancelled, and each period has a request id of its own`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe(frequency: .day)
            for number in 1...30 { try await cashier.work(id, at: try await cashier.due(id, number), period: number) }
            #expect(cashier.captures == 30)
            let money = cashier.paypal.sandbox.money
            #expect(Set(money.map(\.requestID)).count == 30)
            #expect(Set(money.map(\.invoiceID)).count == 30)
            #expect(try await cashier.row(id).status == .active)
        }
    }

    @Test func `the first charge after a trial fires at next_charge_at, and the next one interval later`() async throws
    {
        try await Cashier.open { cashier in
            let end = cashier.start + 7 * Cashier.day
            let id = try await cashier.subscribe(anchor: end, isTrial: true)
            try await cashier.work(id, at: end - 1, period: 0)
            #expect(cashier.captures == 0)
            try await cashier.work(id, at: end, period: 0)
            #expect(cashier.captures == 1)
            #expect(try await cashier.row(id).nextActionAt == BillingFrequency.month.date(end, plus: 1))
        }
    }

    @Test func `a refund is resolved to the subscription from a renewal's capture id`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            try await cashier.work(id, at: try await cashier.due(id, 1))
            let capture = try #require(cashier.paypal.sandbox.money.first?.capture)
            let found = try await cashier.deps.store.read { try $0.vaultSubscription(ofOrder: nil, capture: capture) }
            #expect(found?.id == id)
        }
    }

    // MARK: Dunning

    @Test func `paid on day 7 nobody is revoked, and it renews from the anchor as before`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.decline, call: "orders.create", count: 2))
            for day in [0.0, 3, 7] { try await cashier.work(id, at: due + day * Cashier.day) }
            let row = try await cashier.row(id)
            #expect(row.status == .active)
            #expect(row.nextActionAt == row.due(2))
            #expect(try await cashier.forwards()[AccessRevoke.type] == nil)
            #expect(cashier.captures == 1)
        }
    }

    @Test func `REVOKE is the end: no further tries are coming`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.decline, call: "orders.create", count: 3))
            for day in [0.0, 3, 7] { try await cashier.work(id, at: due + day * Cashier.day) }
            #expect(try await cashier.row(id).status == .revoked)
            for day in [8.0, 31, 62] {
                try await cashier.work(id, at: due + day * Cashier.day)
                try await cashier.work(id, at: due + day * Cashier.day, isWanted: true)
            }
            #expect(try await asked(cashier, "orders.create").count == 3)
            let due62 = try await cashier.deps.store.read { [at = due + 62 * Cashier.day] in
                try $0.dueRenewals(by: at, limit: 10)
            }
            #expect(due62.isEmpty)
        }
    }

    @Test func `a payment method that the buyer revoked is HTTP 403 in last_error`() async throws {
        try await Cashier.open { cashier in
            let token = try await cashier.paypal.vaultToken()
            let id = try await cashier.subscribe(token: token)
            let due = try await cashier.due(id, 1)
            _ = try await cashier.paypal.ask(.DELETE, "/_sandbox/payment-tokens/\(token)")
            for day in [0.0, 3, 7] { try await cashier.work(id, at: due + day * Cashier.day) }
            #expect(try await cashier.row(id).status == .revoked)
            #expect(try await cashier.row(id).lastError == "PayPal call orders_create failed: HTTP 403")
            let body = try #require(try await cashier.forwards()[AccessRevoke.type]?.first)
            #expect(String(decoding: body, as: UTF8.self).contains("orders_create failed: HTTP 403"))
        }
    }

    @Test(arguments: [(400, true), (403, true), (404, true), (422, true), (401, false), (429, false)])
    func `HTTP 4xx consumes the budget in general, our token and PayPal's limit do not`(
        status: Int,
        consumes: Bool
    ) async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            var fault = PayPalFault(.error, call: "orders.create")
            fault.status = status
            cashier.paypal.sandbox.add(fault)
            try await cashier.work(id, at: due)
            #expect(try await cashier.periods(id).map(\.step) == [consumes ? 1 : 0])
            #expect(try await cashier.row(id).status == (consumes ? .pastDue : .active))
            #expect((try await cashier.row(id).lastError != nil) == consumes)
        }
    }

    @Test(arguments: [("03", 0), ("21", 0), ("30", 0), ("26", 2), ("02", 2), (nil, 2)] as [(String?, Int)])
    func `what the network says of another try is heeded`(advice: String?, tries: Int) async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            var fault = PayPalFault(.captureDeclined, call: "orders.create", count: 1)
            fault.responseCode = "0500"
            fault.adviceCode = advice
            cashier.paypal.sandbox.add(fault)
            try await cashier.work(id, at: due)
            cashier.paypal.sandbox.add(PayPalFault(.decline, call: "orders.create"))
            for day in [3.0, 7] { try await cashier.work(id, at: due + day * Cashier.day) }
            #expect(try await asked(cashier, "orders.create").count == 1 + tries)
            #expect(try await cashier.row(id).status == .revoked)
            try await cashier.expectInvariants(at: due + 7 * Cashier.day)
        }
    }

    // MARK: Ending

    @Test func `after a disconnect no renewal is due, and what was paid stays paid`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.work(id, at: due)
            try await cashier.deps.store.transaction { [merchant = cashier.merchant.id] in
                try $0.disconnect(merchant, at: due + Cashier.day)
            }
            let later = due + 90 * Cashier.day
            #expect(try await cashier.deps.store.read { try $0.dueRenewals(by: later, limit: 10) }.isEmpty)
            try await cashier.work(id, at: later)
            #expect(cashier.captures == 1)
            #expect(try await cashier.periods(id).map(\.status) == [.paid])
            #expect(try await cashier.forwards()[AccessRevoke.type] == nil)
        }
    }

    @Test func `cancelled between two tries of dunning it is neither tried again nor revoked`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.decline, call: "orders.create"))
            try await cashier.work(id, at: due)
            try await cashier.deps.store.transaction { try $0.cancel(id, at: due + Cashier.day) }
            for day in [3.0, 7] { try await cashier.work(id, at: due + day * Cashier.day) }
            #expect(try await asked(cashier, "orders.create").count == 1)
            #expect(try await cashier.row(id).status == .canceled)
            #expect(try await cashier.forwards().isEmpty)
        }
    }
}
