package import Foundation

// What a ledger row gives at a moment. Nothing here looks at anything but the row, the policy and the clock.

extension OrderItem {
    /// Whether money, or a free order, stands behind it. Until then it is a tombstone. Source: rules C4, E2.
    package var isBought: Bool { sale != nil || !payments.isEmpty }

    /// The state of an entitlement that this item feeds.
    ///
    /// Time alone only ever takes access away, once, at `changesAt`.
    /// - Parameter isOnlyItem: whether the order is known to hold nothing else; lets a refund be judged by the order's
    ///   total. Source: rule E3.
    package func access(at now: Date, policy: AccessPolicy, isOnlyItem: Bool = false) -> EntitlementState {
        guard isBought else { return .none }
        if isRefunded(isOnlyItem: isOnlyItem) {
            return EntitlementState(status: .refunded, hasAccess: false, paidThrough: paidThrough)
        }
        if completedAt != nil { return EntitlementState(status: .completed, hasAccess: true) }
        if let cancellation = cancellationInForce {
            let end = cancellation.periodEnd ?? paidThrough ?? cancellation.at
            return until(end, at: now, .ending, afterwards: .ended)
        }
        if let pause = pauseInForce {
            return until(paidThrough ?? pause.periodEnd ?? pause.at, at: now, .paused, afterwards: .paused)
        }
        let covered = coveredUntil
        let lapse = covered?.addingTimeInterval(policy.slack)
        if let declined = firstOpenFailure {
            // A decline is not a payment: it keeps what there is for a while, and revives nothing that has lapsed.
            let hadLapsed = lapse.map { declined >= $0 } ?? false
            let grace = max(declined.addingTimeInterval(policy.grace), covered ?? declined)
            return until(hadLapsed ? lapse ?? grace : grace, at: now, .pastDue, afterwards: .pastDue)
        }
        guard let lapse else { return EntitlementState(status: .active, hasAccess: true) }
        guard now < lapse else { return until(lapse, at: now, .ended, afterwards: .ended) }
        return EntitlementState(status: .active, hasAccess: true, paidThrough: paidThrough, changesAt: lapse)
    }

    private func until(
        _ end: Date,
        at now: Date,
        _ status: Entitlement.Status,
        afterwards: Entitlement.Status
    ) -> EntitlementState {
        let hasAccess = now < end
        return EntitlementState(
            status: hasAccess ? status : afterwards,
            hasAccess: hasAccess,
            accessUntil: end,
            paidThrough: paidThrough,
            changesAt: hasAccess ? end : nil
        )
    }

    // MARK: What is paid

    /// The end of what was paid for, the greatest that any event told; nil where there is none, or nobody can say.
    ///
    /// Source: rules F3 and F8.
    package var paidThrough: Date? {
        let renewals = payments.values.compactMap { payment in
            payment.nextDue ?? (payment.frequency ?? frequency)?.next(after: payment.paidAt, of: billing(of: payment))
        }
        return latest(soldThrough, renewals.max())
    }

    private var soldThrough: Date? {
        guard let sale, sale.recurs else { return nil }
        return sale.nextDue ?? frequency?.next(after: sale.soldAt)
    }

    private var frequency: BillingFrequency? {
        sale?.frequency ?? payments.values.compactMap(\.frequency).max()
    }

    /// What the due dates about a payment are counted from: the last resume before it, else the sale, or the end of its
    /// trial. Source: rule F6.
    private func billing(of payment: ItemPayment) -> Date? {
        if let suspension, suspension.kind == .resumed, suspension.at <= payment.paidAt { return suspension.at }
        guard let sale, let due = soldThrough, let frequency else { return nil }
        let isTrial = abs(frequency.next(after: sale.soldAt).timeIntervalSince(due)) > 86_400
        return isTrial ? due : sale.soldAt
    }

    /// Whether it is paid for again and again, or in instalments.
    package var recurs: Bool { sale?.recurs == true || !payments.isEmpty }

    /// What is paid, or what a resume said would be paid next: money is expected, so access is on. Source: rule F6.
    private var coveredUntil: Date? {
        guard let suspension, suspension.kind == .resumed, recurs else { return paidThrough }
        return latest(paidThrough, latest(suspension.at, suspension.periodEnd))
    }

    // MARK: What is in force

    /// The cancellation, unless money was taken afterwards: then the provider went on billing. Source: rules F3, F5.
    package var cancellationInForce: ItemCancellation? {
        guard let cancellation else { return nil }
        let isOverruled = payments.values.contains { payment in
            if payment.isTimed { return payment.paidAt > cancellation.at }
            guard let due = payment.nextDue, let end = cancellation.periodEnd else { return false }
            return due > end
        }
        return isOverruled ? nil : cancellation
    }

    /// The pause, unless it was resumed or money was taken afterwards.
    package var pauseInForce: Suspension? {
        guard let suspension, suspension.kind == .paused else { return nil }
        return payments.values.contains { $0.isTimed && $0.paidAt > suspension.at } ? nil : suspension
    }

    /// The first decline that nothing has made good. Source: rules C3 and F4.
    package var firstOpenFailure: Date? {
        failures.values.filter { !isCleared($0) }.map(\.failedAt).min()
    }

    /// By a payment of the same invoice or a later one, whenever it came; where the invoices don't tell, by a later
    /// payment. A resume starts afresh.
    private func isCleared(_ failure: ItemFailure) -> Bool {
        if let suspension, suspension.kind == .resumed, suspension.at >= failure.failedAt { return true }
        return payments.values.contains { payment in
            guard let failed = failure.invoice, let paid = payment.invoice, InvoiceNumber.namesRenewal(failed) else {
                return payment.paidAt >= failure.failedAt
            }
            if failed == paid { return true }
            guard let failed = InvoiceNumber(failed), let paid = InvoiceNumber(paid), failed.base == paid.base,
                paid.renewal > 0
            else { return payment.paidAt >= failure.failedAt }
            return paid.renewal >= failed.renewal
        }
    }
}

/// `000000141-6` is the sixth renewal of invoice `000000141`; the sale itself is renewal 0.
struct InvoiceNumber: Hashable {
    let base: Substring
    let renewal: Int

    /// False for the order's own invoice, which some events carry in place of the renewal's.
    static func namesRenewal(_ text: String) -> Bool { Self(text)?.renewal != 0 }

    /// Nil for what does not read like that: then it only equals itself.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let base = parts.first, !base.isEmpty, base.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        self.base = base
        switch parts.count {
        case 1: renewal = 0
        case 2:
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(parts[1]) else {
                return nil
            }
            renewal = number
        default: return nil
        }
    }
}
