package import Foundation

// Whether a fact is known already, by whatever road it came. Natural keys tell most repeats; a provider's books,
// though, name a renewal by its time where its webhook names it by its invoice. Two such accounts of one item, at about
// the same time, are one fact; each account is one of at most one other, the nearest.

/// What a row of the books is to the ledger.
package enum Acquaintance: Sendable, Hashable {
    /// Held by its own name.
    case held
    /// Held by another name: the ledger has an account of about the same time.
    case explained
    /// Explained, while a row near it is unknown. Unless the ledger holds it by its own name as well, that one would be
    /// taken for it.
    case witness
    case unknown
}

extension Order {
    /// How far two accounts of one fact may lie apart.
    package static let sameFact: TimeInterval = 3600

    /// Whether the ledger holds what `event` tells of this order.
    package func knows(_ event: CheckoutEvent) -> Bool { acquaintance(with: [event]) != [.unknown] }

    /// What each of some events of this order is to the ledger. Those from books must be given together: which account
    /// explains which row is seen only beside its neighbours.
    package func acquaintance(with events: [CheckoutEvent]) -> [Acquaintance] {
        var told: [ItemKey: OrderItem] = [:]
        for event in events {
            if let (key, news) = money(of: event) { told[key, default: OrderItem()].merge(news) }
        }
        var known: [ItemKey: [String: Acquaintance]] = [:]
        for (key, news) in told {
            let item = item(key) ?? OrderItem()
            known[key] = acquaintances(of: news.payments, with: item.payments)
            known[key]?.merge(acquaintances(of: news.refunds, with: item.refunds)) { own, _ in own }
        }
        return events.map { event in
            guard let (item, news) = money(of: event) else { return knowsChange(event) ? .held : .unknown }
            return (news.payments.keys.first ?? news.refunds.keys.first).flatMap { known[item]?[$0] } ?? .unknown
        }
    }

    /// The payment or the refund that an event tells; nil for other events, and for an item that the ledger does not
    /// know.
    private func money(of event: CheckoutEvent) -> (ItemKey, OrderItem)? {
        let reference: ItemReference
        switch event.fact {
        case .payment(let payment): reference = payment.item
        case .refund(let refund): reference = refund.item
        default: return nil
        }
        let key: ItemKey?
        switch reference {
        case .exact(let named): key = named
        case .onlyItem: key = onlyItem
        }
        guard let key, items[key] != nil else { return nil }
        return (key, Order(event, heardAt: event.occurredAt ?? .distantPast).told)
    }

    private func knowsChange(_ event: CheckoutEvent) -> Bool {
        switch event.fact {
        case .sale(let sale): return sale.items.allSatisfy { items[$0.key]?.sale != nil }
        case .paymentFailed(let failure):
            let news = Order(event, heardAt: event.occurredAt ?? .distantPast).told
            return item(failure.item).map { known in news.failures.keys.allSatisfy { known.failures[$0] != nil } }
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
        case .payment, .refund: return false
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
    return abs(left.timeIntervalSince(right)) <= Order.sameFact
}

extension OrderItem {
    /// The renewals that were paid, each once: one that is known by its time only is the one with a number near it.
    package var renewals: [String: ItemPayment] { folded(payments) }

    /// The refunds, each once: one without a record's number is the one with a number near it that has its amount.
    package var distinctRefunds: [String: ItemRefund] { folded(refunds) }

    /// The last thing that is known to have happened to it.
    package var newestMoment: Date {
        let single = [sale?.soldAt, suspension?.at, cancellation?.at, completedAt].compactMap { $0 }
        let many = payments.values.map(\.paidAt) + failures.values.map(\.failedAt) + refunds.values.map(\.refundedAt)
        return (single + many).max() ?? .distantPast
    }
}

// MARK: Two accounts of one fact

/// What may be told twice: with a number, and by its time alone.
private protocol TwiceTold: Joinable {
    var toldAt: Date { get }
    static func isNumbered(_ key: String) -> Bool
    /// Whether nothing but the time can tell it from the other.
    func isAlike(_ other: Self) -> Bool
}

extension ItemPayment: TwiceTold {
    fileprivate var toldAt: Date { paidAt }
    fileprivate static func isNumbered(_ key: String) -> Bool { !key.hasPrefix("at/") }
    fileprivate func isAlike(_ other: Self) -> Bool { true }
}

extension ItemRefund: TwiceTold {
    fileprivate var toldAt: Date { refundedAt }
    fileprivate static func isNumbered(_ key: String) -> Bool { key.hasPrefix("record/") }
    fileprivate func isAlike(_ other: Self) -> Bool { amountGross == other.amountGross }
}

/// Pairs accounts with a number and accounts without that are one fact, the nearest first, each in one pair at most.
private struct Twins {
    private(set) var otherOfNumbered: [String: String] = [:]
    private(set) var numberedOfOther: [String: String] = [:]

    /// - Parameter canPair: false where two accounts are known to be two facts.
    init<Fact: TwiceTold>(_ facts: [String: Fact], canPair: (String, String) -> Bool = { _, _ in true }) {
        let sorted = facts.sorted { ($0.value.toldAt, $0.key) < ($1.value.toldAt, $1.key) }
        let numbered = sorted.filter { Fact.isNumbered($0.key) }
        guard !numbered.isEmpty, numbered.count < sorted.count else { return }
        var pairs: [(distance: TimeInterval, numbered: String, other: String)] = []
        var first = 0
        for (other, fact) in sorted where !Fact.isNumbered(other) {
            while first < numbered.count, fact.toldAt.timeIntervalSince(numbered[first].value.toldAt) > Order.sameFact {
                first += 1
            }
            for (key, twin) in numbered[first...] {
                let distance = twin.toldAt.timeIntervalSince(fact.toldAt)
                if distance > Order.sameFact { break }
                if twin.isAlike(fact), canPair(key, other) { pairs.append((abs(distance), key, other)) }
            }
        }
        for (_, key, other) in pairs.sorted(by: <)
        where otherOfNumbered[key] == nil && numberedOfOther[other] == nil {
            otherOfNumbered[key] = other
            numberedOfOther[other] = key
        }
    }

    func twin(of key: String) -> String? { otherOfNumbered[key] ?? numberedOfOther[key] }
}

private func acquaintances<Fact: TwiceTold>(
    of told: [String: Fact],
    with held: [String: Fact]
) -> [String: Acquaintance] {
    // Because two rows of one book are two facts.
    let twins = Twins(held.merging(told) { own, _ in own }) { held[$0] != nil || held[$1] != nil }
    var known: [String: Acquaintance] = [:]
    for key in told.keys {
        known[key] = held[key] != nil ? .held : twins.twin(of: key) != nil ? .explained : .unknown
    }
    let unknown = told.filter { known[$0.key] == .unknown }.values
    for (key, fact) in told where known[key] == .explained {
        if unknown.contains(where: { isNear($0.toldAt, fact.toldAt) && $0.isAlike(fact) }) { known[key] = .witness }
    }
    return known
}

private func folded<Fact: TwiceTold>(_ facts: [String: Fact]) -> [String: Fact] {
    let twins = Twins(facts)
    var folded = facts
    for (other, numbered) in twins.numberedOfOther {
        guard let fact = folded.removeValue(forKey: other) else { continue }
        folded[numbered] = folded[numbered]?.joined(with: fact)
    }
    return folded
}
