package import Domain
package import Foundation
package import Postgres

extension Endpoint.State: PostgresValue {}
extension Delivery.State: PostgresValue {}

extension Transaction {
    private static var columns: StaticString {
        """
        id, site, merchant, url, description, plan, types, contact, state, state_since, failing_since, failures,
        created_at
        """
    }

    package func insert(_ endpoint: Endpoint) throws(PostgresError) {
        try run(
            """
            INSERT INTO endpoints (id, site, merchant, url, description, plan, types, contact, state, state_since,
                created_at)
            VALUES (\(endpoint.id), \(endpoint.owner.site), \(endpoint.owner.merchant), \(endpoint.url),
                \(endpoint.description), \(endpoint.plan),
                \(endpoint.types.map(\.rawValue).sorted()), \(endpoint.contact), \(endpoint.state),
                \(endpoint.stateSince), \(endpoint.createdAt))
            """
        )
    }

    package func endpoint(_ id: Endpoint.ID) throws(PostgresError) -> Endpoint? {
        try rows("SELECT \(raw: Self.columns) FROM endpoints WHERE id = \(id)").values(Endpoint.init(row:)).first
    }

    /// An owner's, the oldest first.
    package func endpoints(of owner: Message.Owner) throws(PostgresError) -> [Endpoint] {
        try rows("SELECT \(raw: Self.columns) FROM endpoints WHERE owner = \(owner.uuid) ORDER BY created_at, id")
            .values(Endpoint.init(row:))
    }

    /// Those that we switched off and nobody has seen to, the longest first. A merchant who has left, or has named another
    /// address since, is seen to.
    package func failedEndpoints() throws(PostgresError) -> [Endpoint] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM endpoints e
            WHERE state IN ('delinquent', 'gone')
              AND NOT EXISTS (
                SELECT
                FROM merchants m
                WHERE m.id = e.merchant
                  AND (m.state = 'disconnected' OR m.webhooks_url IS DISTINCT FROM e.url))
            ORDER BY state_since, id
            """
        )
        .values(Endpoint.init(row:))
    }

    /// Switches it off, by a person or by us, and cancels what waits for it. A person may confirm what we did. False when it
    /// was off already.
    @discardableResult
    package func disable(_ id: Endpoint.ID, as state: Endpoint.State, at now: Date) throws(PostgresError) -> Bool {
        let changed = try run(
            """
            UPDATE endpoints
            SET state = \(state), state_since = CASE state WHEN 'enabled' THEN \(now) ELSE state_since END
            WHERE id = \(id)
              AND (state = 'enabled' OR (\(state) = 'disabled' AND state <> 'disabled'))
            """
        )
        guard changed == 1 else { return false }
        try cancelDeliveries(to: id, at: now)
        return true
    }

    /// Switches a merchant's on again that we switched off, because the merchant has named or tried its address anew, and
    /// plans what it missed, a minute from now. One that a person switched off stays so.
    package func reviveEndpoint(of merchant: Merchant.ID, at now: Date) throws(PostgresError) {
        let off = try rows(
            """
            SELECT \(raw: Self.columns)
            FROM endpoints
            WHERE merchant = \(merchant)
              AND state IN ('delinquent', 'gone')
            FOR NO KEY UPDATE
            """
        )
        .values(Endpoint.init(row:))
        for endpoint in off where try enable(endpoint.id, at: now) {
            // What was waiting when it was switched off is older than that. The sweep finds what is planned here.
            _ = try recover(
                to: endpoint.id,
                since: endpoint.stateSince.addingTimeInterval(-86_400),
                startingAt: now.addingTimeInterval(60),
                spacing: 0.05,
                limit: 5000,
                now: now
            )
        }
    }

    /// Switches it on with a clean record. What was canceled stays so until it is recovered. False when it was on.
    package func enable(_ id: Endpoint.ID, at now: Date) throws(PostgresError) -> Bool {
        try run(
            """
            UPDATE endpoints
            SET state = 'enabled', state_since = \(now), failing_since = NULL, failures = 0
            WHERE id = \(id)
              AND state <> 'enabled'
            """
        ) == 1
    }
}

extension Endpoint {
    init(row: Row) throws(PostgresError) {
        let failingSince: Date? = try row["failing_since"]
        let failures: Int = try row["failures"]
        let types: [String] = try row["types"]
        self.init(
            id: try row["id"],
            owner: try Message.Owner(row: row),
            url: try row["url"],
            description: try row["description"],
            plan: try row["plan"],
            types: Set(types.compactMap(Message.Kind.init(rawValue:))),
            contact: try row["contact"],
            state: try row["state"],
            stateSince: try row["state_since"],
            failing: failingSince.map { Failing(since: $0, attempts: failures) },
            createdAt: try row["created_at"]
        )
    }
}
