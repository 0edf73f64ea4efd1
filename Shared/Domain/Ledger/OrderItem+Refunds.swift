import Foundation

extension OrderItem {
    /// Whether refunds took back what access stands on.
    ///
    /// That is: all that was paid for the item, or the latest payment of a subscription. An older instalment changes
    /// nothing, nor does a part. What was paid is never guessed: without it, only a refund of the whole order's total
    /// counts, and only where the order has one item. Source: rules E3 and E4.
    package func isRefunded(isOnlyItem: Bool) -> Bool {
        guard !refunds.isEmpty else { return false }
        let refunds = distinctRefunds
        if let paid = totalPaid, sum(refunds.values.map(\.amountGross)) >= paid { return true }
        if let amount = latestCharge.amount {
            if completedAt != nil { return false }
            let against = refunds.values.filter(isAgainstLatest)
            return !against.isEmpty && sum(against.map(\.amountGross)) >= amount
        }
        return isOnlyItem
            && refunds.values.contains { refund in
                guard let amount = refund.amountGross, let total = refund.orderTotalGross else { return false }
                return amount >= total
            }
    }

    /// Whether there are refunds that can't be weighed, for nobody told what was paid.
    package func isRefundUnclear(isOnlyItem: Bool) -> Bool {
        guard !refunds.isEmpty, isBought, !isRefunded(isOnlyItem: isOnlyItem) else { return false }
        return latestCharge.amount == nil || refunds.values.contains { $0.amountGross == nil }
    }

    /// What was paid for the item in all, hundredths; nil when any part of it is unknown.
    package var totalPaid: Int64? {
        guard let first = sale?.paidGross else { return nil }
        let renewals = renewals.values.map(\.amountGross)
        return renewals.contains(nil) ? nil : sum([first] + renewals)
    }

    private typealias Charge = (at: Date, invoice: InvoiceNumber?, amount: Int64?)

    /// The last renewal, else the sale.
    private var latestCharge: Charge {
        let last = renewals.max { ($0.value.paidAt, $0.key) < ($1.value.paidAt, $1.key) }?.value
        if let last { return (last.paidAt, last.invoice.flatMap { InvoiceNumber($0) }, last.amountGross) }
        return (sale?.soldAt ?? .distantPast, nil, sale?.paidGross)
    }

    /// By the refund's invoice where it names a renewal, else by time: what is refunded was paid before.
    private func isAgainstLatest(_ refund: ItemRefund) -> Bool {
        let latest = latestCharge
        guard let refunded = refund.invoice.flatMap({ InvoiceNumber($0) }), refunded.renewal > 0 else {
            return refund.refundedAt >= latest.at
        }
        if let invoice = latest.invoice { return invoice == refunded }
        return !payments.isEmpty && refund.refundedAt >= latest.at
    }

    /// Amounts that are unknown count as nothing; a sum beyond 64 bits stays at the greatest.
    private func sum(_ amounts: [Int64?]) -> Int64 {
        amounts.reduce(0) { sum, amount in
            let (next, overflow) = sum.addingReportingOverflow(amount ?? 0)
            return overflow ? .max : next
        }
    }
}
