package import Domain
internal import Foundation

/// The shop's books: every order and what became of it, in memory only.
///
/// Each entry answers with the events that a real shop would tell, in the order in which it would tell them.
package actor Ledger {
    package let catalogue: Catalogue
    package private(set) var orders: [ShopOrder] = []
    private let clock: ShopClock
    private var numbers: ShopNumbers
    /// Orders that are kept; the oldest is forgotten first.
    private let limit: Int

    package init(catalogue: Catalogue = .demo, clock: ShopClock, numbers: ShopNumbers, limit: Int = 2000) {
        self.catalogue = catalogue
        self.limit = limit
        self.clock = clock
        self.numbers = numbers
    }

    package func order(_ id: String) throws(ShopError) -> ShopOrder {
        // What is asked for is mostly new.
        guard let order = orders.last(where: { $0.id == id }) else { throw .unknownOrder }
        return order
    }

    /// Closes the books and opens new ones; numbers go on.
    package func reset() {
        orders = []
    }

    // MARK: Buying, or not

    package func buy(_ cart: Cart) throws(ShopError) -> (order: ShopOrder, events: [ShopEvent]) {
        let now = clock.now
        let items = try cart.lines(in: catalogue).map { line(for: $0.offer, on: $0.plan, at: now) }
        let number = numbers.nextOrder()
        let order = ShopOrder(
            id: number.order,
            invoice: number.invoice,
            buyer: buyer(of: cart),
            mode: cart.mode,
            currency: catalogue.currency,
            placedAt: now,
            items: items,
            newestEvent: now
        )
        orders.append(order)
        if orders.count > limit { orders.removeFirst() }
        return (order, [event(.sale, order, at: now)])
    }

    package func abandon(_ cart: Cart) throws(ShopError) -> LeftCart {
        let lines = try cart.lines(in: catalogue)
        let product = lines.first { $0.offer.key.kind == .product } ?? lines[0]
        let now = clock.now
        return LeftCart(
            buyer: buyer(of: cart),
            product: line(for: product.offer, on: product.plan, at: now),
            leftAt: now
        )
    }

    private func line(for offer: Offer, on plan: PricePlan, at now: Date) -> OrderedItem {
        OrderedItem(
            key: offer.key,
            name: offer.name,
            plan: plan,
            paid: plan.dueNow,
            refunded: 0,
            subscription: subscription(to: plan, from: now)
        )
    }

    private func subscription(to plan: PricePlan, from now: Date) -> ShopSubscription? {
        guard let frequency = plan.billing.frequency else { return nil }
        var subscription = ShopSubscription(
            number: numbers.nextSubscription(),
            frequency: frequency,
            state: .active,
            anchor: now,
            intervals: 1,
            rebills: 0,
            remaining: nil,
            declines: 0
        )
        switch plan.billing {
        case .recurring(_, let trialDays) where trialDays > 0:
            subscription.state = .trialing
            subscription.anchor = now.addingTimeInterval(Double(trialDays) * 86_400)
            subscription.intervals = 0
        case .instalments(let payments, _):
            subscription.remaining = payments - 1
        case .recurring, .once: break
        }
        return subscription
    }

    private func buyer(of cart: Cart) -> ShopBuyer {
        ShopBuyer(
            email: cart.email,
            firstName: cart.firstName,
            lastName: cart.lastName,
            country: cart.country,
            customerID: ShopNumbers.customer(cart.email)
        )
    }

    // MARK: What happens to a subscription

    /// Takes the payment that is due; one that is not due yet is dated on its due day.
    package func renew(_ id: String, _ item: ItemKey?) throws(ShopError) -> [ShopEvent] {
        try change(id, item) { subscription throws(ShopError) in
            guard !subscription.isOver else { throw .notPossible("the subscription has ended") }
            guard subscription.state != .paused else { throw .notPossible("the subscription is paused") }
            return .paying(notBefore: subscription.nextDue)
        }
    }

    /// The bank says no to the payment that is due. The subscription stays past due until one succeeds.
    package func decline(_ id: String, _ item: ItemKey?) throws(ShopError) -> [ShopEvent] {
        try change(id, item) { subscription throws(ShopError) in
            guard !subscription.isOver else { throw .notPossible("the subscription has ended") }
            guard subscription.state != .paused else { throw .notPossible("the subscription is paused") }
            subscription.state = .pastDue
            subscription.declines += 1
            return .telling(.decline, notBefore: subscription.nextDue)
        }
    }

    package func cancel(_ id: String, _ item: ItemKey?) throws(ShopError) -> [ShopEvent] {
        try change(id, item) { subscription throws(ShopError) in
            guard !subscription.isOver else { throw .notPossible("the subscription has ended") }
            subscription.state = .canceled
            return .telling(.cancellation)
        }
    }

    package func pause(_ id: String, _ item: ItemKey?) throws(ShopError) -> [ShopEvent] {
        try change(id, item) { subscription throws(ShopError) in
            guard !subscription.isOver else { throw .notPossible("the subscription has ended") }
            guard subscription.state != .paused else { throw .notPossible("the subscription is paused already") }
            subscription.state = .paused
            return .telling(.pause)
        }
    }

    /// On Stripe a resumed subscription is a new one: it is charged at once, and its period begins anew.
    package func resume(_ id: String, _ item: ItemKey?) throws(ShopError) -> [ShopEvent] {
        let now = max(clock.now, try order(id).nextMoment)
        return try change(id, item) { subscription throws(ShopError) in
            guard subscription.state == .paused else { throw .notPossible("the subscription is not paused") }
            subscription.state = .active
            subscription.resumes += 1
            subscription.paidBefore = subscription.paidUntil
            subscription.anchor = now
            subscription.intervals = 0
            return .tellingThenPaying(.resume)
        }
    }

    /// Money back for one item, all that is left of it where no amount is named.
    package func refund(_ id: String, _ item: ItemKey?, amount: Int64?) throws(ShopError) -> [ShopEvent] {
        let (at, position) = try find(id, item)
        let line = orders[at].items[position]
        let amount = amount ?? line.refundable
        guard line.refundable > 0 else { throw .notPossible("nothing of it is left to refund") }
        guard amount > 0, amount <= line.refundable else {
            throw .notPossible("that is more than was paid, or nothing")
        }
        orders[at].items[position].refunded += amount
        return [tell(.refund(amount), at, position, notBefore: clock.now)]
    }

    // MARK: How a change is entered

    private enum Consequence {
        case telling(ShopEvent.Kind, notBefore: Date = .distantPast)
        case paying(notBefore: Date)
        case tellingThenPaying(ShopEvent.Kind)
    }

    private func change(
        _ id: String,
        _ item: ItemKey?,
        _ body: (inout ShopSubscription) throws(ShopError) -> Consequence
    ) throws(ShopError) -> [ShopEvent] {
        let (at, position) = try find(id, item, renewing: true)
        guard var subscription = orders[at].items[position].subscription else { throw .notASubscription }
        let consequence = try body(&subscription)
        orders[at].items[position].subscription = subscription
        switch consequence {
        case .telling(let kind, let notBefore): return [tell(kind, at, position, notBefore: notBefore)]
        case .paying(let notBefore): return pay(at, position, notBefore: notBefore)
        case .tellingThenPaying(let kind):
            return [tell(kind, at, position, notBefore: .distantPast)] + pay(at, position, notBefore: .distantPast)
        }
    }

    private func pay(_ at: Int, _ position: Int, notBefore: Date) -> [ShopEvent] {
        orders[at].items[position].paid += orders[at].items[position].plan.price
        orders[at].items[position].subscription?.recordPayment()
        let payment = tell(.payment, at, position, notBefore: notBefore)
        guard orders[at].items[position].subscription?.state == .completed else { return [payment] }
        return [payment, tell(.completion, at, position, notBefore: payment.occurredAt)]
    }

    private func tell(_ kind: ShopEvent.Kind, _ at: Int, _ position: Int, notBefore: Date) -> ShopEvent {
        let time = max(clock.now, notBefore, orders[at].nextMoment)
        orders[at].newestEvent = time
        return event(kind, orders[at], orders[at].items[position], at: time)
    }

    private func event(_ kind: ShopEvent.Kind, _ order: ShopOrder, _ item: OrderedItem? = nil, at time: Date)
        -> ShopEvent
    {
        ShopEvent(kind: kind, order: order, item: item, occurredAt: time, recordID: numbers.nextRecord())
    }

    /// The item that is named, else the order's only one, or its only subscription.
    private func find(_ id: String, _ item: ItemKey?, renewing: Bool = false) throws(ShopError) -> (Int, Int) {
        guard let at = orders.lastIndex(where: { $0.id == id }) else { throw .unknownOrder }
        let items = orders[at].items
        let matching = items.indices.filter { index in
            item.map { items[index].key == $0 } ?? (!renewing || items[index].subscription != nil)
        }
        guard let position = matching.first else { throw item == nil ? .notASubscription : .unknownItem }
        guard matching.count == 1 else { throw .whichItem }
        return (at, position)
    }
}

extension ShopSubscription {
    fileprivate mutating func recordPayment() {
        rebills += 1
        intervals += 1
        declines = 0
        remaining = remaining.map { max(0, $0 - 1) }
        state = remaining == 0 ? .completed : .active
    }
}
