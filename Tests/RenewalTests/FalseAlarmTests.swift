import Domain
import Foundation
import Jobs
import PayPal
import Postgres
import RenewalJobs
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

/// A grave violation stops all charging, of all merchants: what is in order must never look like one.
@Suite struct `What is no violation` {
    @Test func `a REVOKE whose message is forgotten after its time`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.decline, call: "orders.create", count: 3))
            for day in [0.0, 3, 7] { try await cashier.work(id, at: due + day * Cashier.day) }
            let told = try #require(RenewalInvariant.all.first { $0.name == "I5" })
            let store = cashier.deps.store
            // What `MESSAGE_RETENTION_DAYS` takes away, the shop's forward with it.
            try await cashier.database.pool.query("DELETE FROM outbox")
            let soon = due + 8 * Cashier.day
            #expect(try await store.read { try $0.violations(of: told, at: soon) }.map(\.subscription) == [id])
            try await cashier.expectInvariants(at: due + 37 * Cashier.day)
        }
    }

    /// Whoever ends it took the time before it got the row, or has a clock that is behind.
    @Test(arguments: [true, false])
    func `a charge that was begun while somebody waited to end the subscription`(disconnects: Bool) async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.work(id, at: due)
            try await cashier.deps.store.transaction { [merchant = cashier.merchant.id] transaction in
                if disconnects {
                    try transaction.disconnect(merchant, at: due - 1)
                } else {
                    try transaction.cancel(id, at: due - 1)
                }
            }
            #expect(try await cashier.row(id).status == .canceled)
            try await cashier.expectInvariants(at: due + 60)
        }
    }

    @Test func `a period between two tries that an operator says is paid`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.decline, call: "orders.create", count: 1))
            try await cashier.work(id, at: due)
            try await cashier.deps.store.transaction {
                try $0.advance(
                    id,
                    .resolve(period: 1, .paid(captureID: "BYHAND1")),
                    from: .byOperator,
                    at: due + Cashier.day
                )
            }
            #expect(try await cashier.periods(id).map(\.captureID) == ["BYHAND1"])
            #expect(try await cashier.row(id).status == .active)
            try await cashier.expectInvariants(at: due + Cashier.day)
            let said = try await cashier.deps.store.read { try $0.chargeEvidence(of: id) }.last
            #expect(said?.source == "operator")
            #expect(said?.externalID == "BYHAND1")
        }
    }

    @Test func `an order without money that is asked for again all day, in the form of two steps`() async throws {
        try await Cashier.open({ $0.form = .twoStep }) { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.error, call: "orders.create"))
            for hour in 0...8 { try await cashier.work(id, at: due + Double(hour) * 3601) }
            try await cashier.expectInvariants(at: due + 9 * Cashier.hour)
            cashier.paypal.sandbox.clearFaults()
            try await cashier.work(id, at: due + 10 * Cashier.hour)
            #expect(cashier.captures == 1)
            #expect(try await cashier.attempts(id).map(\.state) == [.captured])
        }
    }

    @Test(arguments: ["html", "empty"]) func `a gateway's 404 that PayPal's API did not say`(body: String) async throws
    {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.work(id, at: due)
            var fault = PayPalFault(.error, call: "captures.get")
            (fault.status, fault.body) = (404, body)
            cashier.paypal.sandbox.add(fault)
            #expect(try await verdict(cashier, at: due + Cashier.hour).violations.isEmpty)
        }
    }

    @Test func `a capture so young that PayPal does not show it everywhere`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.work(id, at: due)
            var fault = PayPalFault(.error, call: "captures.get")
            (fault.status, fault.issue) = (404, "INVALID_RESOURCE_ID")
            cashier.paypal.sandbox.add(fault)
            #expect(try await verdict(cashier, at: due + 60).violations.isEmpty)
            #expect(try await verdict(cashier, at: due + Cashier.hour).violations.map(\.subscription) == [id])
        }
    }

    private func verdict(_ cashier: Cashier, at now: Date) async throws -> InvariantCheck.Verdict {
        let check = InvariantCheck(store: cashier.deps.store, paypal: cashier.deps.paypal, sealer: nil)
        return try #require(try await check.run(at: now).last)
    }
}

@Suite struct `Books that don't add up` {
    @Test func `stop charging once; after a person resumed, only what is new stops it again`() async throws {
        try await Cashier.open { cashier in
            let ids = [try await cashier.subscribe(), try await cashier.subscribe()]
            let due = try await cashier.due(ids[0], 1)
            for id in ids { try await cashier.work(id, at: due) }
            func pauses(after hours: Double) async throws -> Int {
                let at = due + hours * Cashier.hour
                _ = try await CheckRenewalInvariants().run(cashier.deps, cashier.context(at: at))
                return try await cashier.deps.store.read { try $0.renewalPauses() }.count
            }
            func breakBooks(of id: VaultSubscription.ID) async throws {
                try await cashier.database.pool.query(
                    "UPDATE charge_attempts SET capture_id = capture_id || 'X' WHERE subscription = \(id)"
                )
            }
            try await breakBooks(of: ids[0])
            #expect(try await pauses(after: 1) == 1)
            try await cashier.deps.store.transaction { _ = try $0.resumeRenewals(at: due + 1.5 * Cashier.hour) }
            #expect(try await pauses(after: 2) == 0)
            try await breakBooks(of: ids[1])
            #expect(try await pauses(after: 3) == 1)
        }
    }
}
