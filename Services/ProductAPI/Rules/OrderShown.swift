internal import Domain
internal import Foundation
internal import PayPal

extension OrderAnswer {
    /// The order as a shop is shown it.
    ///
    /// PayPal calls an order COMPLETED when its only capture was declined or is pending, and the document's shops look at
    /// nothing but the order's status: they would give access without money. So such an order has its capture's status.
    var shown: JSON {
        guard status == "COMPLETED", let last = captures.last,
            !captures.contains(where: { Self.paid.contains($0.status) })
        else { return json }
        return json.setting("status", .string(last.status))
    }

    private static let paid: Set = ["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED", "REVERSED"]

    /// As we keep it.
    func kept(
        for merchant: Merchant.ID,
        subscription: VaultSubscription.ID? = nil,
        debugID: String?,
        at now: Date
    ) -> PayPalOrder {
        PayPalOrder(
            id: id,
            merchant: merchant,
            subscription: subscription,
            status: status,
            amount: amount,
            customID: customID,
            invoiceID: invoiceID,
            debugID: debugID,
            createdAt: now
        )
    }

    /// Its captures as we keep them; those without an amount or a status that we know are left to PayPal's events.
    func keptCaptures(
        for merchant: Merchant.ID,
        subscription: VaultSubscription.ID? = nil,
        at now: Date
    ) -> [PayPalCapture] {
        captures.compactMap { capture in
            guard let status = PayPalCapture.Status(rawValue: capture.status), let amount = capture.amount else {
                return nil
            }
            return PayPalCapture(
                id: capture.id,
                merchant: merchant,
                order: id,
                subscription: subscription,
                status: status,
                amount: amount,
                createdAt: now
            )
        }
    }
}
