import Domain
import Foundation
import Testing

@testable import ThriveCart

@Suite struct `What every known body tells` {
    /// One line a body: fact, mode, time, items or item, and what matters of the rest.
    ///
    /// A name ending in a dot is both encodings.
    static let expected: [String: String] = [
        "affiliate.commission_earned.envelope.": "affiliate - -",
        "affiliate.commission_payout.envelope.": "affiliate - -",
        "affiliate.commission_refund.envelope.": "affiliate - -",
        "bad.huge-index.raw": "unknown test - !no-order",
        "bad.invalid-utf8.raw": "sale live - 40000021 product-7 paid=? !untimed",
        "bad.json-with-form-content-type.raw": "sale live - 40000022 product-7 paid=? !untimed",
        "bad.literal-brackets.raw": "sale live - 40000023 product-7 paid=? !untimed",
        "bad.multipart.raw": "unknown test - !no-order",
        "bad.no-email.raw": "sale live - 40000020 product-7 paid=? !no-email !untimed",
        "bad.no-secret.raw": "sale live - 1 product-7 paid=? !untimed",
        "bad.scalar-then-array.raw": "unknown test - !no-order",
        "bad.secret-as-array.raw": "unknown test - !no-items",
        "bad.secret-empty.raw": "unknown test - !no-items",
        "bad.secret-twice.raw": "sale live - 1 product-7 paid=? !untimed",
        "bad.wrong-secret.raw": "sale live - 1 product-7 paid=? !untimed",
        "cart.abandoned.2020.": "cart - 1598889821 product-24",
        "cart.abandoned.existing-member.": "cart - 1790323200 product-7",
        "cart.abandoned.minimal.": "cart - 1789891200 product-7",
        "customer_updated.envelope.": "customer-updated - -",
        "eventsub.cart_abandoned.json": "cart - 1598889821 product-24",
        "eventsub.order_created.json":
            "sale live 1790000000 40000001 product-7 paid=5900 due=1792592000 month sub=5440501",
        "eventsub.order_payment_product.json":
            "sale live 1790000000 40000001 product-7 paid=5900 due=1792592000 month sub=5440501",
        "eventsub.order_rebill.json":
            "payment live 1792592005 40000001 product-7 000000101-1 #1 5900 due=1795270400 left=?",
        "eventsub.order_rebill_cancelled.json": "cancellation live 1791000000 40000001 product-7 end=1792592000 left=?",
        "eventsub.order_rebill_completed.json": "completed live 1797862410 40000008 product-9 end=?",
        "eventsub.order_rebill_failed.json": "failed live 1792592010 40000001 product-7 000000101-1",
        "eventsub.order_refund.json": "refund live 1790100000 40000003 product-7 1325601001 000000103 1000 of 5900",
        "eventsub.subscription_paused.json": "pause live 1791000000 40000001 product-7 end=1792592000",
        "eventsub.subscription_resumed.json": "resume live 1793000000 40000001 product-7 end=1795270400",
        "order.rebill_failed.attempt-1.": "failed live 1792592010 40000001 product-7 000000101-1",
        "order.rebill_failed.attempt-2.": "failed live 1792851210 40000001 product-7 000000101-1",
        "order.rebill_failed.attempt-3.": "failed live 1793283210 40000001 product-7 000000101-1",
        "order.rebill_failed.attempt-4.": "failed live 1793888010 40000001 product-7 000000101-1",
        "order.rebill_failed.docs-minimal.": "failed live - 1514394 upsell-101 000000004 !untimed",
        "order.refund.bump.": "refund live 1790100000 40000003 bump-7 1325601003 000000103 1900 of 5900",
        "order.refund.docs-minimal.": "refund live - 1514394 upsell-101 ? refund-4 4000 of ? !untimed",
        "order.refund.full-live-2025.": "refund live 1761328647 38033257 product-7 1325564304 000000005 5900 of 5900",
        "order.refund.partial-second-completes.":
            "refund live 1790200000 40000003 product-7 1325601002 000000103 3900 of 5900",
        "order.refund.partial.": "refund live 1790100000 40000003 product-7 1325601001 000000103 1000 of 5900",
        "order.refund.pro-rata.": "refund live 1790100000 40000001 product-7 1325601005 000000101 2950 of 5900",
        "order.refund.renewal.": "refund live 1793100000 40000001 product-7 1325601006 000000101-1 5900 of 5900",
        "order.refund.upsell.": "refund live 1790100000 40000003 upsell-3 1325601004 000000103 9700 of 5900",
        "order.subscription_cancelled.docs-minimal.": "cancellation live - 1514394 upsell-101 end=? left=? !untimed",
        "order.subscription_cancelled.monthly.":
            "cancellation live 1791000000 40000001 product-7 end=1792592000 left=?",
        "order.subscription_cancelled.no-period-end.": "cancellation live 1791000000 40000001 product-7 end=? left=?",
        "order.subscription_cancelled.partial-2021.": "unknown live - !no-order",
        "order.subscription_cancelled.upsell.": "cancellation live 1791000000 40000004 upsell-3 end=1792592000 left=?",
        "order.subscription_paused.monthly.": "pause live 1791000000 40000001 product-7 end=1792592000",
        "order.subscription_payment.after-resume.":
            "payment live 1793000003 40000001 product-7 000000101-1 #1 5900 due=1795678400 left=?",
        "order.subscription_payment.docs-minimal.":
            "payment live - 1514394 upsell-101 000000004-2 #2 4900 due=? left=? !untimed",
        "order.subscription_payment.live-stripe-2020.":
            "payment live 1595567854 3230022 product-17 000000141-6 #6 6900 due=1598246253 left=?",
        "order.subscription_payment.rebill-1-after-dunning.":
            "payment live 1793283300 40000001 product-7 000000101-1 #1 5900 due=1795270400 left=?",
        "order.subscription_payment.rebill-1-new-email.":
            "payment live 1792592005 40000001 product-7 000000101-1 #1 5900 due=1795270400 left=?",
        "order.subscription_payment.rebill-1.":
            "payment live 1792592005 40000001 product-7 000000101-1 #1 5900 due=1795270400 left=?",
        "order.subscription_payment.rebill-2.":
            "payment live 1795270410 40000001 product-7 000000101-2 #2 5900 due=1797862400 left=?",
        "order.subscription_payment.split-final.":
            "payment live 1797862410 40000008 product-9 000000108-3 #3 25000 due=? left=0",
        "order.subscription_resumed.docs-minimal.": "resume live - 1514394 upsell-101 end=? !untimed",
        "order.subscription_resumed.monthly.": "resume live 1793000000 40000001 product-7 end=1795270400",
        "order.success.account-mismatch.":
            "sale live 1790000000 40000001 product-7 paid=5900 due=1792592000 month sub=5440501",
        "order.success.bump-upsell-downsell.":
            "sale live 1790000000 40000003 product-7 paid=4900 + bump-7 paid=1900 + upsell-3 paid=9700 + downsell-5 paid=2700",
        "order.success.custom-fields-passthrough.": "sale live 1790000000 40000017 product-7 paid=5900",
        "order.success.docs-minimal.": "sale live 1757200000 1514394 product-2 paid=10000",
        "order.success.email-case-space.": "sale live 1790000000 40000013 product-7 paid=5900",
        "order.success.free-100pct-coupon.": "sale live 1790000000 40000005 product-7 paid=0",
        "order.success.free-trial.": "sale live 1790000000 40000007 product-7 paid=0 due=1790604800 month sub=5440507",
        "order.success.html-escaped-name.": "sale live 1790000000 40000011 product-7 paid=5900",
        "order.success.jpy.": "sale live 1790000000 40000014 product-7 paid=590000",
        "order.success.lifetime-upgrade.": "sale live 1791000000 40000018 product-11 paid=29900",
        "order.success.mode-contradiction.":
            "sale test 1790000000 40000002 product-7 paid=5900 due=1792592000 month sub=5440501 !mode-contradiction",
        "order.success.names-missing.": "sale live 1790000000 40000012 product-7 paid=5900",
        "order.success.product-12-vs-1.": "sale live 1790000000 40000016 product-12 paid=1500",
        "order.success.product-and-upsell-same-id.":
            "sale live 1788512400 1514394 product-101 paid=900 + upsell-101 paid=4000",
        "order.success.split-pay-4.":
            "sale live 1790000000 40000008 product-9 paid=25000 due=1792592000 month sub=5440508",
        "order.success.subscription-monthly.event-ids.":
            "sale live 1790000000 40000001 product-7 paid=5900 due=1792592000 month sub=5440501",
        "order.success.subscription-monthly.":
            "sale live 1790000000 40000001 product-7 paid=5900 due=1792592000 month sub=5440501",
        "order.success.test-mode.":
            "sale test 1790000000 40000002 product-7 paid=5900 due=1792592000 month sub=5440501",
        "order.success.test-paypal-2018.": "sale test 1539597878 1007038 product-2 paid=3000 due=? month",
        "order.success.trial-one-dollar.":
            "sale live 1790000000 40000006 product-7 paid=100 due=1790604800 month sub=5440506",
        "order.success.two-quantity.": "sale live 1790000000 40000009 product-7 paid=11800",
        "order.success.unicode-name.": "sale live 1790000000 40000010 product-7 paid=5900",
        "order.success.unmapped-product.": "sale live 1790000000 40000015 product-999 paid=1500",
        "order.success.upsell-subscription-only.":
            "sale live 1790000000 40000004 product-7 paid=4900 + upsell-3 paid=1900 due=1792592000 month sub=5440504",
        "unknown.future_event.": "unknown live -",
    ]

