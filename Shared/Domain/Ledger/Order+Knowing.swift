package import Foundation

// Whether a fact is known already, by whatever road it came. Natural keys tell most repeats; a provider's books, though,
// name a renewal by its time where its webhook names it by its invoice. Two such accounts of one item, at about the same
// time, are one fact.

/// How far two accounts of one fact may lie apart. Nobody is charged twice for one item within an hour.
private let sameFact: TimeInterval = 3600

extension Order {
    /// Whether the ledger holds what `event` tells of this order.
    package func knows(_ event: CheckoutEvent) -> Bool {
        let news = Order(event, heardAt: event.occurredAt ?? .distantPast)
        switch event.fact {
        case .sale(let sale): return sale.items.allSatisfy { items[$0.key]?.sale != nil }
        case .payment(let payment):
            return item(payment.item).map { known in news.told.payments.allSatisfy { known.knows($0.key, $0.value) } }
                ?? false
        case .refund(let refund):
            return item(refund.item).map { known in news.told.refunds.allSatisfy { known.knows($0.key, $0.value) } }
                ?? false
        case .paymentFailed(let failure):
            return item(failure.item).map { known in news.told.failures.keys.allSatisfy { known.failures[$0] != nil } }
                ?? false
        case .cancellation(let cancellation):
            guard let known = item(cancellation.item) else { return false }
            if known.completedAt != nil { return true }
            return isNear(known.cancellation?.at, event.occurredAt)
        case .pause(let change):
            return item(change.item)?.suspension.map { $0.kind == .paused && isNear($0.at, event.occurredAt) } ?? false
        case .resume(let change):
            return item(change.item)?.suspension.map { $0.kind == .resumed && isNear($0.at, event.occurredAt) } ?? false
        case .planCompleted(let change): return item(change.item)?.completedAt != nil
        case .cartAbandoned, .customerUpdated, .affiliate, .unknown: return true
        }
    }

    private func item(_ reference: ItemReference) -> OrderItem? {
        switch reference {
        case .exact(let key): item(key)
        case .onlyItem: onlyItem.flatMap { item($0) }
        }
    }

    /// What a ledger of one event says of the one item it is about.
    private var told: OrderItem { items.values.first ?? unplaced }
}

private func isNear(_ left: Date?, _ right: Date?) -> Bool {
    guard let left, let right else { return false }
    return abs(left.timeIntervalSince(right)) <= sameFact
}

extension OrderItem {
    /// The renewals that were paid, each once: one that is known by its time only is the one with a number near it.
    package var renewals: [String: ItemPayment] {
        Self.folded(payments, isNumbered: Self.isNumbered) { isNear($0.paidAt, $1.paidAt) }
    }

    /// The refunds, each once: one without a record's number is the one with a number near it that has its amount.
    package var distinctRefunds: [String: ItemRefund] {
        Self.folded(refunds, isNumbered: Self.hasRecord) {
            $0.amountGross == $1.amountGross && isNear($0.refundedAt, $1.refundedAt)
        }
    }

    /// The last thing that is known to have happened to it.
    package var newestMoment: Date {
        let single = [sale?.soldAt, suspension?.at, cancellation?.at, completedAt].compactMap { $0 }
        let many = payments.values.map(\.paidAt) + failures.values.map(\.failedAt) + refunds.values.map(\.refundedAt)
        return (single + many).max() ?? .distantPast
    }

    fileprivate func knows(_ key: String, _ payment: ItemPayment) -> Bool {
        payments[key] != nil
            || payments.contains { known in
                Self.isNumbered(known.key) != Self.isNumbered(key) && isNear(known.value.paidAt, payment.paidAt)
            }
    }

    fileprivate func knows(_ key: String, _ refund: ItemRefund) -> Bool {
        refunds[key] != nil
            || refunds.contains { known in
                Self.hasRecord(known.key) != Self.hasRecord(key) && known.value.amountGross == refund.amountGross
                    && isNear(known.value.refundedAt, refund.refundedAt)
            }
    }

    private static func isNumbered(_ key: String) -> Bool { !key.hasPrefix("at/") }
    private static func hasRecord(_ key: String) -> Bool { key.hasPrefix("record/") }

    private static func folded<Fact: Joinable>(
        _ facts: [String: Fact],
        isNumbered: (String) -> Bool,
        isSame: (Fact, Fact) -> Bool
    ) -> [String: Fact] {
        var folded = facts.filter { isNumbered($0.key) }
        guard !folded.isEmpty, folded.count < facts.count else { return facts }
        let numbered = folded.sorted { $0.key < $1.key }
        var taken: Set<String> = []
        for (key, fact) in facts.sorted(by: { $0.key < $1.key }) where !isNumbered(key) {
            guard let twin = numbered.first(where: { !taken.contains($0.key) && isSame($0.value, fact) }) else {
                folded[key] = fact
                continue
            }
            taken.insert(twin.key)
            folded[twin.key] = twin.value.joined(with: fact)
        }
        return folded
    }
}
