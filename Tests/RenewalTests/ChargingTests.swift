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

@Suite struct `Charging a renewal` {
    @Test func `each renewal captures once and advances by one interval from the anchor`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.work(id, at: due - 1)
            #expect(cashier.captures == 0)
            try await cashier.work(id, at: due)
            #expect(cashier.captures == 1)
            let row = try await cashier.row(id)
            #expect(row.status == .active)
            #expect(row.nextPeriod == 2)
            #expect(row.nextActionAt == row.due(2))
            #expect(try await cashier.periods(id).map(\.status) == [.paid])
            #expect(cashier.paypal.sandbox.money.first?.amount.value == "29.00")
            try await cashier.expectInvariants(at: due)
        }
    }

    @Test func `the same job run twice, or many times at once, charges once`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await cashier.work(id, at: due) } }
                try await group.waitForAll()
            }
            try await cashier.work(id, at: due + 60)
            #expect(cashier.captures == 1)
            try await cashier.expectInvariants(at: due)
        }
    }

    @Test func `the first real charge fires when the trial ends, as the first renewal`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe(anchor: cashier.start + 7 * Cashier.day, isTrial: true)
            try await cashier.work(id, at: cashier.start + 6 * Cashier.day, period: 0)
            #expect(cashier.captures == 0)
            try await cashier.work(id, at: cashier.start + 7 * Cashier.day, period: 0)
            #expect(cashier.captures == 1)
            #expect(try await cashier.row(id).status == .active)
        }
    }

    @Test(arguments: [500, 502, 503])
    func `HTTP 5xx is retried after an hour and consumes no dunning budget`(status: Int) async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            var fault = PayPalFault(.error, call: "orders.create", count: 1)
            fault.status = status
            cashier.paypal.sandbox.add(fault)
            try await cashier.work(id, at: due)
            let row = try await cashier.row(id)
            #expect(row.status == .active)
            #expect(row.firstFailedAt == nil)
            #expect(row.lastError == nil)
            #expect(try await cashier.attempts(id).map(\.state) == [.indeterminate])
            try await cashier.work(id, at: due + 3599)
            #expect(cashier.captures == 0)
            try await cashier.work(id, at: due + 3601)
            #expect(cashier.captures == 1)
            #expect(try await cashier.periods(id).map(\.step) == [0])
        }
    }

    @Test(arguments: [RenewalState.Form.oneStep, .twoStep], [400, 403, 404])
    func `a page of a gateway's is no decline, whatever its status`(form: RenewalState.Form, status: Int) async throws {
        try await Cashier.open({ $0.form = form }) { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            var fault = PayPalFault(.error, call: "orders.create", count: 1)
            (fault.status, fault.body) = (status, "html")
            cashier.paypal.sandbox.add(fault)
            try await cashier.work(id, at: due)
            #expect(try await cashier.attempts(id).map(\.state) == [.indeterminate])
            #expect(try await cashier.row(id).status == .active)
            try await cashier.work(id, at: due + 3601)
            #expect(cashier.captures == 1)
            #expect(try await cashier.periods(id).map(\.step) == [0])
        }
    }

    @Test func `a lost answer is asked again with the same request id and charges once`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.resetAfter, call: "orders.create", count: 1))
            try await cashier.work(id, at: due)
            #expect(cashier.captures == 1)
            #expect(try await cashier.attempts(id).map(\.state) == [.indeterminate])
            try await cashier.work(id, at: due + 3601)
            #expect(cashier.captures == 1)
            #expect(try await cashier.attempts(id).map(\.state) == [.captured])
            #expect(try await cashier.row(id).nextPeriod == 2)
            try await cashier.expectInvariants(at: due + 3601)
        }
    }

    @Test func `too many requests are no decline, and hold everybody back for as long as PayPal said`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            var fault = PayPalFault(.rateLimit, call: "orders.create", count: 1)
            fault.retryAfter = 60
            cashier.paypal.sandbox.add(fault)
            try await cashier.work(id, at: due)
            #expect(try await cashier.attempts(id).map(\.state) == [.planned])
            #expect(try await cashier.row(id).firstFailedAt == nil)
            for held in [id, try await cashier.subscribe()] {
                let outcome = try await cashier.work(held, at: due + 61)
                guard case .snoozed(let wait) = outcome else {
                    Issue.record("it did not wait: \(outcome)")
                    return
                }
                #expect(wait > .zero && wait <= .seconds(60))
            }
            #expect(cashier.captures == 0)
        }
    }

    @Test func `what PayPal may have forgotten is never sent again`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.resetAfter, call: "orders.create", count: 1))
            try await cashier.work(id, at: due)
            cashier.paypal.sandbox.advance(by: 7 * Cashier.hour)
            try await cashier.work(id, at: due + 7 * Cashier.hour)
            #expect(cashier.captures == 1)
            #expect(try await cashier.attempts(id).map(\.state) == [.review])
            #expect(try await cashier.alarms(id) == ["unprovable"])

            // PayPal's webhook tells, in the end.
            let capture = try #require(cashier.paypal.sandbox.money.first)
            let merchant = cashier.merchant.id
            try await cashier.deps.store.transaction {
                try $0.learnOfCharge(
                    customID: capture.customID ?? "",
                    invoiceID: capture.invoiceID,
                    amount: Money(minorUnits: 2900, currency: "USD"),
                    of: merchant,
                    .captured(id: capture.capture, order: capture.order),
                    at: due + 8 * Cashier.hour
                )
            }
            #expect(try await cashier.periods(id).map(\.status) == [.paid])
            try await cashier.expectInvariants(at: due + 8 * Cashier.hour)
        }
    }

    @Test func `a refused second payment of the invoice proves that the period is paid`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            try await cashier.deps.store.transaction { [merchant = cashier.merchant.id] in
                try $0.save(RenewalChoices(guardsInvoices: true), of: merchant)
            }
            cashier.paypal.sandbox.add(PayPalFault(.resetAfter, call: "orders.create", count: 1))
            try await cashier.work(id, at: due)
            cashier.paypal.sandbox.advance(by: 7 * Cashier.hour)
            try await cashier.work(id, at: due + 7 * Cashier.hour)
            #expect(try await cashier.attempts(id).map(\.state) == [.absent])
            var fault = PayPalFault(.decline, call: "orders.create", count: 1)
            fault.issue = "DUPLICATE_INVOICE_ID"
            cashier.paypal.sandbox.add(fault)
            try await cashier.work(id, at: due + 7.1 * Cashier.hour)
            #expect(try await cashier.attempts(id).map(\.state) == [.absent, .duplicate])
            #expect(try await cashier.periods(id).map(\.status) == [.paid])
            #expect(cashier.captures == 1)
        }
    }

    @Test func `in two steps a lost answer is found in the order, however late`() async throws {
        try await Cashier.open({ $0.form = .twoStep }) { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.resetAfter, call: "orders.capture", count: 1))
            cashier.paypal.sandbox.add(PayPalFault(.resetBefore, call: "orders.get", count: 1))
            try await cashier.work(id, at: due)
            cashier.paypal.sandbox.advance(by: 8 * Cashier.hour)
            try await cashier.work(id, at: due + 8 * Cashier.hour)
            #expect(cashier.captures == 1)
            #expect(try await cashier.periods(id).map(\.status) == [.paid])
        }
    }

    @Test(arguments: ["complete", "deny"])
    func `a payment that PayPal looks into is waited for, and nothing else is charged`(end: String) async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.capturePending, call: "orders.create", count: 1))
            try await cashier.work(id, at: due)
            #expect(try await cashier.attempts(id).map(\.state) == [.settling])
            // For longer than a request id is known, and than dunning would wait.
            for day in [0.1, 1, 3.5] { try await cashier.work(id, at: due + day * Cashier.day) }
            #expect(try await cashier.attempts(id).map(\.sends) == [1])
            #expect(try await cashier.row(id).nextPeriod == 1)
            #expect(try await cashier.row(id).status == .active)

            // How it ends is found also where the event of it is lost.
            let pending = try #require(
                try await cashier.deps.store.read { try $0.chargeAttempts(of: id, in: [1]) }.first
            )
            let order = try await cashier.paypal.call(.GET, "/v2/checkout/orders/\(pending.orderID ?? "")")
            let capture = order.json["purchase_units"]?[0]?["payments"]?["captures"]?[0]?["id"]?.text ?? ""
            _ = try await cashier.paypal.ask(.POST, "/_sandbox/captures/\(capture)/\(end)", "{}")
            try await cashier.work(id, at: due + 4 * Cashier.day)
            let isPaid = end == "complete"
            #expect(try await cashier.attempts(id).map(\.state) == [isPaid ? .captured : .declined])
            #expect(try await cashier.row(id).status == (isPaid ? .active : .pastDue))
            #expect(try await cashier.row(id).nextPeriod == (isPaid ? 2 : 1))
        }
    }

    @Test func `another shop's payment with our custom id, or one of another amount, pays nothing`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            cashier.paypal.sandbox.add(PayPalFault(.resetBefore, call: "orders.create", count: 1))
            try await cashier.work(id, at: due)
            let (own, other) = (cashier.merchant.id, Merchant.ID.new(at: due))
            let price = Money(minorUnits: 2900, currency: "USD")
            for (merchant, amount) in [
                (other, price), (own, Money(minorUnits: 1, currency: "USD")),
                (own, Money(minorUnits: 2900, currency: "JPY")), (own, nil),
            ] {
                let learned = try await cashier.deps.store.transaction {
                    try $0.learnOfCharge(
                        customID: "\(id):1:1:0",
                        invoiceID: "sandbox-\(id)-1",
                        amount: amount,
                        of: merchant,
                        .captured(id: "STOLEN", order: nil),
                        at: due
                    )
                }
                #expect(learned == nil)
            }
            #expect(try await cashier.periods(id).map(\.status) == [.due])
            try await cashier.expectInvariants(at: due)
        }
    }

    @Test func `after our own outage one period is charged and a person decides about the rest`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let late = try await cashier.due(id, 3) + Cashier.day
            try await cashier.work(id, at: late)
            try await cashier.work(id, at: late + 60)
            #expect(cashier.captures == 1)
            #expect(try await cashier.periods(id).map(\.status) == [.paid, .review, .review])
            #expect(try await cashier.row(id).nextPeriod == 4)
            #expect(try await cashier.alarms(id) == ["overdue"])
        }
    }
}
