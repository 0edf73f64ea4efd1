import Domain
import Foundation
import Postgres
import Store

extension Transaction {
    /// Stages what an event of an order tells others, once: the caller knows that it is news.
    ///
    /// Orders that open nothing, and rehearsals, tell nobody.
    func tell(
        _ event: CheckoutEvent,
        of order: StoredOrder,
        before: Order,
        of site: Site,
        at now: Date
    ) throws {
        guard let id = order.member, site.grants(in: order.reference.mode), let member = try member(id) else { return }
        var facts = MessageFacts()
        facts.member = MessageFacts.Member(member)
        facts.order = MessageFacts.Order(order)
        var told: [(Message.Kind, MessageFacts.Payment)] = []
        if let news = news(event, of: order.ledger, before: before, at: now, site.policy) { told.append(news) }
        for (key, item) in order.ledger.items.sorted(by: { $0.key < $1.key })
        where item.isBought && before.item(key)?.isBought != true {
            told += withheld(key, item, at: now, site.policy)
        }
        for (kind, payment) in told {
            facts.payment = payment
            try stage(kind, facts, of: site.id, at: now)
        }
    }

    /// What came before there was anything to say it of: a refund, say, that overtook its sale.
    private func withheld(
        _ key: ItemKey,
        _ item: OrderItem,
        at now: Date,
        _ policy: AccessPolicy
    ) -> [(Message.Kind, MessageFacts.Payment)] {
        let facts = MessageFacts.Payment(item: key, paidThrough: item.paidThrough)
        var told: [(Message.Kind, MessageFacts.Payment)] = []
        if item.access(at: now, policy: policy).status == .pastDue { told.append((.subscriptionPastDue, facts)) }
        if item.pauseInForce != nil { told.append((.subscriptionPaused, facts)) }
        if item.cancellationInForce != nil, item.completedAt == nil { told.append((.subscriptionCanceled, facts)) }
        for refund in item.refunds.values.sorted(by: { $0.refundedAt < $1.refundedAt }) {
            var refunded = facts
            refunded.amountGross = refund.amountGross
            refunded.invoice = refund.invoice
            told.append((.orderRefunded, refunded))
        }
        return told
    }

    /// A decline, a pause and the like are told only where they stand: a stale one changed nothing.
    private func news(
        _ event: CheckoutEvent,
        of order: Order,
        before: Order,
        at now: Date,
        _ policy: AccessPolicy
    ) -> (Message.Kind, MessageFacts.Payment)? {
        func about(_ reference: ItemReference) -> (item: OrderItem, facts: MessageFacts.Payment)? {
            let key =
                switch reference {
                case .exact(let key): key
                case .onlyItem: order.onlyItem
                }
            guard let key, let item = order.item(key), item.isBought else { return nil }
            return (item, MessageFacts.Payment(item: key, paidThrough: item.paidThrough))
        }

        switch event.fact {
        case .sale(let sale):
            guard before.sale == nil else { return nil }
            return (.orderPaid, MessageFacts.Payment(amountGross: sale.totalGross, invoice: sale.invoice))
        case .payment(let payment):
            guard var (_, facts) = about(payment.item) else { return nil }
            facts.amountGross = payment.amountGross
            facts.invoice = payment.invoice
            return (.subscriptionRenewed, facts)
        case .paymentFailed(let failure):
            guard let (item, told) = about(failure.item), item.access(at: now, policy: policy).status == .pastDue
            else { return nil }
            var facts = told
            facts.invoice = failure.invoice
            return (.subscriptionPastDue, facts)
        case .refund(let refund):
            guard var (_, facts) = about(refund.item) else { return nil }
            facts.amountGross = refund.amountGross
            facts.invoice = refund.invoice
            return (.orderRefunded, facts)
        case .pause(let change):
            guard let (item, facts) = about(change.item), item.pauseInForce != nil else { return nil }
            return (.subscriptionPaused, facts)
        case .resume(let change):
            guard let (item, facts) = about(change.item), item.suspension?.kind == .resumed else { return nil }
            return (.subscriptionResumed, facts)
        case .cancellation(let cancellation):
            guard let (item, facts) = about(cancellation.item), item.cancellationInForce != nil,
                item.completedAt == nil, !before.knows(event)
            else { return nil }
            return (.subscriptionCanceled, facts)
        case .planCompleted, .cartAbandoned, .customerUpdated, .affiliate, .unknown:
            return nil
        }
    }
}
