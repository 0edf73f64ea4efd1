package import Domain
package import Foundation
package import Postgres

extension Transaction {
    private static var columns: StaticString {
        """
        id, site, member, plan, order_item, granted_by, status, access, access_until, paid_through, next_change_at
        """
    }

    /// What a member has of a plan now; nil without any source. Source: rule F1.
    package func access(of member: Member.ID, to plan: Plan.ID, at now: Date) throws(PostgresError)
        -> EntitlementState?
    {
        try entitlements("WHERE member = \(member) AND plan = \(plan)").map(\.state).strongest(at: now)
    }

    package func entitlements(of member: Member.ID) throws(PostgresError) -> [Entitlement] {
        try entitlements("WHERE member = \(member) ORDER BY plan, id")
    }

    /// What these items feed, held until the end of the transaction.
    func lockEntitlements(of items: some Collection<OrderItem.ID>) throws(PostgresError) -> [Entitlement] {
        try entitlements("WHERE order_item = ANY(\(Array(items))) ORDER BY id FOR UPDATE")
    }

    /// What time has changed by `now`, the longest due first. Rows that somebody holds are skipped, not waited for.
    package func lapsedEntitlements(at now: Date, limit: Int) throws(PostgresError) -> [Entitlement] {
        try entitlements(
            """
            WHERE next_change_at <= \(now)
            ORDER BY next_change_at
            LIMIT \(limit)
            FOR UPDATE SKIP LOCKED
            """
        )
    }

    private func entitlements(_ condition: Query) throws(PostgresError) -> [Entitlement] {
        try rows("SELECT \(raw: Self.columns) FROM entitlements \(condition)").values(Entitlement.init(row:))
    }

    /// Whatever was known of the same source and plan gives way.
    func save(_ entitlement: Entitlement, at now: Date) throws(PostgresError) {
        var item: OrderItem.ID?
        var grantedBy: String?
        switch entitlement.source {
        case .item(let id): item = id
        case .grant(let name): grantedBy = name
        }
        try run(
            """
            INSERT INTO entitlements (\(raw: Self.columns), created_at, updated_at)
            VALUES (\(entitlement.id), \(entitlement.site), \(entitlement.member), \(entitlement.plan), \(item),
                \(grantedBy), \(entitlement.state.status), \(entitlement.state.hasAccess),
                \(entitlement.state.accessUntil), \(entitlement.state.paidThrough), \(entitlement.state.changesAt),
                \(now), \(now))
            ON CONFLICT (id) DO UPDATE
            SET member = excluded.member, granted_by = excluded.granted_by, status = excluded.status,
                access = excluded.access, access_until = excluded.access_until, paid_through = excluded.paid_through,
                next_change_at = excluded.next_change_at, updated_at = excluded.updated_at
            """
        )
    }

    /// The grant by hand, held until the end of the transaction.
    func lockGrant(of plan: Plan.ID, to member: Member.ID) throws(PostgresError) -> Entitlement? {
        try entitlements(
            "WHERE member = \(member) AND plan = \(plan) AND order_item IS NULL FOR UPDATE"
        )
        .first
    }

    /// The order that an entitlement comes from; nil for a grant by hand.
    func order(of entitlement: Entitlement) throws(PostgresError) -> Order.ID? {
        guard case .item(let item) = entitlement.source else { return nil }
        return try rows("SELECT order_id FROM order_items WHERE id = \(item)").decode(Order.ID.self).first
    }
}

extension Store {
    /// What the member with this address has of a plan now, asked in one statement; nil without any source.
    package func access(
        of email: EmailAddress,
        to plan: Slug,
        at site: Site.ID,
        now: Date
    ) async throws -> EntitlementState? {
        try await pool.query(
            """
            SELECT e.status, e.access, e.access_until, e.paid_through, e.next_change_at
            FROM members m
            JOIN entitlements e ON e.member = m.id
            JOIN plans p ON p.id = e.plan
            WHERE m.site = \(site) AND m.email = \(email.normalized) AND p.slug = \(plan)
            """
        )
        .values(EntitlementState.init(row:)).strongest(at: now)
    }
}

extension EntitlementState {
    init(row: Row) throws(PostgresError) {
        self.init(
            status: try row["status"],
            hasAccess: try row["access"],
            accessUntil: try row["access_until"],
            paidThrough: try row["paid_through"],
            changesAt: try row["next_change_at"]
        )
    }
}

extension Entitlement {
    fileprivate init(row: Row) throws(PostgresError) {
        let item: OrderItem.ID? = try row["order_item"]
        let grantedBy: String? = try row["granted_by"]
        self.init(
            id: try row["id"],
            site: try row["site"],
            member: try row["member"],
            plan: try row["plan"],
            source: item.map { .item($0) } ?? .grant(by: grantedBy ?? ""),
            state: try EntitlementState(row: row)
        )
    }
}
