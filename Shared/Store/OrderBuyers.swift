package import Domain
import Foundation
package import Postgres

/// One order's part in finding out who a person is.
struct OrderPerson: Sendable {
    var order: Order.ID
    var number: String
    var member: Member.ID?
    var readings: [BuyerReading] = []

    var customer: String? { readings.customer }
}

extension Collection<OrderPerson> {
    var identity: Identity {
        Identity(of: flatMap { person in person.readings.map { (order: person.number, reading: $0) } })
    }
}

extension Transaction {
    private static var columns: StaticString {
        """
        b.order_id, b.from_sale, b.email_original, b.first_name, b.last_name, b.customer, b.first_seen_at,
        b.last_seen_at
        """
    }

    func loadBuyers(into orders: inout [StoredOrder]) throws(PostgresError) {
        let found = try rows(
            "SELECT \(raw: Self.columns) FROM order_buyers b WHERE b.order_id = ANY(\(orders.map(\.id)))"
        )
        let places = Dictionary(uniqueKeysWithValues: orders.indices.map { (orders[$0].id, $0) })
        for row in found {
            guard let place = places[try row["order_id"]] else { continue }
            let reading = try BuyerReading(row: row)
            orders[place].ledger.buyers[reading.key] = reading
        }
    }

    func saveBuyers(of order: StoredOrder, touchedBy news: Order) throws(PostgresError) {
        for key in news.buyers.keys {
            guard let reading = order.ledger.buyers[key] else { continue }
            try run(
                """
                INSERT INTO order_buyers (order_id, site, provider, account, mode, from_sale, email, email_original,
                    first_name, last_name, customer, first_seen_at, last_seen_at)
                VALUES (\(order.id), \(order.site), \(order.reference.provider), \(order.reference.account),
                    \(order.reference.mode), \(reading.isFromSale), \(reading.email?.normalized), \(reading.email),
                    \(reading.firstName), \(reading.lastName), \(reading.customer), \(reading.firstSeenAt),
                    \(reading.lastSeenAt))
                ON CONFLICT (order_id, from_sale, email_original, first_name, last_name, customer) DO UPDATE
                SET first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at
                """
            )
        }
    }

    /// The orders of one customer.
    func people(
        of customer: String,
        near reference: OrderReference,
        of site: Site.ID
    ) throws(PostgresError) -> [OrderPerson] {
        try people(
            """
            b.order_id IN (
                SELECT c.order_id
                FROM order_buyers c
                WHERE c.site = \(site)
                  AND c.provider = \(reference.provider)
                  AND c.account = \(reference.account)
                  AND c.mode = \(reference.mode)
                  AND c.customer = \(customer)
            )
            """
        )
        .filter { $0.customer == customer }
    }

    /// The orders that are this member's.
    func people(of member: Member.ID) throws(PostgresError) -> [OrderPerson] {
        try people("o.member = \(member)")
    }

    /// The address and every other that its member, or the orders of its member, were ever known by. Source: rule H4.
    package func addresses(knownWith email: EmailAddress, of site: Site.ID) throws(PostgresError) -> [EmailAddress] {
        let found = try rows(
            """
            WITH members_meant AS (
                SELECT m.id
                FROM members m
                WHERE m.site = \(site)
                  AND (m.email = \(email.normalized) OR lower(m.billing_email) = \(email.normalized))
                UNION
                SELECT o.member
                FROM order_buyers b
                JOIN orders o ON o.id = b.order_id
                WHERE b.site = \(site)
                  AND b.email = \(email.normalized)
                  AND o.member IS NOT NULL
            )
            SELECT m.email_original FROM members m WHERE m.id IN (SELECT id FROM members_meant)
            UNION
            SELECT m.billing_email FROM members m
            WHERE m.id IN (SELECT id FROM members_meant) AND m.billing_email IS NOT NULL
            UNION
            SELECT b.email_original
            FROM orders o
            JOIN order_buyers b ON b.order_id = o.id
            WHERE o.member IN (SELECT id FROM members_meant) AND b.email_original IS NOT NULL
            """
        )
        .decode(EmailAddress.self)
        var seen: Set<String> = []
        return ([email] + found).filter { seen.insert($0.normalized).inserted }
    }

