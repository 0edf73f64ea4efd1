/// What a person should look at in an order; worked out anew from the ledger each time.
package enum OrderFlag: String, Sendable, Codable, CaseIterable, Comparable {
    /// An event named no item, and the order has several. Source: rule D3.
    case itemUnclear = "item-unclear"
    /// A refund, and nobody told what was paid. Source: rule E3.
    case refundUnclear = "refund-unclear"
    /// Access was refunded away, but the provider goes on billing. Source: rule E4.
    case refundedStillBilling = "refunded-still-billing"
    /// Cancelled, and nobody told until when it was paid: ended at once. Source: rule F5.
    case cancelledWithoutEnd = "cancelled-without-end"
    /// A subscription without any date: open until the provider says more.
    case periodUnknown = "period-unknown"
    /// The provider knows the buyer by another address than the member's. Source: rule G4.
    case emailDiffers = "email-differs"

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

extension Order {
    /// All but `emailDiffers`, which needs the member.
    package var flags: Set<OrderFlag> {
        var flags: Set<OrderFlag> = []
        if onlyItem == nil, unplaced != OrderItem() { flags.insert(.itemUnclear) }
        for key in items.keys {
            guard let item = item(key), item.isBought else { continue }
            let isOnlyItem = onlyItem == key
            if item.isRefundUnclear(isOnlyItem: isOnlyItem) { flags.insert(.refundUnclear) }
            let isCancelled = item.cancellationInForce != nil
            if item.isRefunded(isOnlyItem: isOnlyItem), item.recurs, !isCancelled, item.completedAt == nil {
                flags.insert(.refundedStillBilling)
            }
            if isCancelled, item.completedAt == nil, item.cancellation?.periodEnd == nil, item.paidThrough == nil {
                flags.insert(.cancelledWithoutEnd)
            }
            if item.recurs, item.paidThrough == nil, item.completedAt == nil, !isCancelled {
                flags.insert(.periodUnknown)
            }
        }
        return flags
    }
}
