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
        guard let id = order.member, site.grants(in: order.reference.mode), let member = try member(id),
            let (kind, payment) = news(event, of: order.ledger, before: before, at: now, site.policy)
        else { return }
        var facts = MessageFacts()
        facts.member = MessageFacts.Member(member)
        facts.order = MessageFacts.Order(order)
        facts.payment = payment
        try stage(kind, facts, of: site.id, at: now)
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
                item.completedAt == nil
            else { return nil }
            return (.subscriptionCanceled, facts)
        case .planCompleted, .cartAbandoned, .customerUpdated, .affiliate, .unknown:
            return nil
        }
    }
}
