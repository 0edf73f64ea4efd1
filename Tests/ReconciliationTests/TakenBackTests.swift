import Domain
import Foundation
import NIOHTTP1
import Postgres
import ReconciliationJobs
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

/// Money that the bank took back, of which PayPal's transactions know and no event.
@Suite struct `Captures taken back` {
    @Test func `what the bank took back without a word waits for a person, who has it applied`() async throws {
        try await PayPalShop.open { shop in
            let subscription = try await shop.subscription()
            let capture = try await shop.capture(try await shop.order(of: subscription))
            try await shop.hear()
            shop.forgetEvents()
            try await shop.takeBack(capture)
            for _ in 1...2 {
                #expect(try await shop.run().needsPerson == 1)
                #expect(try await shop.status(capture) == .completed)
            }
            let found = try #require(try await shop.discrepancies(.person).first)
            #expect(found.kind == .refund && found.reason?.contains("then heal this") == true)

            var options = PayPalComparison.Options()
            options.inFlight = 0
            let comparison = try #require(PayPalComparison(shop.dependencies, options: options))
            #expect(try await comparison.lookAgain(at: found) == .healed)
            #expect(try await shop.status(capture) == .reversed)
            #expect(try await shop.current(subscription).status == .canceled)
            let after = try await shop.run()
            #expect(after.needsPerson == 0 && after.healed == 0)
            #expect(try await shop.discrepancies(.person).isEmpty)
        }
    }

    @Test func `a reversal's own event, should it come after all, settles what waited`() async throws {
        try await PayPalShop.open { shop in
            let capture = try await shop.capture(try await shop.order(of: try await shop.subscription()))
            try await shop.hear()
            shop.forgetEvents()
            try await shop.takeBack(capture)
            #expect(try await shop.run().needsPerson == 1)
            shop.recallEvents()
            #expect(try await shop.run().needsPerson == 0)
            #expect(try await shop.status(capture) == .reversed)
            #expect(try await shop.discrepancies(.person).isEmpty)
        }
    }
}

extension PayPalShop {
    fileprivate func takeBack(_ capture: String) async throws {
        _ = try await payPal.ask(.POST, "/_sandbox/captures/\(capture)/reverse", "{}")
    }
}
