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
}
