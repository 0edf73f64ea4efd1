package import Foundation

/// Who stands behind a group of orders, worked out from all that their events said of a buyer.
///
/// A member is found by the order first, then by the provider's customer id, and by the address last (rule G1). Taken
/// literally, delivery by delivery, that would make the answer depend on which event came first: a renewal with a new
/// address may come before its sale, two orders of one customer the wrong way round. So it is worked out as if all had
/// come in the provider's order:
///
/// - Orders with one customer id are one person's. An order without stands alone.
/// - The person signs in with the address of the first sale. Without a sale, that of the earliest event stands in, and
///   the identity is provisional until the sale comes.
/// - A newer address is where the provider writes to; it opens nothing. Source: rules G3 and G4.
///
/// Two persons with one address are one member.
package struct Identity: Sendable, Hashable {
    package var email: EmailAddress?
    package var firstName: String?
    package var lastName: String?
    /// The newest address, where it is another one than `email`.
    package var billingEmail: EmailAddress?
    /// No sale has named the buyer yet.
    package var isProvisional: Bool

    /// - Parameter readings: of all orders of one person, each with its order's number, which settles a tie.
    package init(of readings: some Sequence<(order: String, reading: BuyerReading)>) {
        let readings = readings.sorted(by: Self.isEarlier)
        let login = readings.first { $0.reading.email != nil }?.reading
        let named = readings.first { $0.reading.firstName != nil || $0.reading.lastName != nil }?.reading
        let newest = readings.filter { $0.reading.email != nil }.max { left, right in
            (left.reading.lastSeenAt, right.order, right.reading.spelling)
                < (right.reading.lastSeenAt, left.order, left.reading.spelling)
        }
        email = login?.email
        firstName = named?.firstName
        lastName = named?.lastName
        billingEmail = newest?.reading.email == login?.email ? nil : newest?.reading.email
        isProvisional = login?.isFromSale != true
    }

    /// Sales first, then the provider's time, then what only makes the answer the same each time.
    private static func isEarlier(
        _ left: (order: String, reading: BuyerReading),
        _ right: (order: String, reading: BuyerReading)
    ) -> Bool {
        if left.reading.isFromSale != right.reading.isFromSale { return left.reading.isFromSale }
        return (left.reading.firstSeenAt, left.order, left.reading.spelling)
            < (right.reading.firstSeenAt, right.order, right.reading.spelling)
    }
}

extension BuyerReading {
    fileprivate var spelling: String {
        [email?.original, firstName, lastName, customer].map { $0 ?? "" }.joined(separator: "\u{0}")
    }
}

extension Collection<BuyerReading> {
    /// The provider's customer, by the sale if it said so, else by the earliest event that did.
    ///
    /// The first word stands: when the provider merges customers, the id on later events changes, the order's does not.
    /// Source: rule G4.
    package var customer: String? {
        filter { $0.customer != nil }
            .min { left, right in
                if left.isFromSale != right.isFromSale { return left.isFromSale }
                return (left.firstSeenAt, left.spelling) < (right.firstSeenAt, right.spelling)
            }?
            .customer
    }

    /// The address that the provider knows now.
    package var newestEmail: EmailAddress? {
        filter { $0.email != nil }.max { ($0.lastSeenAt, $0.spelling) < ($1.lastSeenAt, $1.spelling) }?.email
    }
}

extension Member {
    /// How long after a member was made a late, earlier sale may still say which address is theirs.
    ///
    /// Longer than deliveries are out of order, far shorter than it takes a back-fill to find what was bought years ago.
    private static let settlingTime: TimeInterval = 3 * 86_400

    /// Whether the address stays whatever orders say. Source: rule G4.
    package func isSettled(at now: Date) -> Bool {
        origin == .byOperator || now.timeIntervalSince(createdAt) >= Self.settlingTime
    }
}
