package import Domain
package import Foundation
package import Postgres

// What shops and people are told, with the commit that it tells of.

extension Transaction {
    /// COMPLETED and DENIED are PayPal's to tell and are forwarded as they come; what PayPal can't know is told here.
    func tell(_ turns: [(turn: RenewalTurn, at: Date)]) throws {
        var payments: [RenewalPayment] = []
        for (turn, now) in turns {
            let renewal = turn.renewal
            for case .tell(let news) in turn.commands {
                switch news {
                case .paid(let period, let captureID):
                    if let payment = RenewalPayment(captureID, of: period, renewal, at: now) {
                        payments.append(payment)
                    }
                case .declined(let period, let number, let decline, let nextTry):
                    try stageDunningMail(renewal, period, number, decline, nextTry: nextTry, at: now)
                case .revoked(_, let lastError):
                    let forward = try AccessRevoke.forward(
                        of: renewal.subscription,
                        merchantPayPalID: renewal.merchantPayPalID,
                        lastError: lastError,
                        at: now
                    )
                    try stageForward(forward, to: renewal.subscription.merchant, at: now)
                case .ended: break
                }
            }
        }
        if let now = turns.map(\.at).max() { try keep(payments, at: now) }
    }

    /// Beside all other orders and captures, so that a refund of it finds the subscription.
    private func keep(_ payments: [RenewalPayment], at now: Date) throws(PostgresError) {
        guard !payments.isEmpty else { return }
        let ours = try save(payments.map(\.order), at: now)
        try save(payments.filter { ours.contains($0.order.id) }.map(\.capture), at: now)
    }

    private func stageDunningMail(
        _ renewal: LockedRenewal,
        _ period: Int,
        _ number: Int,
        _ decline: ChargeDecline,
        nextTry: Date?,
        at now: Date
    ) throws {
        guard let recipient = renewal.choices.dunningMail else { return }
        let wasMade = !renewal.state.attempts.contains {
            ($0.key.period, $0.key.number, $0.state) == (period, number, .forgone)
        }
        let letter = DunningLetter(renewal.subscription, number, decline, wasMade: wasMade, nextTry: nextTry)
        try stage(
            Mail(
                id: .new(at: now),
                site: nil,
                template: "renewal-declined",
                dedupeKey: "renewal-declined/\(renewal.subscription.id)/\(period)/\(number)",
                recipient: recipient,
                subject: letter.subject,
                text: letter.text,
                html: letter.html,
                createdAt: now
            )
        )
    }
}

/// The order and the capture that have paid a period.
private struct RenewalPayment {
    var order: PayPalOrder
    var capture: PayPalCapture

    /// Nil where PayPal has not said by which order.
    init?(_ captureID: String?, of period: Int, _ renewal: LockedRenewal, at now: Date) {
        let paid = renewal.state.attempts.first {
            $0.key.period == period && $0.captureID == captureID && $0.orderID != nil
        }
        guard let captureID, let attempt = paid, let id = attempt.orderID else { return nil }
        let subscription = renewal.subscription
        order = PayPalOrder(
            id: id,
            merchant: subscription.merchant,
            subscription: subscription.id,
            status: "COMPLETED",
            amount: subscription.amount,
            customID: renewal.customID(attempt.key),
            invoiceID: renewal.names.invoiceID(period: period),
            createdAt: now
        )
        capture = PayPalCapture(
            id: captureID,
            merchant: subscription.merchant,
            order: id,
            subscription: subscription.id,
            status: .completed,
            amount: subscription.amount,
            createdAt: now
        )
    }
}
