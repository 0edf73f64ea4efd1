import Domain
import Foundation
import NIOHTTP1
import PayPal
import Postgres
import RenewalJobs
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

@Suite struct `Dunning of a declined renewal` {
    /// Declined until the fault is taken away.
    private func decline(_ cashier: Cashier, _ issue: String = "INSTRUMENT_DECLINED") {
        var fault = PayPalFault(.decline, call: "orders.create")
        fault.issue = issue
        cashier.paypal.sandbox.add(fault)
    }

    @Test func `it retries on day 3 and day 7 measured from the first failed renewal, then revokes once`() async throws
    {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            decline(cashier)
            try await cashier.work(id, at: due)
            var row = try await cashier.row(id)
            #expect(row.status == .pastDue)
            #expect(row.firstFailedAt == due)
            #expect(row.nextActionAt == due + 3 * Cashier.day)

            // The cron is late by a day: day 7 stays where it is.
            try await cashier.work(id, at: due + 4 * Cashier.day)
            row = try await cashier.row(id)
            #expect(row.status == .pastDue)
            #expect(row.nextActionAt == due + 7 * Cashier.day)
            #expect(try await cashier.forwards()[AccessRevoke.type] == nil)

            try await cashier.work(id, at: due + 7 * Cashier.day)
            try await cashier.work(id, at: due + 7.5 * Cashier.day)
            row = try await cashier.row(id)
            #expect(row.status == .revoked)
            #expect(row.lastError == "PayPal call orders_create failed: HTTP 422")
            #expect(try await cashier.attempts(id).map(\.state) == [.declined, .declined, .declined])
            #expect(cashier.captures == 0)

            let told = try await cashier.forwards()[AccessRevoke.type] ?? []
            #expect(told.count == 1)
            let event = try JSONSerialization.jsonObject(with: Data(try #require(told.first))) as? [String: Any]
            let resource = event?["resource"] as? [String: Any]
            #expect(event?["x_thrive_order_id"] as? Int == 4711)
            #expect(resource?["subscription_id"] as? String == "SUB-\(id)")
            #expect(resource?["merchant_id"] as? String == cashier.merchant.payPalID)
            #expect(resource?["last_error"] as? String == "PayPal call orders_create failed: HTTP 422")
            #expect(resource?["reason"] as? String == "dunning_exhausted")
            try await cashier.expectInvariants(at: due + 8 * Cashier.day)
        }
    }

    @Test func `paid on day 3 it renews from the anchor as before`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            decline(cashier)
            try await cashier.work(id, at: due)
            cashier.paypal.sandbox.clearFaults()
            try await cashier.work(id, at: due + 3 * Cashier.day)
            let row = try await cashier.row(id)
            #expect(row.status == .active)
            #expect(row.firstFailedAt == nil)
            #expect(row.nextActionAt == row.due(2))
            #expect(cashier.captures == 1)
        }
    }

    @Test func `a subscription can't be revoked due to PayPal's outages, and last_error never shows one`() async throws
    {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            decline(cashier)
            try await cashier.work(id, at: due)
            try await cashier.work(id, at: due + 3 * Cashier.day)
            cashier.paypal.sandbox.clearFaults()
            var fault = PayPalFault(.error, call: "orders.create")
            fault.status = 503
            cashier.paypal.sandbox.add(fault)
            for hour in 0..<5 { try await cashier.work(id, at: due + 7 * Cashier.day + Double(hour) * 3601) }
            #expect(try await cashier.row(id).status == .pastDue)
            #expect(try await cashier.row(id).lastError == "PayPal call orders_create failed: HTTP 422")
            #expect(try await cashier.forwards()[AccessRevoke.type] == nil)
        }
    }

    @Test func `a vault token that is gone is not tried again, and access ends on day 7 all the same`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            decline(cashier, "INVALID_VAULT_ID")
            try await cashier.work(id, at: due)
            #expect(try await cashier.row(id).status == .pastDue)
            cashier.paypal.sandbox.clearFaults()
            try await cashier.work(id, at: due + 3 * Cashier.day)
            #expect(try await cashier.row(id).status == .pastDue)
            try await cashier.work(id, at: due + 7 * Cashier.day)
            #expect(try await cashier.attempts(id).map(\.state) == [.declined, .forgone, .forgone])
            #expect(try await cashier.row(id).status == .revoked)
            #expect(cashier.captures == 0)
            try await cashier.expectInvariants(at: due + 7 * Cashier.day)
        }
    }

    @Test func `a failed first charge after a trial funnels into the same dunning`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe(isTrial: true)
            decline(cashier)
            for day in [0, 3, 7] {
                try await cashier.work(id, at: cashier.start + Double(day) * Cashier.day, period: 0)
            }
            #expect(try await cashier.row(id).status == .revoked)
            #expect(try await cashier.forwards()[AccessRevoke.type]?.count == 1)
        }
    }

    @Test func `a capture that comes back declined inside a success is a decline`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.captureDeclined, call: "orders.create", count: 1))
            try await cashier.work(id, at: due)
            #expect(try await cashier.row(id).status == .pastDue)
            #expect(try await cashier.row(id).lastError == "PayPal call orders_create failed: HTTP 422")
        }
    }

    @Test func `an operator's charge between two steps spends none of them`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            decline(cashier)
            try await cashier.work(id, at: due)
            for hour in 1...3 { try await cashier.work(id, at: due + Double(hour) * Cashier.hour, isWanted: true) }
            #expect(try await cashier.periods(id).map(\.step) == [1])
            #expect(try await cashier.row(id).status == .pastDue)
            cashier.paypal.sandbox.clearFaults()
            try await cashier.work(id, at: due + 5 * Cashier.hour, isWanted: true)
            #expect(try await cashier.row(id).status == .active)
            #expect(cashier.captures == 1)
        }
    }

    @Test func `the owner is written to, without the buyer's data`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.deps.store.transaction { [merchant = cashier.merchant.id] in
                try $0.save(RenewalChoices(dunningMail: EmailAddress("owner@example.com")), of: merchant)
            }
            decline(cashier)
            try await cashier.work(id, at: due)
            cashier.paypal.sandbox.clearFaults()
            decline(cashier, "INVALID_VAULT_ID")
            for day in [3.0, 7] { try await cashier.work(id, at: due + day * Cashier.day) }
            let mails = try await cashier.database.pool.query(
                "SELECT recipient, subject, body_text FROM mails ORDER BY id"
            )
            .decode((String, String, String).self)
            #expect(Set(mails.map(\.0)) == ["owner@example.com"])
            #expect(
                mails.map(\.1) == [
                    "Order 4711: a renewal was declined", "Order 4711: a renewal was declined",
                    "Order 4711: access ends, no other try was allowed",
                ]
            )
            #expect(mails[0].2.contains("The next try is on"))
            #expect(mails[1].2.contains("It is not tried again"))
            #expect(mails[2].2.contains("was not made"))
        }
    }
}

