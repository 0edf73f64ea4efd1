import Domain
import Foundation
import Jobs
import Postgres
import Redis
import RenewalJobs
import Sealing
import Store
import TestKit
import Testing

@testable import ControlCommands

@Suite struct `Renewals at the command line` {
    let due = Date(timeIntervalSince1970: Date.now.timeIntervalSince1970.rounded(.down) - 3600)

    /// An operator of one merchant with one subscription, due for an hour.
    func withSubscription(
        _ body: (Operator, Merchant.ID, VaultSubscription.ID) async throws -> Void
    ) async throws {
        let person = try await Operator()
        let claim = MerchantClaim(
            environment: .sandbox,
            payPalID: "HF5SN9RKCTNJ2",
            secretHash: [UInt8](repeating: 1, count: 32),
            siteURL: "https://shop.example.com",
            profile: Merchant.Profile(country: "US", capabilities: [:])
        )
        let connection = try await person.store.transaction {
            try $0.connectMerchant(claim, newSecret: { _ in [1] }, at: .now)
        }
        guard case .connected(let merchant) = connection else { throw NotConnected() }
        let subscription = VaultSubscription(
            id: .new(at: due),
            merchant: merchant.id,
            payPalID: "SUB-1",
            flow: .vaultFirst,
            source: .paypal,
            thriveOrderID: 4711,
            amount: Money(minorUnits: 2900, currency: "USD"),
            frequency: .month,
            interval: "monthly",
            trialDays: 7,
            status: .trialing,
            anchorAt: due,
            nextActionAt: due,
            createdAt: due
        )
        try await person.store.transaction { try $0.insert(subscription) }
        try await body(person, merchant.id, subscription.id)
    }

    private struct NotConnected: Error {}

    @Test func `what is due, what happened and what comes next are told`() async throws {
        try await withSubscription { person, _, id in
            let listed = try await person.expectOK("renewals", "due")
            #expect(listed.output.contains("\(id)"))
            let document = try await person.expectOK("renewals", "due", "--json").document()
            #expect(document["due"] as? Int == 1)
            #expect(try await person.expectOK("renewals", "show", "\(id)").output.contains("trialing"))
            let story = try await person.expectOK("renewals", "explain", "\(id)").output
            #expect(story.contains("counted from"))
            #expect(story.contains("period 0 is charged"))
            let unknown = VaultSubscription.ID.new(at: due)
            #expect(try await person.gatehouse("renewals", "show", "\(unknown)").exit == .code(1))
            #expect(try await person.gatehouse("renewals", "show", "nonsense").exit == .code(64))
        }
    }

