package import Foundation

/// A member's right to a plan from one source: an item of an order, or an operator's grant.
package struct Entitlement: Sendable, Hashable {
    package typealias ID = Identifier<Entitlement>

    package enum Status: String, Sendable, Codable, CaseIterable {
        case active
        /// A renewal was declined.
        case pastDue = "past_due"
        case paused
        /// Cancelled, with paid time left.
        case ending
        /// Cancelled and over, or due for so long that silence ended it.
        case ended
        case refunded
        /// The last instalment was paid: owned.
        case completed
        /// Nothing was bought, as far as we know yet.
        case none
    }

    package enum Source: Sendable, Hashable {
        case item(OrderItem.ID)
        /// Who granted it.
        case grant(by: String)
    }

    package var id: ID
    package var site: Site.ID
    package var member: Member.ID
    package var plan: Plan.ID
    package var source: Source
    package var state: EntitlementState

    package init(id: ID, site: Site.ID, member: Member.ID, plan: Plan.ID, source: Source, state: EntitlementState) {
        self.id = id
        self.site = site
        self.member = member
        self.plan = plan
        self.source = source
        self.state = state
    }
}

/// What a source gives at one moment.
package struct EntitlementState: Sendable, Hashable {
    package var status: Entitlement.Status
    package var hasAccess: Bool
    /// When access is known to end; nil is open.
    package var accessUntil: Date?
    /// The end of what was paid for; nil where that has no end.
    package var paidThrough: Date?
    /// When time alone takes access away; waiting never gives any.
    package var changesAt: Date?

    package init(
        status: Entitlement.Status,
        hasAccess: Bool,
        accessUntil: Date? = nil,
        paidThrough: Date? = nil,
        changesAt: Date? = nil
    ) {
        self.status = status
        self.hasAccess = hasAccess
        self.accessUntil = accessUntil
        self.paidThrough = paidThrough
        self.changesAt = changesAt
    }

    package static let none = Self(status: .none, hasAccess: false)
}
