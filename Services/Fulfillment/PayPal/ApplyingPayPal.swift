import Domain
import Foundation
import PayPal
import Postgres
import Sealing
import Store

extension Transaction {
    /// Applies an event as far as it can be without asking PayPal, and says what is to be asked.
    ///
    /// An event that was settled is `.known`; one whose transaction was committed half-way goes on where it stood.
    func apply(
        _ delivery: PayPalDelivery,
        knowing findings: PayPalFindings,
        sealer: Sealer,
        at now: Date
    ) throws -> PayPalStep {
        let before = try keep(delivery.record)
        if let before, before.isSettled, delivery.record.source != .replay { return .known }
        guard let event = delivery.event else {
            return try settled(delivery, .flagged("unreadable"), Audience(), at: now)
        }
        if let news = event.newsKey,
            try !claimNews(event.type, of: news.resource, news.state, for: event.id)
        {
            return try settled(delivery, .known, Audience(), at: now)
        }

        let effect: Effect
        switch event.fact {
        case .capture(let fact):
            effect = try captured(fact, event, delivery, at: now)
        case .refund(let fact):
            effect = try refunded(fact, event, delivery, knowing: findings, sealer: sealer, at: now)
        case .refundChanged(let fact):
            effect = try refundChanged(fact, event, delivery, at: now)
        case .order(let order):
            effect = try orderChanged(order, event, delivery, at: now)
        case .onboarded(let account, let trackingID):
            effect = try onboarded(account, trackingID, delivery, knowing: findings, sealer: sealer, at: now)
        case .consentRevoked(let account):
            effect = try consentRevoked(account, delivery, at: now)
        case .vaultTokenMade(let token, let orderID):
            effect = try vaultTokenMade(token, orderID: orderID, sealer: sealer)
        case .vaultTokenGone(let token):
            effect = try vaultTokenGone(token)
        case .dispute(let captures):
            effect = try dispute(captures, delivery)
        case .other:
            effect = try passedOn(event, delivery)
        }
        switch effect {
        case .ask(let question): return .ask(question)
        case .tooEarly: return .tooEarly
        case .told(let audience): return try settled(delivery, .applied, audience, at: now)
        case .nobody(let verdict): return try settled(delivery, verdict, Audience(), at: now)
        }
    }

    private func settled(
        _ delivery: PayPalDelivery,
        _ verdict: Verdict,
        _ audience: Audience,
        at now: Date
    ) throws -> PayPalStep {
        var verdict = verdict
        switch delivery.forward(to: audience) {
        case .success(let forward):
            for merchant in audience.merchants { try stageForward(forward, to: merchant, at: now) }
        case .failure(let quarantine):
            // What can't be passed on safely waits for a person; its effects stand.
            if delivery.event != nil { verdict = .flagged("quarantined: \(quarantine)") }
        }
        try settle(
            delivery.id,
            verdict,
            merchant: audience.merchants.count == 1 ? audience.merchants.first : nil,
            subscription: audience.subscription?.id,
            at: now
        )
        return .kept(verdict)
    }

    // MARK: Payments

    private func captured(
        _ fact: PayPalEvent.CaptureFact,
        _ event: PayPalEvent,
        _ delivery: PayPalDelivery,
        at now: Date
    ) throws -> Effect {
        let found = try correlate(
            order: fact.orderID,
            capture: fact.id,
            customID: fact.customID,
            account: event.account,
            delivery
        )
        guard !found.merchants.isEmpty else { return found.nobody(delivery, at: now) }
        let orderID = fact.orderID ?? found.order?.id
        try keep(fact, found, delivery, at: now)
        var audience = found.audience(subject: orderID ?? fact.id)
        // Because shops take a capture with their own id for a renewal, and a denied one for something that is charged again
        // by itself: a first payment is neither. Source: the Product API document, "Webhook event catalog".
        audience.isAnnotated = !found.isFirstPayment(order: orderID, customID: fact.customID)
        return .told(audience)
    }

