import Domain
import Foundation
import Postgres

/// What working out a person came to.
struct MemberAlignment: Sendable {
    /// Whose the order is; nil while it is nobody's.
    var member: Member?
    /// Orders that are another member's now.
    var moved: [Order.ID] = []
    /// Members who gave or took orders, whose names and addresses may have changed.
    var touched: [Member.ID] = []

    mutating func add(_ other: Self) {
        moved += other.moved
        touched += other.touched
    }
}

extension Transaction {
    /// Finds whose order this is, making the member if there is none. See `Identity` for the rule and its reasons.
    func alignMembers(
        with order: StoredOrder,
        wantsMember: Bool,
        of site: Site,
        _ cause: Cause
    ) throws(PostgresError) -> MemberAlignment {
        let readings = Array(order.ledger.buyers.values)
        var group: [OrderPerson] = []
        if let customer = readings.customer {
            group = try people(of: customer, near: order.reference, of: site.id)
        }
        if group.isEmpty {
            group = [
                OrderPerson(
                    order: order.id,
                    number: order.reference.number,
                    member: order.member,
                    readings: readings
                )
            ]
        }
        var alignment = try alignMembers(of: group, wantsMember: wantsMember, of: site, cause)
        guard let member = alignment.member else { return alignment }

        let own = group.first { $0.order == order.id }?.member
        if own == nil {
            guard wantsMember else {
                alignment.member = nil
                return alignment
            }
            try assign([order.id], to: member.id, at: cause.now)
            alignment.touched.append(member.id)
        } else if own != member.id, !alignment.moved.contains(order.id) {
            // It stays with a member who has settled.
            alignment.member = try own.flatMap { id throws(PostgresError) in try self.member(id) }
        }
        if let member = alignment.member { alignment.touched.append(member.id) }
        return alignment
    }

    /// Brings the orders of one person together under one member, as far as members have not settled.
    ///
    /// - Parameter wantsMember: whether there has to be one.
    func alignMembers(
        of group: [OrderPerson],
        wantsMember: Bool,
        of site: Site,
        _ cause: Cause
    ) throws(PostgresError) -> MemberAlignment {
        var alignment = MemberAlignment()
        let identity = group.identity
        var holders: [Member] = []
        for id in Set(group.compactMap(\.member)).sorted() {
            if let holder = try lockMember(id) { holders.append(holder) }
        }
        guard !holders.isEmpty || wantsMember else { return alignment }

        guard let target = try target(of: group, identity, among: holders, of: site, cause) else { return alignment }
        alignment.member = target
        if holders.contains(where: { $0.id == target.id && $0.email != target.email }) {
            // Its orders stay, but each is to be looked at again: which addresses differ from the member's?
            alignment.moved += group.filter { $0.member == target.id }.map(\.order)
        }

        for former in holders where former.id != target.id && !former.isSettled(at: cause.now) {
            let moving = group.filter { $0.member == former.id }.map(\.order)
            try assign(moving, to: target.id, at: cause.now)
            alignment.moved += moving
            alignment.touched += [former.id, target.id]
        }
        return alignment
    }

    /// Who the person is: a member who has settled, the one with the address, a provisional one who takes it, a new one.
    private func target(
        of group: [OrderPerson],
        _ identity: Identity,
        among holders: [Member],
        of site: Site,
        _ cause: Cause
    ) throws(PostgresError) -> Member? {
        let settled = holders.filter { $0.isSettled(at: cause.now) }
        if let same = settled.first(where: { $0.email == identity.email }) ?? settled.first { return same }
        guard let email = identity.email else { return holders.first }

        if let known = try lockMember(email: email, of: site.id) { return known }
        for var holder in holders where try isHolder(holder.id, onlyOf: group.map(\.order)) {
            let former = holder.email
            holder.email = email
            holder.billingEmail = former
            do throws(PostgresError) {
                try update(holder, at: cause.now)
            } catch  where error.isUniqueViolation() {
                // Somebody took the address between our two looks: a lost race, to be run again.
                throw .server(PostgresError.Refusal(sqlstate: "40001", table: "members"))
            }
            try audit(holder, order: nil, "member takes the sale's address", cause)
            try tell(.memberUpdated, holder, cause)
            return holder
        }
        return try makeMember(identity, email: email, of: site, cause)
    }

    private func makeMember(
        _ identity: Identity,
        email: EmailAddress,
        of site: Site,
        _ cause: Cause
    ) throws(PostgresError) -> Member? {
        let member = Member(
            id: .new(at: cause.now),
            site: site.id,
            email: email,
            firstName: identity.firstName,
            lastName: identity.lastName,
            origin: identity.isProvisional ? .laterEvent : .sale,
            createdAt: cause.now
        )
        // Somebody else may make the same member, or remove it, between our two looks.
        for _ in 0..<3 {
            if try insert(member) {
                try audit(member, order: nil, "member created", cause)
                try tell(.memberCreated, member, cause)
                return member
            }
            if let made = try lockMember(email: email, of: site.id) { return made }
        }
        throw .server(PostgresError.Refusal(sqlstate: "40001", table: "members"))
    }
}

// MARK: Names and addresses

extension Transaction {
    /// Writes what orders say of members, and removes those who were left with nothing.
    ///
    /// While a member has not settled the first sale names them; afterwards only blanks are filled. Source: rules G3, G5.
    func settleProfiles(_ alignment: MemberAlignment, _ cause: Cause) throws(PostgresError) {
        for id in Set(alignment.touched).sorted() {
            guard let before = try lockMember(id) else { continue }
            if id != alignment.member?.id, try removeEmpty(before) {
                try audit(before, order: nil, "member had nothing left", cause)
                continue
            }
            let member = described(before, by: try people(of: id).identity, at: cause.now)
            if member != before || spelling(of: member) != spelling(of: before) {
                try update(member, at: cause.now)
            }
            if id == alignment.member?.id, MessageFacts.Member(member) != MessageFacts.Member(before) {
                try tell(.memberUpdated, member, cause)
            }
        }
    }

    private func described(_ member: Member, by identity: Identity, at now: Date) -> Member {
        var member = member
        let isSettled = member.isSettled(at: now)
        let isNamed = member.firstName != nil || member.lastName != nil
        if identity.firstName != nil || identity.lastName != nil, !isNamed || !isSettled {
            member.firstName = identity.firstName
            member.lastName = identity.lastName
        }
        if !isSettled, let email = identity.email, email == member.email { member.email = email }
        if member.origin == .laterEvent, !identity.isProvisional { member.origin = .sale }
        let newest = identity.billingEmail ?? identity.email
        member.billingEmail = newest == member.email ? nil : newest
        return member
    }

    private func tell(_ kind: Message.Kind, _ member: Member, _ cause: Cause) throws(PostgresError) {
        var facts = MessageFacts()
        facts.member = MessageFacts.Member(member)
        try stage(kind, facts, of: member.site, at: cause.now)
    }

    private func spelling(of member: Member) -> [String?] {
        [member.email.original, member.billingEmail?.original]
    }
}
