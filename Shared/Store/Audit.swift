package import Domain
package import Foundation
package import Postgres

/// Why something is changed, and at what time: what every audit row says besides the change.
package struct Cause: Sendable {
    package enum Source: String, Sendable, CaseIterable, PostgresValue {
        case webhook, reconciliation, replay, schedule
        case byOperator = "operator"
    }

    package var source: Source
    /// An event's name, or a word of ours such as `lapse` or `plan link`.
    package var action: String
    package var event: InboundEvent.ID?
    package var naturalKey: String?
    /// The provider's clock.
    package var occurredAt: Date?
    /// Our clock.
    package var now: Date

    package init(
        _ source: Source,
        _ action: String,
        event: InboundEvent.ID? = nil,
        naturalKey: String? = nil,
        occurredAt: Date? = nil,
        at now: Date
    ) {
        self.source = source
        self.action = action
        self.event = event
        self.naturalKey = naturalKey
        self.occurredAt = occurredAt
        self.now = now
    }
}

extension Transaction {
    /// Keeps why a member's access is no longer what it was. Source: rule H5.
    func audit(
        _ entitlement: Entitlement,
        from before: EntitlementState?,
        order: Order.ID?,
        _ cause: Cause
    ) throws(PostgresError) {
        try run(
            """
            INSERT INTO audit (site, source, action, event, natural_key, member, plan, order_id, entitlement,
                before_status, before_access, after_status, after_access, access_until, occurred_at, applied_at)
            VALUES (\(entitlement.site), \(cause.source), \(cause.action), \(cause.event), \(cause.naturalKey),
                \(entitlement.member), \(entitlement.plan), \(order), \(entitlement.id),
                \(before?.status), \(before?.hasAccess), \(entitlement.state.status),
                \(entitlement.state.hasAccess), \(entitlement.state.accessUntil), \(cause.occurredAt), \(cause.now))
            """
        )
    }

    /// Keeps that a member was made, changed or removed.
    func audit(_ member: Member, order: Order.ID?, _ action: String, _ cause: Cause) throws(PostgresError) {
        try run(
            """
            INSERT INTO audit (site, source, action, event, natural_key, member, order_id, occurred_at, applied_at)
            VALUES (\(member.site), \(cause.source), \(action), \(cause.event), \(cause.naturalKey), \(member.id),
                \(order), \(cause.occurredAt), \(cause.now))
            """
        )
    }
}
