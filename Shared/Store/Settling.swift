package import Domain
package import Foundation
package import Postgres

// What must follow from an order's ledger, whatever made it grow: a webhook, a plan that was linked, another policy.
// The decisions are Domain's; here they are compared with what is kept, and each difference is written, audited and told.

extension Transaction {
    /// Settles whose order it is, what it opens and what a person should look at, with audit rows and messages.
    ///
    /// Doing it twice changes nothing. The order must be locked, and its customers before it.
    /// - Parameters:
    ///   - order: its ledger as it was saved.
    ///   - formerCustomer: whose order it was taken for until now.
    ///   - buyersChanged: false where nothing new was said of the buyer; saves the looking.
    /// - Returns: the plans that its items open, whether or not they were bought.
    @discardableResult
    package func settle(
        _ order: inout StoredOrder,
        formerCustomer: String? = nil,
        buyersChanged: Bool,
        of site: Site,
        _ cause: Cause
    ) throws(PostgresError) -> [Plan] {
        try lockMapping(of: site.id, for: .reading)
        let plans = try plans(openedBy: Set(order.ledger.items.keys), of: site.id)
        let opening = plans.reduce(into: Set<ItemKey>()) { $0.formUnion($1.items) }
        let wantsMember = site.grants(in: order.reference.mode) && order.ledger.holdsBought(of: opening)

        var alignment = MemberAlignment()
        if !buyersChanged, let member = try knownMember(of: order) {
            alignment.member = member
        } else {
            alignment = try alignMembers(with: order, wantsMember: wantsMember, of: site, cause)
        }
        if let formerCustomer, formerCustomer != order.ledger.buyers.values.customer {
            let left = try people(of: formerCustomer, near: order.reference, of: site.id)
            alignment.add(try alignMembers(of: left, wantsMember: false, of: site, cause))
        }
        order.member = alignment.member?.id ?? order.member

        try settleEntitlements(of: order, plans: plans, member: alignment.member, of: site, cause)
        for var moved in try lockOrders(alignment.moved.filter { $0 != order.id }) {
            let plans = try self.plans(openedBy: Set(moved.ledger.items.keys), of: site.id)
            let member = try moved.member.flatMap { id throws(PostgresError) in try self.member(id) }
            try settleEntitlements(of: moved, plans: plans, member: member, of: site, cause)
            try settleFlags(of: &moved, member: member, cause)
        }
        try settleFlags(of: &order, member: alignment.member, cause)
        try settleProfiles(alignment, cause)

        var emails = Set(order.ledger.buyers.values.compactMap { $0.email?.normalized })
        if let member = alignment.member { emails.insert(member.email.normalized) }
        try refreshLeads(of: emails, of: site.id, at: cause.now)
        return plans
    }

    /// The member, where the order's news say nothing else of them than is known.
    private func knownMember(of order: StoredOrder) throws(PostgresError) -> Member? {
        guard let id = order.member, let member = try member(id), member.billingEmail == nil,
            order.ledger.buyers.values.newestEmail == member.email
        else { return nil }
        return member
    }

    private func settleFlags(of order: inout StoredOrder, member: Member?, _ cause: Cause) throws(PostgresError) {
        order.flags = order.ledger.flags
        if let member, let newest = order.ledger.buyers.values.newestEmail, newest != member.email {
            order.flags.insert(.emailDiffers)
        }
        try saveOutcome(of: order, at: cause.now)
    }
}

// MARK: What it opens

extension Transaction {
    private func settleEntitlements(
        of order: StoredOrder,
        plans: [Plan],
        member: Member?,
        of site: Site,
        _ cause: Cause
    ) throws(PostgresError) {
        var kept = try lockEntitlements(of: order.itemIDs.values)
        guard let member else { return }
        let states =
            site.grants(in: order.reference.mode) ? order.ledger.states(at: cause.now, policy: site.policy) : [:]

        for plan in plans {
            for key in plan.items.sorted() {
                guard let item = order.itemIDs[key] else { continue }
                let state = states[key] ?? .none
                let place = kept.firstIndex { $0.plan == plan.id && $0.source == .item(item) }
                let before = place.map { kept.remove(at: $0) }
                guard before != nil || state != .none else { continue }
                let entitlement = Entitlement(
                    id: before?.id ?? .new(at: cause.now),
                    site: site.id,
                    member: member.id,
                    plan: plan.id,
                    source: .item(item),
                    state: state
                )
                try change(before, to: entitlement, plan: plan, member: member, order: order, cause)
            }
        }
        // What is left opens this plan no longer.
        for before in kept {
            var entitlement = before
            entitlement.member = member.id
            entitlement.state = .none
            let plan = try self.plans([before.plan]).first
            try change(before, to: entitlement, plan: plan, member: member, order: order, cause)
        }
    }

