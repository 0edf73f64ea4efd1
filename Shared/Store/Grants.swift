package import Domain
package import Foundation
package import Postgres

// Access that an operator gives by hand. It stands beside what was bought: no refund, cancellation or test order touches
// it. Source: rules F1 and F11.

extension Transaction {
    /// Gives a plan, for ever or until `end`. Granting again changes the end.
    package func grant(
        _ plan: Plan,
        to member: Member,
        until end: Date?,
        by name: String,
        at now: Date
    ) throws(PostgresError) {
        let before = try lockGrant(of: plan.id, to: member.id)
        let state =
            if let end {
                EntitlementState(status: .ending, hasAccess: true, accessUntil: end, changesAt: end).asOf(now)
            } else {
                EntitlementState(status: .active, hasAccess: true)
            }
        let entitlement = Entitlement(
            id: before?.id ?? .new(at: now),
            site: member.site,
            member: member.id,
            plan: plan.id,
            source: .grant(by: name),
            state: state
        )
        let cause = Cause(.byOperator, "grant", at: now)
        try change(before, to: entitlement, plan: plan, member: member, order: nil, cause)
        try refreshLeads(of: [member.email.normalized], of: member.site, at: now)
    }

    /// Takes back what was given by hand; what was bought stays. False when there is no such grant.
    package func withdrawGrant(of plan: Plan, from member: Member, by name: String, at now: Date)
        throws(PostgresError) -> Bool
    {
        guard let before = try lockGrant(of: plan.id, to: member.id), before.state.hasAccess else { return false }
        var entitlement = before
        entitlement.source = .grant(by: name)
        entitlement.state = EntitlementState(status: .ended, hasAccess: false, accessUntil: now)
        let cause = Cause(.byOperator, "grant withdrawn", at: now)
        try change(before, to: entitlement, plan: plan, member: member, order: nil, cause)
        try refreshLeads(of: [member.email.normalized], of: member.site, at: now)
        return true
    }
}
