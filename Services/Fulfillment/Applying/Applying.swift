package import Domain
package import Foundation
package import Postgres
package import Store

extension Transaction {
    /// Applies a delivery with all its effects, or, rolled back, with none.
    ///
    /// The same delivery again is `.known`; the same fact by another road is merged into the ledger and changes nothing
    /// that was known. Two at once for one order, or for one new member, wait for each other. Source: rules B1 to B3.
    /// - Parameter now: our clock while it is applied.
    package func apply(_ delivery: InboundDelivery, at now: Date) throws -> Applied {
        guard let site = try site(delivery.site) else { return .noSite }
        let event = try delivery.event(of: site)
        guard let (id, before) = try keep(event, delivery, at: now) else { return .known }

        var verdict: Verdict
        if let reference = event.order {
            verdict = try apply(event, to: reference, as: id, delivery, of: site, at: now)
        } else {
            verdict = try applyWithoutOrder(event, of: site, receivedAt: delivery.receivedAt, at: now)
        }
        // A replay finds its own effects, which does not make them another's.
        if before == .applied, verdict == .known { verdict = .applied }
        try settle(id, verdict, remarks: event.remarks, at: now)
        return .kept(id, verdict)
    }

    /// The event, with its status if it was applied before. Nil when the delivery is done with: one that failed may be
    /// tried again, and one that is replayed.
    private func keep(
        _ event: CheckoutEvent,
        _ delivery: InboundDelivery,
        at now: Date
    ) throws -> (id: InboundEvent.ID, before: InboundEvent.Status?)? {
        let record = delivery.record(event, at: now)
        if let kept = try insert(record, at: now) { return (kept, nil) }
        guard let known = try lockInboundEvent(event.deliveryKey, from: delivery.provider, of: delivery.site),
            known.status == .failed || delivery.source == .replay
        else { return nil }
        try reread(known.id, as: record)
        return (known.id, known.status)
    }

    /// Keeps a delivery that could not be applied, where an operator looks for it. Its effects were rolled back.
    ///
    /// One that is kept already, and was never applied, tells why it failed last: so a replay that fails is seen to.
    package func keepFailed(_ delivery: InboundDelivery, _ reason: String, at now: Date) throws {
        guard let site = try site(delivery.site) else { return }
        let record = delivery.record(try delivery.event(of: site), at: now)
        if let id = try insert(record, at: now) { return try settle(id, .failed(reason), at: now) }
        guard let known = try lockInboundEvent(record.deliveryKey, from: delivery.provider, of: delivery.site),
            known.status != .applied
        else { return }
        try settle(known.id, .failed(reason), at: now)
    }

    // MARK: About an order

    private func apply(
        _ event: CheckoutEvent,
        to reference: OrderReference,
        as id: InboundEvent.ID,
        _ delivery: InboundDelivery,
        of site: Site,
        at now: Date
    ) throws -> Verdict {
        var order = try lockOrderWithCustomers(reference, buyer: event.buyer, of: site.id, at: now)
        let before = order.ledger
        let news = Order(event, heardAt: delivery.receivedAt)
        order.ledger.merge(news)
        let keys = event.naturalKeys(onlyItem: order.ledger.onlyItem)
        let claimed = try claim(keys, for: id, of: site.id, at: now)
        try save(&order, touchedBy: news, at: now)

        let cause = Cause(
            Cause.Source(delivery.source),
            event.name,
            event: id,
            naturalKey: keys.first?.text,
            occurredAt: event.occurredAt,
            at: now
        )
        let plans = try settle(
            &order,
            formerCustomer: before.buyers.values.customer,
            buyersChanged: before.buyers.mapValues(\.firstSeenAt) != order.ledger.buyers.mapValues(\.firstSeenAt),
            of: site,
            cause
        )
        // Without a key of its own, a fact is news when the ledger learned something. Money that came by another road,
        // under another key, is no news.
        let isNews = keys.isEmpty ? order.ledger != before : !claimed.isEmpty && !before.knowsMoney(of: event)
        if isNews { try tell(event, of: order, before: before, of: site, at: now) }
        var isOwn = isNews
        if !isNews, delivery.source == .replay { isOwn = try keys.isEmpty || isClaimed(any: keys, by: id, of: site.id) }
        return verdict(on: event, of: order, opens: !plans.isEmpty, isOwn: isOwn, of: site)
    }