@Suite struct `A subscription that ends` {
    @Test func `the cron won't try to renew an inactive subscription`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.deps.store.transaction { try $0.cancel(id, at: due - 60) }
            try await cashier.work(id, at: due)
            #expect(cashier.captures == 0)
            #expect(try await cashier.row(id).status == .canceled)
            #expect(try await cashier.forwards().isEmpty)
        }
    }

    @Test func `cancelled during the trial no payment is taken`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe(anchor: cashier.start + 7 * Cashier.day, isTrial: true)
            try await cashier.deps.store.transaction { [now = cashier.start + Cashier.day] in try $0.cancel(id, at: now)
            }
            try await cashier.work(id, at: cashier.start + 8 * Cashier.day, period: 0)
            #expect(cashier.captures == 0)
        }
    }

    @Test func `when a merchant disconnects every subscription stops renewing and no REVOKE is sent`() async throws {
        try await Cashier.open { cashier in
            let ids = [try await cashier.subscribe(), try await cashier.subscribe()]
            let due = try await cashier.due(ids[0], 1)
            try await cashier.deps.store.transaction { [merchant = cashier.merchant.id] in
                try $0.disconnect(merchant, at: due - 60)
            }
            // In the same call, and not only once somebody looks.
            for id in ids { #expect(try await cashier.row(id).status == .canceled) }
            for id in ids { try await cashier.work(id, at: due) }
            #expect(cashier.captures == 0)
            #expect(try await cashier.forwards().isEmpty)
        }
    }

    @Test func `what was on its way when it was cancelled is looked up, not sent again, and found it raises an alarm`()
        async throws
    {
        try await Cashier.open({ $0.searchesTransactions = true }) { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            // PayPal's clock goes along, so that its books have what is searched for.
            cashier.paypal.sandbox.advance(by: due.timeIntervalSince(cashier.start))
            cashier.paypal.sandbox.add(PayPalFault(.resetAfter, call: "orders.create", count: 1))
            try await cashier.work(id, at: due)
            try await cashier.deps.store.transaction { try $0.cancel(id, at: due + 60) }
            cashier.paypal.sandbox.advance(by: 5 * Cashier.hour)
            try await cashier.work(id, at: due + 5 * Cashier.hour)
            let sent = try await cashier.paypal.ask(.GET, "/_sandbox/requests?call=orders.create")
            #expect(sent.json["requests"]?.values.count == 1)
            #expect(try await cashier.attempts(id).map(\.state) == [.captured])
            #expect(try await cashier.alarms(id) == ["captured-after-end"])
            #expect(try await cashier.row(id).status == .canceled)
            #expect(cashier.captures == 1)
            try await cashier.expectInvariants(at: due + 5 * Cashier.hour)
        }
    }
}
