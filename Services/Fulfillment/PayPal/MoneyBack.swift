import Domain
import Foundation
import PayPal
import Postgres
import Sealing
import Store

extension Transaction {
    /// Ends the subscription and purges its vault token, and only then lets anybody be told.
    func refunded(
        _ fact: PayPalEvent.RefundFact,
        _ event: PayPalEvent,
        _ delivery: PayPalDelivery,
        knowing findings: PayPalFindings,
        sealer: Sealer,
        at now: Date
    ) throws -> Effect {
        guard let captureID = fact.captureID else { return try passedOn(event, delivery) }
        if try payPalCapture(captureID) == nil, let account = event.account, findings.captures[captureID] == nil {
            return .ask(.capture(captureID, account: account))
        }
        let asked = findings.captures[captureID] ?? nil
        let found = try correlate(
            order: asked?.orderID,
            capture: captureID,
            customID: asked?.customID,
            account: event.account,
            delivery
        )
        guard !found.merchants.isEmpty else { return found.nobody(delivery, at: now) }
        if let asked, let status = PayPalCapture.Status(rawValue: asked.status) {
            try keep(PayPalEvent.CaptureFact(asked, status: status), found, delivery, at: now)
        }
        try keep(fact, of: captureID, found, delivery, at: now)

        if let subscription = found.subscription, fact.status != .failed, fact.status != .canceled {
            try advance(subscription.id, .end(.refunded), from: .webhook, at: now)
            // Because one that was never activated has no renewals to end.
            try cancel(subscription.id, at: now)
            if let question = try purging(subscription, knowing: findings, sealer: sealer) { return .ask(question) }
        }
        return .told(found.audience(subject: found.order?.id ?? captureID))
    }

    private func keep(
        _ fact: PayPalEvent.RefundFact,
        of captureID: String,
        _ found: Correlation,
        _ delivery: PayPalDelivery,
        at now: Date
    ) throws {
        guard var capture = try payPalCapture(captureID) else { return }
        try save(
            PayPalRefund(
                id: fact.id,
                merchant: capture.merchant,
                capture: captureID,
                status: fact.status,
                amount: fact.amount,
                createdAt: delivery.happenedAt
            ),
            at: now
        )
        guard fact.status == .completed else { return }
        let returned = (fact.total ?? fact.amount).map { $0.currency == capture.amount.currency ? $0.minorUnits : 0 }
        if fact.isReversal {
            capture.status = .reversed
        } else {
            capture.status = (returned ?? .max) >= capture.amount.minorUnits ? .refunded : .partiallyRefunded
        }
        try save(capture, at: now)
    }

    func refundChanged(
        _ fact: PayPalEvent.RefundFact,
        _ event: PayPalEvent,
        _ delivery: PayPalDelivery,
        at now: Date
    ) throws -> Effect {
        let found = try correlate(order: nil, capture: fact.captureID, customID: nil, account: event.account, delivery)
        guard !found.merchants.isEmpty else { return found.nobody(delivery, at: now) }
        if let captureID = fact.captureID { try keep(fact, of: captureID, found, delivery, at: now) }
        return .told(found.audience(subject: found.order?.id ?? fact.id))
    }
}