    @Test func `a pause of charging is seen wherever an operator looks, until it is ended`() async throws {
        try await withSubscription { person, merchant, id in
            let looks = [
                ["doctor"], ["queues", "--over", "0s"], ["top", "--once", "--interval", "100ms"], ["renewals", "due"],
                ["renewals", "show", "\(id)"], ["invariants"],
            ]
            try await person.expectOK("renewals", "pause", "--reason", "moving house")
            #expect(try await person.expectOK("renewals", "pause", "--reason", "again").output.contains("already"))
            for look in looks {
                let output = try await person.gatehouse(look).output
                #expect(output.contains("PAUSED for everybody"), "\(look)")
                #expect(output.contains("moving house"), "\(look)")
                #expect(output.contains("gatehouse renewals resume"), "\(look)")
            }
            #expect(try await person.expectOK("renewals", "explain", "\(id)").output.contains("moving house"))
            try await person.expectOK("renewals", "resume")
            for look in looks { #expect(!(try await person.gatehouse(look).output.contains("PAUSED")), "\(look)") }
            #expect(try await person.expectOK("renewals", "resume").output.contains("Nothing was paused"))

            for source in [RenewalPause.Source.breaker, .clock, .invariants] {
                try await person.store.transaction {
                    try $0.pauseRenewals(of: merchant, by: source, reason: "of itself", at: .now)
                }
                let found = try await person.gatehouse("doctor", "--json").output
                #expect(found.contains("by \(source.rawValue): of itself"))
                try await person.expectOK("renewals", "resume", "--merchant", "\(merchant)")
            }
        }
    }

    @Test func `queues are shown also while Postgres is away`() async throws {
        var person = try await Operator()
        person.environment["DATABASE_URL"] = "postgres://nobody@127.0.0.1:\(try freePort())/none"
        let document = try await person.expectOK("queues", "--over", "0s", "--json").document()
        #expect(document["queues"] != nil)
        #expect(document["charging_pauses"] == nil)
    }

    @Test func `charge-now queues one job, and nothing for what has ended`() async throws {
        try await withSubscription { person, _, id in
            for _ in 0..<2 { try await person.expectOK("renewals", "charge-now", "\(id)") }
            let queue = JobQueue(redis: person.redis, logger: .silent)
            #expect(try await queue.stats(of: ChargeRenewal.queue).held == 1)
            try await person.store.transaction { try $0.cancel(id, at: .now) }
            let ended = try await person.gatehouse("renewals", "charge-now", "\(id)")
            #expect(ended.exit == .code(1))
            #expect(ended.errors.contains("has ended"))
        }
    }

    @Test func `a person resolves what nobody could prove, and only that`() async throws {
        try await withSubscription { person, _, id in
            let early = try await person.gatehouse("renewals", "resolve", "\(id)", "--period", "0", "--waive")
            #expect(early.exit == .code(1))
            try await person.store.transaction { transaction in
                let key = ChargeAttempt.Key(period: 0, number: 1, seq: 0)
                let long = due.addingTimeInterval(-40_000)
                func advance(_ event: RenewalEvent, _ seconds: Double) throws {
                    try transaction.advance(id, event, from: .api, at: long + seconds) { _, _ in
                        FrozenBody(sealed: [1], of: [2])
                    }
                }
                _ = try transaction.rows(
                    "UPDATE vault_subscriptions SET anchor_at = \(long), next_action_at = \(long) WHERE id = \(id)"
                )
                try advance(.wake, 0)
                try advance(.answered(key, fence: 1, .unknown(order: nil)), 1)
                try advance(.wake, 21_000)
                try advance(.lookedUp(key, fence: 2, .unable), 21_001)
            }
            #expect(try await person.expectOK("renewals", "due", "--json").document()["review"] as? Int == 1)
            #expect(try await person.expectOK("renewals", "explain", "\(id)").output.contains("a person decides"))
            #expect(try await person.gatehouse("doctor").output.contains("wait for a person"))
            let nothing = try await person.gatehouse("renewals", "resolve", "\(id)", "--period", "0")
            #expect(nothing.exit == .code(64))
            try await person.expectOK("renewals", "resolve", "\(id)", "--period", "0", "--waive")
            let periods = try await person.store.read { try $0.chargePeriods(of: id) }
            #expect(periods.map(\.status) == [.waived])
            #expect(try await person.expectOK("renewals", "due", "--json").document()["review"] as? Int == 0)
        }
    }

    @Test func `invariants that are violated are 3, and pause charging unless it is only to look`() async throws {
        try await withSubscription { person, _, id in
            let well = try await person.expectOK("invariants", "--json").document()
            let checked = try #require(well["checked"] as? [[String: Any]])
            let names = checked.compactMap { $0["invariant"] as? String }
            #expect(names == ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "PayPal"])
            #expect((checked.last?["note"] as? String)?.contains("not compared") == true)

            try await person.database.pool.query(
                """
                INSERT INTO charge_periods (subscription, number, due_at, amount_minor, currency, status, capture_id,
                    created_at, updated_at)
                VALUES (\(id), 0, \(due), 2900, 'USD', 'paid', 'C1', \(due), \(due))
                """
            )
            try await person.database.pool.query(
                """
                INSERT INTO charge_attempts (subscription, period, number, seq, kind, state, request_id, invoice_id, fence,
                    sends, doubts, probe_at, capture_id, created_at)
                VALUES (\(id), 0, 1, 0, 'scheduled', 'captured', 'rn:other', 'invoice', 1, 1, 1, \(due), 'C1', \(due))
                """
            )
            let looked = try await person.gatehouse("invariants", "--look-only")
            #expect(looked.exit == .code(3))
            #expect(looked.output.contains("rn:other"))
            #expect(!looked.output.contains("PAUSED"))
            let paused = try await person.gatehouse("invariants")
            #expect(paused.exit == .code(3))
            #expect(paused.output.contains("by invariants: I6"))
        }
    }

    @Test func `a simulated year holds, and is the same again`() async throws {
        let person = try await Operator()
        let arguments = ["simulate", "year", "--subscriptions", "6", "--seed", "3"]
        let first = try await person.gatehouse(arguments + ["--json"])
        #expect(first.exit == .code(0), "\(first.output)\(first.errors)")
        #expect(try await person.gatehouse(arguments + ["--json"]).output == first.output)
        let books = try #require(try first.document()["books"] as? [String: Any])
        #expect((books["charged"] as? Int ?? 0) > 20)
        let left = try await person.database.pool.query(
            "SELECT count(*) FROM pg_database WHERE datname LIKE 'gatehouse_year_%'"
        )
        #expect(try left.decode(Int.self) == [0])
        #expect(try await person.gatehouse("simulate", "year", "--subscriptions", "0").exit == .code(64))
    }
}
