import Domain
import Foundation
import Jobs
import PayPal
import Postgres
import RenewalJobs
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing

@Suite struct `What stops charging` {
    @Test func `a pause charges nobody until it is resumed`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.deps.store.transaction {
                try $0.pauseRenewals(by: .byOperator, reason: "a test", at: due)
            }
            let outcome = try await cashier.work(id, at: due)
            #expect(outcome == .snoozed(.seconds(300)))
            #expect(cashier.captures == 0)
            try await cashier.deps.store.transaction { _ = try $0.resumeRenewals(at: due + 1) }
            try await cashier.work(id, at: due + 2)
            #expect(cashier.captures == 1)
        }
    }

    @Test func `a merchant's pause holds its own subscriptions and nobody else's`() async throws {
        try await Cashier.open { cashier in
            cashier.paypal.sandbox.addMerchant("CALM1")
            let (store, sealer) = (cashier.deps.store, cashier.deps.sealer)
            let other = try await Cashier.connect("CALM1", store, sealer, at: cashier.start)
            let token = try await cashier.paypal.vaultToken(of: "CALM1")
            let held = try await cashier.subscribe()
            let free = try await cashier.subscribe(merchant: other, token: token)
            let due = try await cashier.due(held, 1)
            try await store.transaction { [merchant = cashier.merchant.id] in
                try $0.pauseRenewals(of: merchant, by: .byOperator, reason: "a test", at: due)
            }
            #expect(try await cashier.work(held, at: due) == .snoozed(.seconds(300)))
            try await cashier.work(free, at: due)
            #expect(cashier.captures == 1)
            #expect(try await cashier.attempts(held).isEmpty)
        }
    }

    @Test func `twenty refusals of three merchants that are nobody's bank's pause everything`() async throws {
        try await Cashier.open { cashier in
            let names = ["BREAKER1", "BREAKER2", "BREAKER3"]
            try await refuse(cashier, names, 6, "PERMISSION_DENIED", at: cashier.start)
            #expect(try await cashier.deps.store.read { try $0.renewalPauses() }.isEmpty)
            try await refuse(cashier, ["BREAKER4"], 2, "PERMISSION_DENIED", at: cashier.start)
            let pauses = try await cashier.deps.store.read { try $0.renewalPauses() }
            #expect(pauses.map(\.source) == [.breaker])
            #expect(pauses.first?.reason == "20 charges of 4 merchants ended with PERMISSION_DENIED within 15 minutes")
            cashier.paypal.sandbox.clearFaults()
            let one = try await cashier.subscribe(isTrial: true)
            #expect(try await cashier.work(one, at: cashier.start, period: 0) == .snoozed(.seconds(300)))
        }
    }

    /// `count` charges of each merchant that are refused with this word.
    private func refuse(_ cashier: Cashier, _ merchants: [String], _ count: Int, _ issue: String, at now: Date)
        async throws
    {
        cashier.paypal.sandbox.clearFaults()
        var fault = PayPalFault(.decline, call: "orders.create")
        fault.issue = issue
        cashier.paypal.sandbox.add(fault)
        for payPalID in merchants {
            cashier.paypal.sandbox.addMerchant(payPalID)
            let merchant = try await Cashier.connect(payPalID, cashier.deps.store, cashier.deps.sealer, at: now)
            let token = try await cashier.paypal.vaultToken(of: payPalID)
            for _ in 0..<count {
                let id = try await cashier.subscribe(isTrial: true, merchant: merchant, token: token)
                try await cashier.work(id, at: now, period: 0)
            }
        }
    }

    @Test func `a merchant who is refused more often hides no mistake of ours`() async throws {
        try await Cashier.open { cashier in
            try await refuse(cashier, ["ALONE1"], 25, "PAYEE_ACCOUNT_RESTRICTED", at: cashier.start)
            let most = try await cashier.deps.store.read { [start = cashier.start] in
                try $0.refusalsAlike(since: start - 60, fewest: 25, merchants: 1)
            }
            #expect(most?.what == "PAYEE_ACCOUNT_RESTRICTED")
            #expect(try await cashier.deps.store.read { try $0.renewalPauses() }.isEmpty)
            try await refuse(cashier, ["MANY1", "MANY2", "MANY3"], 7, "MALFORMED_REQUEST_JSON", at: cashier.start)
            #expect(try await cashier.deps.store.read { try $0.renewalPauses() }.map(\.source) == [.breaker])
        }
    }

    @Test func `what was refused before a person resumed does not pause again`() async throws {
        try await Cashier.open { cashier in
            try await refuse(cashier, ["MANY1", "MANY2", "MANY3"], 7, "MALFORMED_REQUEST_JSON", at: cashier.start)
            #expect(try await cashier.deps.store.read { try $0.renewalPauses() }.count == 1)
            let resumed = cashier.start + 120
            try await cashier.deps.store.transaction { _ = try $0.resumeRenewals(at: resumed) }
            try await refuse(cashier, ["LATER1"], 1, "MALFORMED_REQUEST_JSON", at: resumed + 60)
            #expect(try await cashier.deps.store.read { try $0.renewalPauses() }.isEmpty)
        }
    }

    @Test func `a worker that was away holds nobody else back`() async throws {
        try await Cashier.open({ $0.times.sendDeadline = -1 }) { cashier in
            let (one, other) = (try await cashier.subscribe(), try await cashier.subscribe())
            let due = try await cashier.due(one, 1)
            try await cashier.work(one, at: due)
            #expect(try await cashier.attempts(one).map(\.state) == [.planned])
            try await cashier.after { $0.times.sendDeadline = 60 }.work(other, at: due)
            #expect(cashier.captures == 1)
        }
    }

    @Test func `clocks that differ by more than five minutes pause everything`() async throws {
        try await Cashier.open({ $0.mostSkew = 300 }) { cashier in
            let id = try await cashier.subscribe(isTrial: true)
            let wrong = Date.now + Cashier.day
            try await cashier.work(id, at: wrong, period: 0)
            let pauses = try await cashier.deps.store.read { try $0.renewalPauses() }
            #expect(pauses.map(\.source) == [.clock])
        }
    }

    @Test func `books that don't add up stop charging`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.work(id, at: due)
            _ = try await CheckRenewalInvariants().run(cashier.deps, cashier.context(at: due))
            #expect(try await cashier.deps.store.read { try $0.renewalPauses() }.isEmpty)

            try await cashier.database.pool.query(
                "UPDATE charge_periods SET status = 'due', capture_id = NULL WHERE subscription = \(id)"
            )
            _ = try await CheckRenewalInvariants().run(cashier.deps, cashier.context(at: due))
            #expect(try await cashier.deps.store.read { try $0.renewalPauses() }.map(\.source) == [.invariants])
        }
    }

    @Test func `the sweep queues what is due and what comes due, once`() async throws {
        try await Cashier.open { cashier in
            _ = try await cashier.subscribe(anchor: cashier.start - 40 * Cashier.day)
            _ = try await cashier.subscribe(anchor: cashier.start + 1800, isTrial: true)
            _ = try await cashier.subscribe(anchor: cashier.start + 7200, isTrial: true)
            for _ in 0..<2 {
                _ = try await SweepDueRenewals().run(cashier.deps, cashier.context(at: cashier.start))
            }
            let stats = try await cashier.deps.queue.stats(of: .renewals)
            #expect(stats.held == 2)
            #expect(stats.due == 1)
        }
    }

    @Test func `a job of a release ago can still be read`() throws {
        let id = "0190f6e2-0000-7000-8000-000000000001"
        let old = #"{"isWanted":false,"merchant":"\#(id)","period":3,"subscription":"\#(id)"}"#
        let job = try ChargeRenewal(payload: Array(old.utf8), version: 1)
        #expect(job.period == 3)
        #expect(String(decoding: try job.payload(), as: UTF8.self) == old)
    }
}