    /// Writes a difference, keeps why, and tells it. Nothing happens where there is none.
    func change(
        _ before: Entitlement?,
        to entitlement: Entitlement,
        plan: Plan?,
        member: Member,
        order: StoredOrder?,
        _ cause: Cause
    ) throws(PostgresError) {
        guard before != entitlement else { return }
        try save(entitlement, at: cause.now)

        let isMoved = before.map { $0.member != entitlement.member } ?? false
        var told = before?.state
        told?.changesAt = entitlement.state.changesAt
        guard isMoved || told != entitlement.state else { return }
        try audit(entitlement, from: before?.state, order: order?.id, cause)

        var facts = MessageFacts()
        facts.plan = plan.map { MessageFacts.Plan($0) }
        facts.order = order.map { MessageFacts.Order($0) }
        let had = before?.state.hasAccess ?? false
        if isMoved, had, let before, let former = try self.member(before.member) {
            facts.member = MessageFacts.Member(former)
            facts.entitlement = MessageFacts.Entitlement(before)
            facts.entitlement?.access = false
            try stage(.entitlementRevoked, facts, of: entitlement.site, at: cause.now)
        }
        facts.member = MessageFacts.Member(member)
        facts.entitlement = MessageFacts.Entitlement(entitlement)
        let kind: Message.Kind? =
            switch (had && !isMoved, entitlement.state.hasAccess) {
            case (false, true): .entitlementGranted
            case (true, false): .entitlementRevoked
            case (true, true): .entitlementUpdated
            case (false, false): before == nil || isMoved ? nil : .entitlementUpdated
            }
        if let kind { try stage(kind, facts, of: entitlement.site, at: cause.now) }
    }
}

// MARK: Everything again

extension Transaction {
    /// Settles a page of a site's orders anew: after a plan was linked or unlinked, or the site's policy changed.
    ///
    /// Call it until it answers nil, each time with what it answered before, each time in a transaction of its own, after
    /// the change has been committed.
    /// - Parameter items: only orders that hold one of these; nil is all orders.
    package func rederive(
        _ site: Site.ID,
        holding items: Set<ItemKey>? = nil,
        after last: Order.ID? = nil,
        limit: Int = 100,
        _ cause: Cause
    ) throws(PostgresError) -> Order.ID? {
        guard let site = try self.site(site) else { return nil }
        let ids = try orderIDs(of: site.id, holding: items, after: last, limit: limit)
        guard let end = ids.last else { return nil }
        try lockCustomers(of: ids)
        for var order in try lockOrders(ids) {
            try settle(&order, buyersChanged: false, of: site, cause)
        }
        return end
    }
}

// MARK: What time does

extension Transaction {
    /// Writes and tells what has run out by `now`: grace, slack, cancelled and paused periods. Answers how many.
    ///
    /// Access itself needs no sweep, see `EntitlementState.asOf`; whoever is told of changes does. Rows that another
    /// transaction holds are left to it, or to the next time.
    package func endLapsed(at now: Date, limit: Int) throws(PostgresError) -> Int {
        let lapsed = try lapsedEntitlements(at: now, limit: limit)
        let plans = Dictionary(
            uniqueKeysWithValues: try self.plans(Set(lapsed.map(\.plan))).map { ($0.id, $0) }
        )
        for before in lapsed {
            guard let member = try member(before.member) else { continue }
            var entitlement = before
            entitlement.state = before.state.asOf(now)
            let order = try order(of: before).flatMap { id throws(PostgresError) in try self.order(id) }
            let cause = Cause(.schedule, "lapse", occurredAt: before.state.changesAt, at: now)
            try change(before, to: entitlement, plan: plans[before.plan], member: member, order: order, cause)
            try refreshLeads(of: [member.email.normalized], of: before.site, at: now)
        }
        return lapsed.count
    }
}