    /// Members who sign in with another address, and whose bills or orders have this one.
    package func members(alsoKnownBy email: EmailAddress, of site: Site.ID) throws(PostgresError) -> [EmailAddress] {
        try rows(
            """
            SELECT m.email_original
            FROM members m
            WHERE m.site = \(site)
              AND m.email <> \(email.normalized)
              AND (lower(m.billing_email) = \(email.normalized) OR m.id IN (
                  SELECT o.member
                  FROM order_buyers b
                  JOIN orders o ON o.id = b.order_id
                  WHERE b.site = \(site) AND b.email = \(email.normalized)
              ))
            ORDER BY m.email
            """
        )
        .decode(EmailAddress.self)
    }

    private func people(_ condition: Query) throws(PostgresError) -> [OrderPerson] {
        let found = try rows(
            """
            SELECT o.number, o.member, \(raw: Self.columns)
            FROM order_buyers b
            JOIN orders o ON o.id = b.order_id
            WHERE \(condition)
            """
        )
        var people: [Order.ID: OrderPerson] = [:]
        for row in found {
            let id: Order.ID = try row["order_id"]
            let number: String = try row["number"]
            let member: Member.ID? = try row["member"]
            people[id, default: OrderPerson(order: id, number: number, member: member)].readings
                .append(try BuyerReading(row: row))
        }
        return people.values.sorted { $0.order < $1.order }
    }

    /// The customers that these orders are known to be of, by any of their events, as names to lock.
    private func customerLocks(_ condition: Query) throws(PostgresError) -> Set<String> {
        Set(
            try rows(
                """
                SELECT DISTINCT concat_ws('/', 'customer', b.site, b.provider, b.account, b.mode, b.customer)
                FROM order_buyers b
                JOIN orders o ON o.id = b.order_id
                WHERE b.customer IS NOT NULL
                  AND \(condition)
                """
            )
            .decode(String.self)
        )
    }

    /// Until the end of the transaction: who the customers of an order are is nobody else's to say.
    ///
    /// Two new orders of one customer would otherwise make two members, each not seeing the other. Answers the names that
    /// are locked; to be taken before any order is.
    func lockCustomers(
        of reference: OrderReference,
        and customer: String?,
        of site: Site.ID
    ) throws(PostgresError) -> Set<String> {
        var names = try customerLocks(
            """
            o.site = \(site)
              AND o.provider = \(reference.provider)
              AND o.account = \(reference.account)
              AND o.mode = \(reference.mode)
              AND o.number = \(reference.number)
            """
        )
        if let customer { names.insert(Self.lockName(customer, near: reference, of: site)) }
        try lock(names)
        return names
    }

    func lockCustomers(of orders: [Order.ID]) throws(PostgresError) {
        try lock(try customerLocks("o.id = ANY(\(orders))"))
    }

    static func lockName(_ customer: String, near reference: OrderReference, of site: Site.ID) -> String {
        "customer/\(site)/\(reference.provider.rawValue)/\(reference.account)/\(reference.mode.rawValue)/\(customer)"
    }

    private func lock(_ names: Set<String>) throws(PostgresError) {
        guard !names.isEmpty else { return }
        // Because the keys are sorted, two transactions never wait for each other here.
        try run(
            """
            SELECT pg_advisory_xact_lock(key)
            FROM (
                SELECT DISTINCT hashtextextended(name, 0) AS key
                FROM unnest(\(Array(names))) AS n (name)
                ORDER BY key
                OFFSET 0
            ) k
            """
        )
    }
}

extension BuyerReading {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            isFromSale: try row["from_sale"],
            email: try row["email_original"],
            firstName: try row["first_name"],
            lastName: try row["last_name"],
            customer: try row["customer"],
            firstSeenAt: try row["first_seen_at"],
            lastSeenAt: try row["last_seen_at"]
        )
    }
}
