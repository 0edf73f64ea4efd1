package import Foundation

/// Whom the events of one order named, one reading for each way they did.
package struct BuyerReading: Sendable, Hashable, Joinable {
    package struct Key: Sendable, Hashable {
        package var isFromSale: Bool
        /// As it was spelled; nil where the events had none.
        package var email: String?
        package var firstName: String?
        package var lastName: String?
        package var customer: String?
    }

    package var isFromSale: Bool
    package var email: EmailAddress?
    package var firstName: String?
    package var lastName: String?
    /// The provider's id of the customer.
    package var customer: String?
    package var firstSeenAt: Date
    package var lastSeenAt: Date

    package init(
        isFromSale: Bool,
        email: EmailAddress?,
        firstName: String? = nil,
        lastName: String? = nil,
        customer: String? = nil,
        firstSeenAt: Date,
        lastSeenAt: Date
    ) {
        self.isFromSale = isFromSale
        self.email = email
        self.firstName = firstName
        self.lastName = lastName
        self.customer = customer
        self.firstSeenAt = firstSeenAt
        self.lastSeenAt = lastSeenAt
    }

    init?(_ event: CheckoutEvent, at time: Date) {
        guard let buyer = event.buyer else { return nil }
        let isFromSale = if case .sale = event.fact { true } else { false }
        self.init(
            isFromSale: isFromSale,
            email: buyer.email,
            firstName: buyer.firstName,
            lastName: buyer.lastName,
            customer: buyer.customerID,
            firstSeenAt: time,
            lastSeenAt: time
        )
    }

    package var key: Key {
        Key(
            isFromSale: isFromSale,
            email: email?.original,
            firstName: firstName,
            lastName: lastName,
            customer: customer
        )
    }

    func joined(with other: Self) -> Self {
        var joined = self
        joined.firstSeenAt = min(firstSeenAt, other.firstSeenAt)
        joined.lastSeenAt = max(lastSeenAt, other.lastSeenAt)
        return joined
    }
}
