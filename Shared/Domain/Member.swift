package import Foundation

/// A buyer we know. One a site and address; never deleted because of money. Source: rule F11.
package struct Member: Sendable, Hashable {
    package typealias ID = Identifier<Member>

    /// What we first knew the member by.
    package enum Origin: String, Sendable, Codable, CaseIterable {
        case sale
        /// A renewal came before its sale: the address is provisional until the sale says who bought.
        case laterEvent = "later-event"
        /// Made by hand: no purchase changes it.
        case byOperator = "operator"
    }

    package var id: ID
    package var site: Site.ID
    /// What the member signs in with.
    package var email: EmailAddress
    package var firstName: String?
    package var lastName: String?
    /// The address that the provider knows now, where it is another one. Source: rule G4.
    package var billingEmail: EmailAddress?
    package var origin: Origin
    package var createdAt: Date

    package init(
        id: ID,
        site: Site.ID,
        email: EmailAddress,
        firstName: String? = nil,
        lastName: String? = nil,
        billingEmail: EmailAddress? = nil,
        origin: Origin,
        createdAt: Date
    ) {
        self.id = id
        self.site = site
        self.email = email
        self.firstName = firstName
        self.lastName = lastName
        self.billingEmail = billingEmail
        self.origin = origin
        self.createdAt = createdAt
    }
}

/// A buyer who left the cart. A lead never touches access. Source: rule F10.
package struct Lead: Sendable, Hashable {
    package typealias ID = Identifier<Lead>

    package enum Status: String, Sendable, Codable, CaseIterable {
        case open
        /// Has access already: there is nobody to win.
        case member
        /// Bought afterwards.
        case converted
    }

    package var id: ID
    package var site: Site.ID
    package var email: EmailAddress
    package var firstName: String?
    package var lastName: String?
    /// What was left in the cart.
    package var item: ItemKey?
    package var abandonedAt: Date
    package var status: Status

    package init(
        id: ID,
        site: Site.ID,
        email: EmailAddress,
        firstName: String?,
        lastName: String?,
        item: ItemKey?,
        abandonedAt: Date,
        status: Status
    ) {
        self.id = id
        self.site = site
        self.email = email
        self.firstName = firstName
        self.lastName = lastName
        self.item = item
        self.abandonedAt = abandonedAt
        self.status = status
    }
}
