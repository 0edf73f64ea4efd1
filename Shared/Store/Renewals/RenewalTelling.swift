package import Domain
package import Foundation
package import Postgres

// What shops and people are told, with the commit that it tells of.

extension Transaction {
    /// COMPLETED and DENIED are PayPal's to tell and are forwarded as they come; what PayPal can't know is told here.
    func tell(_ news: RenewalNews, of renewal: LockedRenewal, at now: Date) throws {
        switch news {
        case .paid(let period, let captureID):
            try keepPayment(captureID, of: period, renewal, at: now)
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

    /// Beside all other orders and captures, so that a refund of it finds the subscription.
    private func keepPayment(
        _ captureID: String?,
        of period: Int,
        _ renewal: LockedRenewal,
        at now: Date
    ) throws(PostgresError) {
        let paid = renewal.state.attempts.first {
            $0.key.period == period && $0.captureID == captureID && $0.orderID != nil
        }
        guard let captureID, let attempt = paid, let order = attempt.orderID else { return }
        let subscription = renewal.subscription
        let isOurs = try save(
            PayPalOrder(
                id: order,
                merchant: subscription.merchant,
                subscription: subscription.id,
                status: "COMPLETED",
                amount: subscription.amount,
                customID: renewal.customID(attempt.key),
                invoiceID: renewal.names.invoiceID(period: period),
                createdAt: now
            ),
            at: now
        )
        guard isOurs else { return }
        try save(
            PayPalCapture(
                id: captureID,
                merchant: subscription.merchant,
                order: order,
                subscription: subscription.id,
                status: .completed,
                amount: subscription.amount,
                createdAt: now
            ),
            at: now
        )
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
        let letter = DunningLetter(renewal.subscription, period, number, decline, nextTry: nextTry)
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

/// What the shop's owner reads about a renewal that was declined: ids of the shop's own, no buyer's data.
private struct DunningLetter {
    let subject: String
    let text: String

    init(
        _ subscription: VaultSubscription,
        _ period: Int,
        _ number: Int,
        _ decline: ChargeDecline,
        nextTry: Date?
    ) {
        let order = subscription.thriveOrderID
        subject =
            nextTry == nil
            ? "Order \(order): the last try was declined, access ends" : "Order \(order): a renewal was declined"
        let then =
            nextTry.map {
                "It is tried again on \($0.formatted(.iso8601.year().month().day())). Access is kept until then."
            }
            ?? "No further tries follow. Your site was told to end the buyer's access."
        text = """
            The renewal of your order \(order) over \(subscription.amount) was declined: try \(number) of 3.
            PayPal said: \(decline.issue ?? "HTTP \(decline.status)"). \(Self.meaning(of: decline))

            \(then)

            """
    }

    var html: String {
        text.split(separator: "\n\n").map { "<p>\(Self.escaped($0.trimmingCharacters(in: .newlines)))</p>" }.joined(
            separator: "\n"
        )
    }

    private static func meaning(of decline: ChargeDecline) -> String {
        switch decline.fault {
        case .buyer: "The buyer's card or account refused it."
        case .vaultToken: "The saved payment method is no longer valid."
        case .merchant:
            "Your PayPal account can't receive this payment: please look at it now, other renewals will fail too."
        case .request: "PayPal did not accept the request; we look into it."
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