    @Test func `no body is left out`() {
        let named = Set(
            Fixtures.events.filter { !$0.hasPrefix("ping.") && !Self.unreadable.keys.contains($0) }.map(line)
        )
        #expect(named == Set(Self.expected.keys))
        #expect(Fixtures.events.count == 148)
    }

    @Test(arguments: Fixtures.events) func `a body tells its fact`(name: String) throws {
        guard let expected = Self.expected[line(name)] else { return }
        let told = summary(try Fixtures.payload(name).checkoutEvent(account: "examplestudio"))
        #expect(told == expected)
    }

    static let unreadable: [String: ThriveCartError] = [
        "bad.deep-nesting.raw": .tooDeep, "bad.json-truncated.raw": .malformedJSON,
    ]

    @Test(arguments: unreadable) func `a broken body is refused`(name: String, error: ThriveCartError) throws {
        let body = try Fixtures.event(name)
        #expect(throws: error) { try ThriveCartBody.parse(body) }
    }

    /// What ingress answers to the hostile bodies, and to those with another account.
    static let refused: [String: ThriveCartVerifier.Verdict] = [
        "bad.no-secret.raw": .secretMissing, "bad.wrong-secret.raw": .secretWrong,
        "bad.secret-as-array.raw": .secretMissing, "bad.secret-empty.raw": .secretMissing,
        "order.success.account-mismatch.form": .accountWrong, "order.success.account-mismatch.json": .accountWrong,
        "order.subscription_cancelled.partial-2021.form": .secretMissing,
        "order.subscription_cancelled.partial-2021.json": .secretMissing,
    ]