    /// Writes a capture down where it is clear whose it is. The state never goes back, in whatever order events come.
    func keep(
        _ fact: PayPalEvent.CaptureFact,
        _ found: Correlation,
        _ delivery: PayPalDelivery,
        at now: Date
    ) throws {
        guard let merchant = found.only, let amount = fact.amount else { return }
        let knownOrder = fact.orderID ?? found.order?.id
        if let customID = fact.customID {
            // A renewal learns what became of it, although the answer to whoever charged it may have been lost.
            try learnOfCharge(
                customID: customID,
                invoiceID: fact.invoiceID,
                amount: amount,
                of: merchant.id,
                fact.known(order: knownOrder),
                at: now
            )
        }
        guard let orderID = knownOrder else { return }
        let order = PayPalOrder(
            id: orderID,
            merchant: merchant.id,
            subscription: found.subscription?.id,
            status: fact.status == .completed ? "COMPLETED" : found.order?.status ?? "APPROVED",
            amount: found.order?.amount ?? amount,
            customID: fact.customID,
            invoiceID: fact.invoiceID,
            createdAt: found.order?.createdAt ?? delivery.happenedAt
        )
        guard try save(order, at: now) else { return }
        try save(
            PayPalCapture(
                id: fact.id,
                merchant: merchant.id,
                order: orderID,
                subscription: found.subscription?.id,
                status: fact.status,
                amount: amount,
                createdAt: delivery.happenedAt
            ),
            at: now
        )
        if fact.status != .pending { try clearCapturing(orderID, of: merchant.id, at: now) }
    }

    private func orderChanged(
        _ answer: OrderAnswer,
        _ event: PayPalEvent,
        _ delivery: PayPalDelivery,
        at now: Date
    ) throws -> Effect {
        let found = try correlate(
            order: answer.id,
            capture: nil,
            customID: answer.customID,
            account: event.account,
            delivery
        )
        guard !found.merchants.isEmpty else { return found.nobody(delivery, at: now) }
        if var order = found.order, order.status != "COMPLETED", !answer.status.isEmpty {
            order.status = answer.status
            _ = try save(order, at: now)
        }
        for capture in answer.captures {
            guard let status = PayPalCapture.Status(rawValue: capture.status) else { continue }
            let fact = PayPalEvent.CaptureFact(capture, status: status, orderID: answer.id)
            try keep(fact, found, delivery, at: now)
        }
        return .told(found.audience(subject: answer.id))
    }

    // MARK: Without a consequence

    private func dispute(_ captures: [String], _ delivery: PayPalDelivery) throws -> Effect {
        for capture in captures {
            let found = try correlate(order: nil, capture: capture, customID: nil, account: nil, delivery)
            if !found.merchants.isEmpty { return .told(found.audience(subject: found.order?.id ?? capture)) }
        }
        return .nobody(.flagged("no-merchant"))
    }

    /// Without an effect, to whoever it is about.
    func passedOn(_ event: PayPalEvent, _ delivery: PayPalDelivery) throws -> Effect {
        let found = try correlate(
            order: event.resource["supplementary_data"]["related_ids"]["order_id"].string,
            capture: event.resource["id"].string,
            customID: nil,
            account: event.account,
            delivery
        )
        guard !found.merchants.isEmpty else { return .nobody(.ignored("no-merchant")) }
        return .told(found.audience(subject: found.order?.id))
    }
}

extension PayPalEvent.CaptureFact {
    /// What is so for good, or under way.
    fileprivate func known(order: String?) -> ChargeFact {
        switch status {
        case .completed, .partiallyRefunded, .refunded, .reversed: .captured(id: id, order: order)
        case .pending: .settling(order: order)
        case .declined, .failed:
            .declined(ChargeDecline(fault: .buyer, issue: "CAPTURE_\(status.rawValue)", advice: .init(processor)))
        }
    }
}

extension ChargeDecline.Advice {
    fileprivate init(_ processor: ProcessorAnswer) {
        switch Decline.advice(of: processor) {
        case .retry: self = .anytime
        case .retryAfter(let pause): self = .after(Double(pause.components.seconds))
        case .never: self = .never
        }
    }
}
