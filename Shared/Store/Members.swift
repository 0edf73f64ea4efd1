package import Domain
package import Foundation
package import Postgres

extension Transaction {
    private static var columns: StaticString {
        "id, site, email_original, first_name, last_name, billing_email, origin, created_at"
    }

    package func member(_ id: Member.ID) throws(PostgresError) -> Member? {
        try rows("SELECT \(raw: Self.columns) FROM members WHERE id = \(id)").values(Member.init(row:)).first
    }

    package func member(email: EmailAddress, of site: Site.ID) throws(PostgresError) -> Member? {
        try rows(
            "SELECT \(raw: Self.columns) FROM members WHERE site = \(site) AND email = \(email.normalized)"
        )
        .values(Member.init(row:)).first
    }

    /// False when somebody of the site has the address.
    package func insert(_ member: Member) throws(PostgresError) -> Bool {
        try run(
            """
            INSERT INTO members (id, site, email, email_original, first_name, last_name, billing_email, origin,
                created_at, updated_at)
            VALUES (\(member.id), \(member.site), \(member.email.normalized), \(member.email), \(member.firstName),
                \(member.lastName), \(member.billingEmail), \(member.origin), \(member.createdAt),
                \(member.createdAt))
            ON CONFLICT (site, email) DO NOTHING
            """
        ) == 1
    }

    /// As it stands, held until the end of the transaction; nil when it is gone.
    func lockMember(_ id: Member.ID) throws(PostgresError) -> Member? {
        try rows("SELECT \(raw: Self.columns) FROM members WHERE id = \(id) FOR UPDATE")
            .values(Member.init(row:)).first
    }

    func lockMember(email: EmailAddress, of site: Site.ID) throws(PostgresError) -> Member? {
        try rows(
            "SELECT \(raw: Self.columns) FROM members WHERE site = \(site) AND email = \(email.normalized) FOR UPDATE"
        )
        .values(Member.init(row:)).first
    }

    func update(_ member: Member, at now: Date) throws(PostgresError) {
        try run(
            """
            UPDATE members
            SET email = \(member.email.normalized), email_original = \(member.email), first_name = \(member.firstName),
                last_name = \(member.lastName), billing_email = \(member.billingEmail), origin = \(member.origin),
                updated_at = \(now)
            WHERE id = \(member.id)
            """
        )
    }

    /// Removes a member who has nothing, and was made by no sale. False for anybody else.
    ///
    /// The row must be locked: then nobody gives it anything meanwhile.
    func removeEmpty(_ member: Member) throws(PostgresError) -> Bool {
        guard member.origin != .byOperator else { return false }
        return try run(
            """
            DELETE FROM members m
            WHERE m.id = \(member.id)
              AND NOT EXISTS (SELECT FROM orders o WHERE o.member = m.id)
              AND NOT EXISTS (SELECT FROM entitlements e WHERE e.member = m.id)
            """
        ) == 1
    }
}

extension Member {
    init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            site: try row["site"],
            email: try row["email_original"],
            firstName: try row["first_name"],
            lastName: try row["last_name"],
            billingEmail: try row["billing_email"],
            origin: try row["origin"],
            createdAt: try row["created_at"]
        )
    }
}
