import Domain
import Foundation
import FulfillmentJobs
import Jobs
import NIOHTTP1
import PayPal
import Postgres
import ReconciliationJobs
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

@Suite struct `PayPal's books` {
    // MARK: Events

    @Test func `an event that never came is applied, and the second run finds nothing`() async throws {
        try await PayPalShop.open { shop in
            let capture = try await shop.capture(try await shop.order())
            let first = try await shop.run()
            #expect(first.healed > 0 && first.needsPerson == 0 && first.waiting == 0)
            #expect(try await shop.status(capture) == .completed)
            let healed = try await shop.discrepancies(.healed)
            #expect(Set(healed.map(\.kind)) == [.message])
            let events = try await shop.store.read { try $0.payPalEvents(ofType: nil, limit: 10) }
            #expect(Set(healed.compactMap(\.payPalEvent)) == Set(events.map(\.id)))
            #expect(events.allSatisfy { $0.source == .reconciliation && $0.id.hasPrefix("WH-") })
            #expect(try await Set(shop.forwards()).isSubset(of: Set(events.map(\.id))))
            #expect(try await !shop.forwards().isEmpty, "the shop is told as by webhook")

            let told = try await shop.forwards()
            let second = try await shop.run()
            #expect(second.healed == 0 && second.needsPerson == 0 && second.waiting == 0)
            #expect(try await shop.forwards() == told)
        }
    }

    @Test func `what came by webhook is agreed upon`() async throws {
        try await PayPalShop.open { shop in
            _ = try await shop.capture(try await shop.order())
            try await shop.hear()
            let counts = try await shop.run()
            #expect(counts.healed == 0 && counts.agreed == counts.rows && counts.rows > 0)
            #expect(try await shop.discrepancies(.found, .healed, .person).isEmpty)
        }
    }

    @Test func `many pages of events are read to the end`() async throws {
        try await PayPalShop.open { shop in
            for _ in 0..<60 { _ = try await shop.capture(try await shop.order()) }
            let counts = try await shop.run()
            let listed = try #require(await shop.dependencies.payPal?.webhookEvents(pageSize: 300).value)
            #expect(listed.events.count > 100)
            #expect(counts.healed == listed.events.count)
        }
    }

    @Test func `a loss waits while its webhook may be on its way, and heals after`() async throws {
        try await PayPalShop.open { shop in
            let subscription = try await shop.subscription()
            let capture = try await shop.capture(try await shop.order(of: subscription))
            try await shop.hear()
            try await shop.refund(capture)
            let early = try await shop.run(inFlight: 600)
            #expect(early.waiting > 0 && early.healed == 0)
            #expect(try await shop.current(subscription).status == .active)
            #expect(try await shop.status(capture) == .completed)

            let later = Date(timeIntervalSinceNow: 700)
            let comparison = try #require(PayPalComparison(shop.dependencies, now: { @Sendable in later }))
            #expect(try await comparison.lookAgain().healed > 0)
            #expect(try await shop.current(subscription).status == .canceled)
            #expect(try await shop.status(capture) == .refunded)
            #expect(try await shop.discrepancies(.found).isEmpty)
        }
    }

    @Test func `a webhook that comes meanwhile settles what waited`() async throws {
        try await PayPalShop.open { shop in
            let capture = try await shop.capture(try await shop.order())
            try await shop.hear()
            try await shop.refund(capture)
            #expect(try await shop.run(inFlight: 600).waiting > 0)
            try await shop.hear()
            let told = try await shop.forwards()
            let later = Date(timeIntervalSinceNow: 700)
            let comparison = try #require(PayPalComparison(shop.dependencies, now: { @Sendable in later }))
            _ = try await comparison.lookAgain()
            #expect(try await shop.discrepancies(.found, .person).isEmpty)
            #expect(try await shop.forwards() == told)
        }
    }

