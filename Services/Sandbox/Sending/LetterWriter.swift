internal import Domain
internal import ThriveCart

/// Tells what happened in ThriveCart's words: in those of the account's webhooks and in those of Event Subscriptions.
struct LetterWriter: Sendable {
    let account: String
    private let secret: String

    init(account: String, secret: String) {
        self.account = account
        self.secret = secret
    }

    private var seller: SimulatedSeller { SimulatedSeller(account: account, secret: secret) }

    // MARK: Orders

    func letters(about event: ShopEvent) -> [Letter] {
        let id = event.order.id
        let order = simulated(event.order)
        guard let line = event.item else {
            let sale = ThriveCartPost.sale(order)
            let parts = event.order.items.map { "order_payment_\($0.key.kind.rawValue)" }
            return [account(sale, id), subscribed(sale, id)] + parts.map { subscribed(sale, id, as: $0) }
        }
        if event.kind == .completion {
            return [subscribed(payment(of: line, in: order, event), id, as: "order_rebill_completed")]
        }
        guard let post = post(about: event, line, in: order) else { return [] }
        return [account(post, id), subscribed(post, id)]
    }

    /// Nil for what `letters(about:)` tells itself.
    private func post(about event: ShopEvent, _ line: OrderedItem, in order: SimulatedOrder) -> ThriveCartPost? {
        let item = simulated(line)
        let time = event.occurredAt
        let paidUntil = line.subscription?.nextDue ?? time
        return switch event.kind {
        case .sale, .completion: nil
        case .payment: payment(of: line, in: order, event)
        case .decline: .decline((line.subscription?.rebills ?? 0) + 1, of: counted(line), in: order, at: time)
        case .cancellation:
            .cancellation(of: item, in: order, at: time, periodEnd: paidUntil, record: event.recordID)
        case .pause: .pause(of: item, in: order, at: time, periodEnd: paidUntil)
        case .resume: .resume(of: item, in: order, at: time, nextDue: paidUntil)
        case .refund(let amount): .refund(amount, of: item, in: order, at: time, record: event.recordID)
        }
    }

    private func payment(of line: OrderedItem, in order: SimulatedOrder, _ event: ShopEvent) -> ThriveCartPost {
        .renewal(
            line.subscription?.rebills ?? 0,
            of: counted(line),
            in: order,
            at: event.occurredAt,
            nextDue: line.subscription?.isOver == true ? nil : line.subscription?.nextDue,
            record: event.recordID
        )
    }

    // MARK: Carts

    func letters(about cart: LeftCart) -> [Letter] {
        let post = ThriveCartPost.abandonment(
            SimulatedCart(
                seller: seller,
                buyer: simulated(cart.buyer),
                product: simulated(cart.product),
                leftAt: cart.leftAt
            )
        )
        return [account(post, nil), subscribed(post, nil)]
    }

    // MARK: The two surfaces

    private func account(_ post: ThriveCartPost, _ order: String?) -> Letter {
        Letter(order: order, surface: .account, event: post.event) { encoding, webhookID in
            var post = post
            post.set("webhook_id", .text(webhookID))
            return encoding == .json ? post.jsonBody : post.formBody
        }
    }

    private func subscribed(_ post: ThriveCartPost, _ order: String?, as name: String? = nil) -> Letter {
        let event = post.subscribed(webhook: "", name: name).event
        return Letter(order: order, surface: .subscription, event: event) { _, webhookID in
            post.subscribed(webhook: webhookID, name: name).jsonBody
        }
    }

    // MARK: The books in ThriveCart's terms

    private func simulated(_ order: ShopOrder) -> SimulatedOrder {
        var buyer = simulated(order.buyer)
        // Only somebody who pays, now or later, is known to the processor.
        if order.total == 0, order.items.allSatisfy({ $0.subscription == nil }) { buyer.processorNumber = nil }
        var simulated = SimulatedOrder(
            seller: seller,
            mode: order.mode,
            number: order.id,
            invoice: order.invoice,
            placedAt: order.placedAt,
            buyer: buyer,
            items: order.items.map(simulated)
        )
        simulated.currency = order.currency
        return simulated
    }

    private func simulated(_ buyer: ShopBuyer) -> SimulatedBuyer {
        var simulated = SimulatedBuyer(
            email: buyer.email,
            firstName: buyer.firstName,
            lastName: buyer.lastName,
            number: buyer.customerID,
            processorNumber: "cus_\(buyer.customerID)"
        )
        simulated.country = buyer.country
        return simulated
    }

    private func simulated(_ line: OrderedItem) -> SimulatedItem {
        var item = SimulatedItem(line.key, name: line.name, price: line.plan.dueNow)
        item.planNumber = line.plan.number
        item.planName = line.plan.label
        item.subscription = line.subscription.map { subscription in
            var simulated = SimulatedSubscription(
                number: subscription.number,
                processorNumber: subscription.processorID,
                price: line.plan.price,
                frequency: subscription.frequency,
                firstDue: subscription.nextDue,
                renewals: subscription.remaining
            )
            simulated.isFreeTrial = subscription.state == .trialing
            return simulated
        }
        return item
    }

    /// The item for posts that count down from all of its renewals, those paid among them.
    private func counted(_ line: OrderedItem) -> SimulatedItem {
        var item = simulated(line)
        if let subscription = line.subscription, let remaining = subscription.remaining {
            item.subscription?.renewals = remaining + subscription.rebills
        }
        return item
    }
}