    @Test(arguments: Fixtures.events) func `a body is believed when the secret and the account are right`(
        name: String
    ) throws {
        guard Self.unreadable[name] == nil else { return }
        let payload = try Fixtures.payload(name)
        #expect(payload.isPing == name.hasPrefix("ping."))
        guard !payload.isPing else { return }
        let verifier = ThriveCartVerifier(secrets: ["TESTSECRET00"], account: "examplestudio")
        #expect(verifier.verdict(on: payload) == Self.refused[name] ?? .accepted)
    }

    private func line(_ name: String) -> String {
        guard !name.hasPrefix("eventsub."), name.hasSuffix(".form") || name.hasSuffix(".json") else { return name }
        return String(name.dropLast(4))
    }
}

// MARK: One line

private func summary(_ event: CheckoutEvent) -> String {
    let mode = event.mode?.rawValue ?? "-"
    let head = "\(mode) \(event.occurredAt.map(seconds) ?? "-")"
    let remarks = event.remarks.map { " !\($0.rawValue)" }.sorted().joined()
    return line(event.fact).replacing("@", with: head) + remarks
}

private func line(_ fact: CheckoutFact) -> String {
    switch fact {
    case .sale(let sale): "sale @ \(sale.order) " + sale.items.map(line).joined(separator: " + ")
    case .payment(let payment):
        "payment @ \(payment.order) \(line(payment.item)) \(payment.invoice ?? "?") #\(payment.paymentNumber ?? "?") "
            + "\(shown(payment.amountGross)) due=\(payment.nextDue.map(seconds) ?? "?") left=\(shown(payment.remaining))"
    case .paymentFailed(let failure):
        "failed @ \(failure.order) \(line(failure.item)) \(failure.invoice ?? "?")"
    case .cancellation(let end):
        "cancellation @ \(end.order) \(line(end.item)) end=\(end.periodEnd.map(seconds) ?? "?") left=\(shown(end.remaining))"
    case .pause(let change): "pause @ \(line(change))"
    case .resume(let change): "resume @ \(line(change))"
    case .planCompleted(let change): "completed @ \(line(change))"
    case .refund(let refund):
        "refund @ \(refund.order) \(line(refund.item)) \(refund.record ?? "?") \(refund.invoice ?? "?") "
            + "\(shown(refund.amountGross)) of \(shown(refund.orderTotalGross))"
    case .cartAbandoned(let cart): "cart @ \(cart.item?.description ?? "?")"
    case .customerUpdated: "customer-updated @"
    case .affiliate: "affiliate @"
    case .unknown: "unknown @"
    }
}

private func line(_ item: SoldItem) -> String {
    var line = "\(item.key) paid=\(shown(item.paidGross))"
    if let recurrence = item.recurrence {
        line += " due=\(recurrence.nextDue.map(seconds) ?? "?") \(recurrence.frequency?.rawValue ?? "?")"
    }
    if let subscription = item.subscription { line += " sub=\(subscription)" }
    return line
}

private func line(_ change: StateChange) -> String {
    "\(change.order) \(line(change.item)) end=\(change.periodEnd.map(seconds) ?? "?")"
}

private func line(_ item: ItemReference) -> String {
    switch item {
    case .exact(let key): key.description
    case .onlyItem: "only-item"
    }
}

private func shown(_ number: (some BinaryInteger)?) -> String { number.map { "\($0)" } ?? "?" }

private func seconds(_ date: Date) -> String { "\(Int(date.timeIntervalSince1970))" }
