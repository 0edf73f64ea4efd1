import Domain
import Foundation
import RenewalJobs
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

/// `RENEWAL_TWO_STEPS` is turned while charges are under way, or not on all machines at once.
@Suite struct `A charge keeps the form in which it was begun` {
    @Test(arguments: [1.0, 7, 20])
    func `begun in one step, it is not sent anew in two`(hours: Double) async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.resetAfter, call: "orders.create", count: 1))
            try await cashier.work(id, at: due)
            #expect(cashier.captures == 1)
            cashier.paypal.sandbox.advance(by: hours * Cashier.hour)
            let later = cashier.after { $0.form = .twoStep }
            try await later.work(id, at: due + hours * Cashier.hour + 1)
            #expect(cashier.captures == 1)
        }
    }

    @Test func `begun in two steps, it is not declined for want of a second one`() async throws {
        try await Cashier.open({ $0.form = .twoStep }) { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.resetBefore, call: "orders.capture", count: 1))
            cashier.paypal.sandbox.add(PayPalFault(.resetBefore, call: "orders.get", count: 1))
            try await cashier.work(id, at: due)
            #expect(try await cashier.attempts(id).map(\.state) == [.indeterminate])
            let later = cashier.after { $0.form = .oneStep }
            try await later.work(id, at: due + 3601)
            #expect(try await cashier.periods(id).map(\.step) == [0])
            #expect(try await cashier.attempts(id).map(\.state) == [.captured])
            #expect(cashier.captures == 1)
        }
    }
}