@Suite struct `What wakes an operator` {
    /// Each of them is looked at again in an hour, so that it is never late.
    @Test func `charges that PayPal does not listen to for days`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            var fault = PayPalFault(.error, call: "orders.create")
            fault.status = 401
            cashier.paypal.sandbox.add(fault)
            for hour in stride(from: 0.0, through: 50, by: 2) {
                try await cashier.work(id, at: due + hour * Cashier.hour)
            }
            #expect(try await cashier.row(id).status == .active)
            let (store, late) = (cashier.deps.store, due + 50 * Cashier.hour)
            let skipped = try #require(RenewalInvariant.all.first { $0.name == "I2" })
            #expect(try await store.read { try $0.violations(of: skipped, at: due + Cashier.day) }.isEmpty)
            #expect(try await store.read { try $0.violations(of: skipped, at: late) }.map(\.subscription) == [id])
            let figures = try await store.read { try $0.renewalFigures(at: late) }
            #expect(figures.unsent == 1)
            #expect(figures.oldestUnsent == due)
        }
    }

    @Test func `a storm of first tries pauses everything, the retries of dunning are no storm`() async throws {
        try await Cashier.open { cashier in
            let token = try await cashier.paypal.vaultToken()
            func subscribe(_ count: Int) async throws -> [VaultSubscription.ID] {
                var ids: [VaultSubscription.ID] = []
                for _ in 0..<count { ids.append(try await cashier.subscribe(isTrial: true, token: token)) }
                return ids
            }
            func pauses(at now: Date) async throws -> [RenewalPause.Source] {
                _ = try await SweepDueRenewals().run(cashier.deps, cashier.context(at: now))
                return try await cashier.deps.store.read { try $0.renewalPauses() }.map(\.source)
            }
            // As usual: one of four is declined.
            cashier.paypal.sandbox.add(PayPalFault(.decline, call: "orders.create", count: 25))
            let start = cashier.start
            for id in try await subscribe(100) { try await cashier.work(id, at: start, period: 0) }
            #expect(try await pauses(at: start + 60) == [])
            // All that are tried again are declined again.
            cashier.paypal.sandbox.add(PayPalFault(.decline, call: "orders.create"))
            let retry = start + 3 * Cashier.day
            for due in try await cashier.deps.store.read({ try $0.dueRenewals(by: retry, limit: 100) }) {
                try await cashier.work(due.subscription, at: retry, period: 0)
            }
            #expect(try await pauses(at: retry + 60) == [])
            for id in try await subscribe(25) { try await cashier.work(id, at: retry + 7200, period: 0) }
            #expect(try await pauses(at: retry + 7260) == [.breaker])
        }
    }

    @Test func `PayPal's record is compared with ours`() async throws {
        try await Cashier.open({ $0.searchesTransactions = true }) { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            // PayPal's clock goes along, so that its books have what is searched for.
            cashier.paypal.sandbox.advance(by: due.timeIntervalSince(cashier.start))
            try await cashier.work(id, at: due)
            cashier.paypal.sandbox.advance(by: 4 * Cashier.hour)
            let later = due + 4 * Cashier.hour
            func verdict() async throws -> InvariantCheck.Verdict {
                let check = InvariantCheck(
                    store: cashier.deps.store,
                    paypal: cashier.deps.paypal,
                    sealer: cashier.deps.sealer,
                    reach: .init(searchesTransactions: true)
                )
                return try #require(try await check.run(at: later).last)
            }
            let well = try await verdict()
            #expect(well.violations.isEmpty, "\(well.violations)")
            #expect(well.note == "1 of 1 payments looked up; 1 invoices found by search")

            try await cashier.database.pool.query("UPDATE charge_periods SET amount_minor = 2800")
            #expect(try await verdict().violations.map(\.subscription) == [id])
            try await cashier.database.pool.query(
                "UPDATE charge_periods SET amount_minor = 2900, status = 'due', capture_id = NULL"
            )
            #expect(try await verdict().violations.first?.detail.contains("booked is nothing") == true)
            try await cashier.database.pool.query(
                "UPDATE charge_periods SET status = 'paid', capture_id = 'NEVERWAS'"
            )
            #expect(try await verdict().violations.contains { $0.detail == "PayPal has no capture NEVERWAS" })
            _ = try await CheckRenewalInvariants().run(cashier.deps, cashier.context(at: later))
            #expect(try await cashier.deps.store.read { try $0.renewalPauses() }.map(\.source) == [.invariants])
        }
    }

    @Test func `a request id or frozen bytes of another charge are found`() async throws {
        try await Cashier.open { cashier in
            let ids = [try await cashier.subscribe(), try await cashier.subscribe()]
            let due = try await cashier.due(ids[0], 1)
            cashier.paypal.sandbox.add(PayPalFault(.resetBefore, call: "orders.create"))
            for id in ids { try await cashier.work(id, at: due) }
            func violations() async throws -> [InvariantViolation] {
                let check = InvariantCheck(store: cashier.deps.store, paypal: nil, sealer: cashier.deps.sealer)
                return try await check.run(at: due).first { $0.invariant == "I6" }?.violations ?? []
            }
            #expect(try await violations().isEmpty)
            try await cashier.database.pool.query(
                """
                UPDATE charge_attempts
                SET body = (SELECT body FROM charge_attempts WHERE subscription = \(ids[1]))
                WHERE subscription = \(ids[0])
                """
            )
            #expect(try await violations().map(\.subscription) == [ids[0]])
            try await cashier.database.pool.query(
                "UPDATE charge_attempts SET request_id = 'rn:sandbox:other:1:1:0' WHERE subscription = \(ids[1])"
            )
            #expect(Set(try await violations().map(\.subscription)) == Set(ids))
        }
    }

    @Test func `a payment that nobody is told of is found a day later`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.work(id, at: due)
            let told = try #require(RenewalInvariant.all.first { $0.name == "I9" })
            let store = cashier.deps.store
            #expect(try await store.read { try $0.violations(of: told, at: due + 3600) }.isEmpty)
            let late = due + 1.5 * Cashier.day
            #expect(try await store.read { try $0.violations(of: told, at: late) }.map(\.subscription) == [id])
        }
    }
}