    /// - Parameter isOwn: whether this event told the fact first.
    private func verdict(
        on event: CheckoutEvent,
        of order: StoredOrder,
        opens: Bool,
        isOwn: Bool,
        of site: Site
    ) -> Verdict {
        guard site.grants(in: order.reference.mode) else {
            return .flagged(event.remarks.contains(.modeContradiction) ? "mode-contradiction" : "test-mode")
        }
        guard opens || order.ledger.items.isEmpty else { return .flagged("unmapped") }
        if order.member == nil, order.ledger.buyers.values.newestEmail == nil { return .flagged("no-email") }
        if order.ledger.onlyItem == nil, event.isAboutOnlyItem { return .flagged(OrderFlag.itemUnclear.rawValue) }
        return isOwn ? .applied : .known
    }

    // MARK: About none

    private func applyWithoutOrder(
        _ event: CheckoutEvent,
        of site: Site,
        receivedAt: Date,
        at now: Date
    ) throws -> Verdict {
        switch event.fact {
        case .cartAbandoned(let cart):
            guard let email = event.buyer?.email else { return .flagged(CheckoutRemark.noEmail.rawValue) }
            return try capture(cart, of: email, event, of: site, receivedAt: receivedAt, at: now)
        case .customerUpdated, .affiliate:
            return .ignored("recorded")
        default:
            let remark = event.remarks.subtracting([.untimed]).map(\.rawValue).min()
            return .flagged(remark ?? "unknown-event")
        }
    }

    private func capture(
        _ cart: AbandonedCart,
        of email: EmailAddress,
        _ event: CheckoutEvent,
        of site: Site,
        receivedAt: Date,
        at now: Date
    ) throws -> Verdict {
        let lead = Lead(
            id: .new(at: now),
            site: site.id,
            email: email,
            firstName: event.buyer?.firstName,
            lastName: event.buyer?.lastName,
            item: cart.item,
            abandonedAt: event.occurredAt ?? receivedAt.inWholeSeconds,
            status: .open
        )
        let key = event.naturalKeys().first?.text ?? "delivery/\(event.deliveryKey)"
        guard try insert(lead, key: key, at: now) else { return .known }
        try refreshLeads(of: [email.normalized], of: site.id, at: now)
        guard let kept = try self.lead(lead.id), kept.status == .open else { return .applied }
        var facts = MessageFacts()
        facts.lead = MessageFacts.Lead(kept)
        try stage(.leadCaptured, facts, of: site.id, at: now)
        return .applied
    }
}

extension Cause.Source {
    fileprivate init(_ source: InboundEvent.Source) {
        self =
            switch source {
            case .webhook: .webhook
            case .reconciliation: .reconciliation
            case .replay: .replay
            }
    }
}

extension Order {
    fileprivate func knowsMoney(of event: CheckoutEvent) -> Bool {
        switch event.fact {
        case .payment, .refund: knows(event)
        default: false
        }
    }
}

extension CheckoutEvent {
    /// Whether it names no item of its order.
    fileprivate var isAboutOnlyItem: Bool {
        switch fact {
        case .payment(let payment): payment.item == .onlyItem
        case .paymentFailed(let failure): failure.item == .onlyItem
        case .cancellation(let cancellation): cancellation.item == .onlyItem
        case .pause(let change), .resume(let change), .planCompleted(let change): change.item == .onlyItem
        case .refund(let refund): refund.item == .onlyItem
        case .sale, .cartAbandoned, .customerUpdated, .affiliate, .unknown: false
        }
    }
}
