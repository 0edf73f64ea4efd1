import Domain
import Foundation
import Store
import ThriveCart

/// One entry of the books that our ledger does not hold.
struct Finding: Sendable {
    let entry: BookEntry
    let event: CheckoutEvent

    init(_ entry: BookEntry, account: String) throws(ThriveCartError) {
        self.entry = entry
        event = try entry.event(account: account)
    }

    var kind: Discrepancy.Kind {
        switch event.fact {
        case .sale: .sale
        case .payment: .payment
        case .refund: .refund
        case .cancellation: .cancellation
        case .pause: .pause
        case .resume: .resume
        case .planCompleted: .completion
        case .paymentFailed, .cartAbandoned, .customerUpdated, .affiliate, .unknown: .unreadable
        }
    }

    /// Whether a member may lose something by it.
    var takesAway: Bool {
        switch kind {
        case .refund, .cancellation, .pause: true
        default: false
        }
    }

    /// The same whenever it is found. A state has no number, so it is named by what it is about.
    var key: String {
        let mode = entry.mode.rawValue
        if let state = entry.state { return key(of: state) }
        return ["row", mode, entry.record ?? event.deliveryKey].joined(separator: "/")
    }

    /// The key of that its subscription stands so.
    func key(of state: BookEntry.State) -> String {
        ["state", entry.mode.rawValue, event.order?.number ?? "-", item?.description ?? "-", state.rawValue]
            .joined(separator: "/")
    }

    var item: ItemKey? {
        let reference: ItemReference? =
            switch event.fact {
            case .sale(let sale): sale.items.first.map { .exact($0.key) }
            case .payment(let payment): payment.item
            case .refund(let refund): refund.item
            case .cancellation(let cancellation): cancellation.item
            case .pause(let change), .resume(let change), .planCompleted(let change): change.item
            default: nil
            }
        guard case .exact(let key)? = reference else { return nil }
        return key
    }

    func discrepancy(
        of site: Site.ID,
        _ state: Discrepancy.State,
        _ reason: String?,
        event: InboundEvent.ID? = nil,
        at now: Date
    ) -> Discrepancy {
        var discrepancy = Discrepancy(
            site: site,
            provider: .thriveCart,
            mode: entry.mode,
            key: key,
            kind: kind,
            order: self.event.order?.number,
            item: item,
            body: entry.body,
            occurredAt: self.event.occurredAt,
            state: state,
            reason: reason,
            at: now
        )
        discrepancy.event = event
        if state == .healed || state == .ignored { discrepancy.settledAt = now }
        return discrepancy
    }
}

/// What is done about a finding, given what the customer's record says.
enum Confirmation: Sendable {
    /// The record agrees; the finding with what it says of the subscription.
    case confirmed(BookEntry)
    case contradicted(String)
}

extension Finding {
    /// - Parameter customer: nil where the account knows of no order by this address.
    func confirmed(by customer: ThriveCartCustomer?) -> Confirmation {
        guard let customer else { return .contradicted("the account knows no such customer") }
        guard let item, let order = event.order?.number, let holding = customer.holding(of: item, in: order) else {
            return .contradicted("the customer's record holds no such order")
        }
        var entry = entry
        if holding.isSubscription { entry.subscription = holding.entry }
        switch kind {
        case .sale, .payment: return .confirmed(entry)
        case .refund:
            let isRefunded =
                holding.isSubscription || holding.status.contains("refund")
                || (holding.netAmount.map { $0 < holding.amount ?? 0 } ?? false)
            return isRefunded ? .confirmed(entry) : .contradicted("the customer's record shows no refund")
        case .cancellation:
            return ["cancelled", "completed"].contains(holding.status)
                ? .confirmed(entry) : .contradicted("the customer's record says \(Self.known(holding.status))")
        case .pause, .resume, .completion:
            return holding.status == entry.state?.rawValue
                ? .confirmed(entry) : .contradicted("the customer's record says \(Self.known(holding.status))")
        default: return .contradicted("it names no item that we can read")
        }
    }

    /// A word of the API's own, and no other: what comes from outside is not repeated.
    private static func known(_ status: String) -> String {
        BookEntry.State(rawValue: status)?.rawValue ?? "something else"
    }
}

extension BookEntry.State {
    /// Whether the ledger of the item says something else. What was refunded stands apart: it may well be billed on.
    func disagrees(with item: OrderItem, isOnlyItem: Bool) -> Bool {
        guard item.isBought, !item.isRefunded(isOnlyItem: isOnlyItem) else { return false }
        let isOver = item.completedAt != nil
        switch self {
        case .active: return !isOver && item.pauseInForce != nil && item.cancellationInForce == nil
        case .paused: return !isOver && item.pauseInForce == nil && item.cancellationInForce == nil
        case .cancelled: return !isOver && item.cancellationInForce == nil
        case .completed: return !isOver
        }
    }
}

extension Finding {
    /// In the provider's time; in one second what begins comes before what ends.
    static func happenedBefore(_ left: Finding, _ right: Finding) -> Bool {
        let times = (left.event.occurredAt ?? .distantPast, right.event.occurredAt ?? .distantPast)
        if times.0 != times.1 { return times.0 < times.1 }
        let ranks = (left.rank, right.rank)
        return ranks.0 != ranks.1 ? ranks.0 < ranks.1 : left.key < right.key
    }

    private var rank: Int {
        switch kind {
        case .sale: 0
        case .payment: 1
        case .completion, .resume: 2
        case .pause: 3
        case .cancellation: 4
        case .refund: 5
        default: 6
        }
    }
}