    @Test func `an event that was half applied gets its job again, once`() async throws {
        try await PayPalShop.open { shop in
            let received = Date(timeIntervalSinceNow: -7200)
            let headers = ["t-1", "2026-01-01T00:00:00Z", "SHA256withRSA", "https://api.paypal.com/c", "c2ln"]
            let record = PayPalEventRecord(
                id: "WH-HALF",
                type: "PAYMENT.CAPTURE.PENDING",
                body: Array(#"{"id":"WH-HALF","event_type":"PAYMENT.CAPTURE.PENDING","resource":{"id":"C1"}}"#.utf8),
                headers: headers,
                source: .webhook,
                occurredAt: received,
                receivedAt: received
            )
            try await shop.store.transaction { _ = try $0.keep(record) }
            let now = Date()
            let context = JobContext(
                id: JobID(),
                kind: ReapplyFailedEvents.kind,
                queue: .reconciliation,
                enqueuedAt: now,
                now: { now },
                logger: .silent
            )
            for _ in 1...2 { _ = try await ReapplyFailedEvents().run(shop.dependencies, context) }
            #expect(try await shop.dependencies.jobs.stats(of: .fulfillment).held == 1)
        }
    }

    @Test func `a dry run keeps nothing`() async throws {
        try await PayPalShop.open { shop in
            let capture = try await shop.capture(try await shop.order())
            let counts = try await shop.run(isRehearsal: true)
            #expect(counts.healed > 0)
            #expect(try await shop.status(capture) == nil)
            #expect(try await shop.discrepancies(.found, .healed, .person).isEmpty)
            #expect(try await shop.store.read { try $0.reconciliations(of: nil, limit: 9) }.isEmpty)
        }
    }

    // MARK: Money

    @Test func `payments and refunds that PayPal's list forgot are found in its transactions`() async throws {
        try await PayPalShop.open { shop in
            let subscription = try await shop.subscription()
            let capture = try await shop.capture(try await shop.order(of: subscription))
            try await shop.refund(capture)
            shop.forgetEvents()
            let counts = try await shop.run()
            #expect(counts.needsPerson == 0)
            #expect(try await shop.status(capture) == .refunded)
            #expect(try await shop.current(subscription).status == .canceled)
            #expect(try await Set(shop.discrepancies(.healed).map(\.kind)) == [.capture, .refund])
            #expect(try await shop.run().healed == 0)

            // The events themselves, should they come after all, are no news.
            let told = try await shop.forwards()
            shop.recallEvents()
            try await shop.hear()
            #expect(try await shop.forwards().filter { $0.hasPrefix("GATEHOUSE-") } == told)
            #expect(try await shop.current(subscription).status == .canceled)
        }
    }

    @Test func `what the merchant sells elsewhere is none of ours`() async throws {
        try await PayPalShop.open { shop in
            let capture = try await shop.capture(try await shop.order(isOurs: false))
            shop.forgetEvents()
            let counts = try await shop.run()
            #expect(counts.healed == 0 && counts.needsPerson == 0)
            #expect(try await shop.status(capture) == nil)
        }
    }

    /// - Parameter period: 0 is a first charge, which has a name of another form.
    @Test(arguments: [0, 1])
    func `a charge that nobody could tell the outcome of is found by our own name of it`(period: Int) async throws {
        try await PayPalShop.open { shop in
            let token = try await shop.payPal.vaultToken()
            let subscription = try await shop.subscription(token: token)
            let names = ChargeNames(environment: "sandbox", subscription: subscription.id.description)
            let key = ChargeAttempt.Key(period: period, number: 1, seq: 0)
            let name = period == 0 ? ChargeNames.firstCustomID(of: names.subscription) : names.customID(key)
            try await shop.openCharge(subscription, key, names)
            let order = #"""
                {"intent":"CAPTURE","purchase_units":[{"amount":{"currency_code":"USD","value":"29.00"},
                "custom_id":"\#(name)","invoice_id":"\#(names.invoiceID(period: period))"}],
                "payment_source":{"paypal":{"vault_id":"\#(token)"}}}
                """#
            let answer = try await shop.payPal.call(.POST, "/v2/checkout/orders", order, requestID: "rn-1")
            try #require(answer.status == 201, "\(answer.text)")
            shop.forgetEvents()
            #expect(try await shop.run().healed > 0)
            let attempts = try await shop.store.read { try $0.chargeAttempts(of: subscription.id, in: [period]) }
            #expect(attempts.map(\.state) == [.captured])
            let periods = try await shop.store.read { try $0.chargePeriods(of: subscription.id) }
            #expect(periods.first { $0.number == period }?.status == .paid)
            #expect(shop.payPal.sandbox.money.count == 1, "nothing is charged")
        }
    }

    @Test func `PayPal's lag takes nothing away`() async throws {
        try await PayPalShop.open(lag: 3) { shop in
            let capture = try await shop.capture(try await shop.order())
            try await shop.hear()
            shop.forgetEvents()
            let counts = try await shop.run()
            #expect(counts.healed == 0 && counts.waiting == 0 && counts.needsPerson == 0)
            #expect(try await shop.status(capture) == .completed)
        }
    }

    @Test func `a payment of ours that PayPal does not know needs a person, and stays`() async throws {
        try await PayPalShop.open { shop in
            let order = try await shop.order()
            let ours = PayPalCapture(
                id: "7XX00000AA000000B",
                merchant: shop.merchant.id,
                order: order,
                status: .completed,
                amount: Money(minorUnits: 2900, currency: "USD"),
                createdAt: Date(timeIntervalSinceNow: -5 * 3600)
            )
            try await shop.store.transaction { _ = try $0.save(ours, at: .now) }
            #expect(try await shop.run().needsPerson == 1)
            #expect(try await shop.discrepancies(.person).map(\.kind) == [.capture])
            #expect(try await shop.status(ours.id) == .completed)
        }
    }

    // MARK: What is open

    @Test func `what was pending is asked for`() async throws {
        try await PayPalShop.open(lag: 3) { shop in
            shop.payPal.sandbox.add(PayPalFault(.capturePending, call: "orders.capture", count: 1))
            let capture = try await shop.capture(try await shop.order())
            try await shop.hear()
            #expect(try await shop.status(capture) == .pending)
            _ = try await shop.payPal.ask(.POST, "/_sandbox/captures/\(capture)/complete", "{}")
            shop.forgetEvents()
            #expect(try await shop.run().healed > 0)
            #expect(try await shop.status(capture) == .completed)
        }
    }

    @Test func `a capture whose answer was lost is looked up by its order`() async throws {
        try await PayPalShop.open(lag: 3) { shop in
            let order = try await shop.order()
            let isMarked = try await shop.store.transaction {
                try $0.markCapturing(order, of: shop.merchant.id, at: Date(timeIntervalSinceNow: -3600))
            }
            #expect(isMarked)
            let capture = try await shop.capture(order)
            shop.forgetEvents()
            #expect(try await shop.run().healed > 0)
            #expect(try await shop.status(capture) == .completed)
            let kept = try #require(try await shop.store.read { try $0.payPalOrder(order) })
            #expect(kept.status == "COMPLETED" && kept.capturingSince == nil)
        }
    }

    @Test func `a vault token that was never told is found`() async throws {
        try await PayPalShop.open(lag: 3) { shop in
            let token = try await shop.payPal.vaultToken()
            let customer = try await shop.payPal.call(.GET, "/v3/vault/payment-tokens/\(token)").json
                .at("customer", "id")?.text
            let subscription = try await shop.subscription(token: nil, customer: try #require(customer))
            shop.forgetEvents()
            #expect(try await shop.run().healed > 0)
            let after = try await shop.current(subscription)
            #expect(after.hasVaultToken && !after.isVaultPending)
            #expect(after.status == .activating, "nobody but the shop makes it active")
            #expect(try await shop.run().healed == 0)
        }
    }

    // MARK: Merchants

    @Test func `what a merchant may do is kept as PayPal says it`() async throws {
        try await PayPalShop.open(lag: 3) { shop in
            try await shop.run()
            #expect(try await shop.discrepancies(.healed, .person).isEmpty, "what was never seen has not changed")
            let change = #"{"id": "\#(RunningPayPal.merchant)", "receivable": false}"#
            _ = try await shop.payPal.ask(.POST, "/_sandbox/merchants", change)
            #expect(try await shop.run().healed == 1)
            let merchant = try #require(try await shop.store.read { try $0.merchant(shop.merchant.id) })
            #expect(merchant.profile.paymentsReceivable == false && merchant.isConnected)
            let healed = try await shop.discrepancies(.healed)
            #expect(healed.map(\.kind) == [.capabilities])
            #expect(healed.first?.reason == "payments receivable yes → no")
        }
    }

    @Test func `consent that is gone without a word needs a person, and disconnects nobody`() async throws {
        try await PayPalShop.open(lag: 3) { shop in
            let subscription = try await shop.subscription()
            shop.forgetEvents()
            _ = try await shop.payPal.ask(.POST, "/_sandbox/merchants/\(RunningPayPal.merchant)/revoke")
            #expect(try await shop.run().needsPerson > 0)
            #expect(try await shop.discrepancies(.person).contains { $0.kind == .consent })
            #expect(try await shop.store.read { try $0.merchant(shop.merchant.id) }?.isConnected == true)
            #expect(try await shop.current(subscription).status == .active)
        }
    }

    @Test func `consent that PayPal says is revoked disconnects the merchant`() async throws {
        try await PayPalShop.open(lag: 3) { shop in
            let subscription = try await shop.subscription()
            _ = try await shop.payPal.ask(.POST, "/_sandbox/merchants/\(RunningPayPal.merchant)/revoke")
            #expect(try await shop.run(inFlight: 600).waiting == 1)
            #expect(try await shop.store.read { try $0.merchant(shop.merchant.id) }?.isConnected == true)
            #expect(try await shop.run(inFlight: 0).healed > 0)
            #expect(try await shop.store.read { try $0.merchant(shop.merchant.id) }?.isConnected == false)
            #expect(try await shop.current(subscription).status == .canceled)
        }
    }

    // MARK: Trouble

    @Test(arguments: ["events.list", "reporting.transactions", "orders.get", "integrations.get"])
    func `an outage changes nothing, and the run goes on where it stood`(call: String) async throws {
        try await PayPalShop.open { shop in
            let order = try await shop.order()
            let subscription = try await shop.subscription()
            shop.payPal.sandbox.add(PayPalFault(.error, call: call))
            let now = Date()
            let context = JobContext(
                id: JobID(),
                kind: ReconcilePayPal.kind,
                queue: .reconciliation,
                enqueuedAt: now,
                now: { now.addingTimeInterval(60) },
                logger: .silent
            )
            guard case .snoozed = try await ReconcilePayPal().run(shop.dependencies, context) else {
                Issue.record("an outage is no answer")
                return
            }
            #expect(try await shop.current(subscription).status == .active)
            let runs = try await shop.store.read { try $0.reconciliations(of: nil, limit: 9) }
            #expect(runs.map(\.state) == [.running])
            shop.payPal.sandbox.clearFaults()
            let capture = try await shop.capture(order)
            // The next process takes it over when the first has been silent for long enough.
            let after = try await PayPalRun(shop.dependencies, now: { now.addingTimeInterval(120) }).run(.init(.daily))
            #expect(after.id == runs[0].id && after.state == .succeeded)
            #expect(after.page == PayPalRun.Part.allCases.count + 1)
            try await shop.run(later: 300)
            #expect(try await shop.status(capture) == .completed)
        }
    }

    @Test func `a merchant whose transactions we may not see is told of, once, and the rest is compared`() async throws
    {
        try await PayPalShop.open { shop in
            var fault = PayPalFault(.error, call: "reporting.transactions")
            fault.status = 403
            shop.payPal.sandbox.add(fault)
            let capture = try await shop.capture(try await shop.order())
            #expect(try await shop.run().needsPerson == 1)
            #expect(try await shop.discrepancies(.person).map(\.kind) == [.search])
            #expect(try await shop.status(capture) == .completed)
            shop.payPal.sandbox.clearFaults()
            #expect(try await shop.run().needsPerson == 0)
            #expect(try await shop.discrepancies(.person).isEmpty)
        }
    }

    @Test func `a run that is overdue is an error in the log, and begins`() async throws {
        try await PayPalShop.open { shop in
            let log = CapturedLog()
            let now = Date()
            let context = JobContext(
                id: JobID(),
                kind: WatchReconciliations.kind,
                queue: .reconciliation,
                enqueuedAt: now,
                now: { now },
                logger: log.logger
            )
            _ = try await WatchReconciliations().run(shop.dependencies, context)
            #expect(log.text.contains("books were not compared for 26 hours"))
            #expect(try await shop.dependencies.jobs.stats(of: .reconciliation).held == 1)
            try await shop.run()
            let standings = try await shop.store.read { try $0.payPalStandings() }
            #expect(standings.map { $0.isOverdue(at: now) } == [false])
        }
    }
}
