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

    @Test func `twenty refusals of three merchants that are nobody's bank's pause everything`() async throws {
        try await Cashier.open { cashier in
            var fault = PayPalFault(.decline, call: "orders.create")
            fault.issue = "PERMISSION_DENIED"
            cashier.paypal.sandbox.add(fault)
            let due = cashier.start
            for number in 1...3 {
                let payPalID = "BREAKER\(number)"
                cashier.paypal.sandbox.addMerchant(payPalID)
                let merchant = try await Cashier.connect(
                    payPalID,
                    cashier.deps.store,
                    cashier.deps.sealer,
                    at: due
                )
                for _ in 0..<7 {
                    let id = try await cashier.subscribe(isTrial: true, merchant: merchant, token: "t\(number)")
                    try await cashier.work(id, at: due, period: 0)
                }
            }
            let pauses = try await cashier.deps.store.read { try $0.renewalPauses() }
            #expect(pauses.map(\.source) == [.breaker])
            let one = try await cashier.subscribe(isTrial: true)
            #expect(try await cashier.work(one, at: due, period: 0) == .snoozed(.seconds(300)))
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
