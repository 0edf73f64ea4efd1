package import Domain
package import Foundation
package import Postgres

/// What a provider's books say and ours did not.
package struct Discrepancy: Sendable, Hashable {
    package typealias ID = Identifier<Discrepancy>

    package enum Kind: String, Sendable, CaseIterable, PostgresValue {
        case sale, payment, refund, cancellation, pause, resume, completion
        /// A row that names no item or order that we can read.
        case unreadable
        /// An event of PayPal that never came.
        case message
        /// A payment, an order or a vault token that no event told.
        case capture, order
        case vaultToken = "vault-token"
        /// How a merchant stands at PayPal.
        case consent, capabilities
        /// A merchant whose transactions we may not see.
        case search
    }

    package enum State: String, Sendable, CaseIterable, PostgresValue {
        /// Heals by itself when it is old enough and confirmed.
        case found
        case healed
        /// Somebody said that it is to stay as it is.
        case ignored
        /// The books contradict themselves, or us, in a way that nobody but a person may decide.
        case person
    }

    package var id: ID
    /// Nil for PayPal's: its books are no site's.
    package var site: Site.ID?
    package var merchant: Merchant.ID?
    package var provider: Provider
    package var mode: Mode
    /// The same when it is found again.
    package var key: String
    package var kind: Kind
    package var order: String?
    package var item: ItemKey?
    /// The books' entry, as it is applied.
    package var body: [UInt8]
    package var occurredAt: Date?
    package var foundAt: Date
    package var state: State
    package var reason: String?
    package var event: InboundEvent.ID?
    /// The event by which it was healed, where PayPal's books told it.
    package var payPalEvent: String?
    package var settledAt: Date?

    package init(
        site: Site.ID?,
        provider: Provider,
        mode: Mode,
        key: String,
        kind: Kind,
        order: String?,
        item: ItemKey?,
        body: [UInt8],
        occurredAt: Date?,
        state: State = .found,
        reason: String? = nil,
        at now: Date
    ) {
        id = .new(at: now)
        self.site = site
        self.provider = provider
        self.mode = mode
        self.key = key
        self.kind = kind
        self.order = order
        self.item = item
        self.body = body
        self.occurredAt = occurredAt
        self.state = state
        self.reason = reason
        foundAt = now
    }
}

extension Transaction {
    private static var columns: StaticString {
        """
        id, site, merchant, provider, mode, key, kind, order_number, item_key, body, occurred_at, found_at, state,
        reason, event, paypal_event, settled_at
        """
    }

    /// Keeps it, or what has become of it. Found again after it was healed, it is a new one under the old id.
    package func save(_ found: Discrepancy) throws(PostgresError) {
        try run(
            """
            INSERT INTO discrepancies (\(raw: Self.columns))
            VALUES (\(found.id), \(found.site), \(found.merchant), \(found.provider), \(found.mode),
                \(found.key), \(found.kind), \(found.order), \(found.item), \(found.body), \(found.occurredAt),
                \(found.foundAt), \(found.state), \(found.reason), \(found.event), \(found.payPalEvent),
                \(found.settledAt))
            ON CONFLICT (site, key) DO UPDATE
            SET body = excluded.body, occurred_at = excluded.occurred_at, state = excluded.state,
                reason = excluded.reason, event = excluded.event, paypal_event = excluded.paypal_event,
                settled_at = excluded.settled_at,
                found_at = CASE WHEN discrepancies.state = 'healed' THEN excluded.found_at
                    ELSE discrepancies.found_at END
            """
        )
    }

    /// What was ignored under these keys is so no longer: found again, it is a new one.
    package func endIgnored(among keys: [String], of site: Site.ID, at now: Date) throws(PostgresError) {
        try run(
            """
            UPDATE discrepancies
            SET state = 'healed', reason = 'it is over: ' || coalesce(reason, 'it was ignored'), settled_at = \(now)
            WHERE site = \(site)
              AND key = ANY(\(keys))
              AND state = 'ignored'
            """
        )
    }

    /// The one with this key, held until the end of the transaction.
    package func lockDiscrepancy(_ key: String, of site: Site.ID?) throws(PostgresError) -> Discrepancy? {
        try discrepancies("WHERE \(Query.books(of: site)) AND key = \(key) FOR UPDATE").first
    }

    package func discrepancy(keyed key: String, of site: Site.ID?) throws(PostgresError) -> Discrepancy? {
        try discrepancies("WHERE \(Query.books(of: site)) AND key = \(key)").first
    }

    package func discrepancy(_ id: Discrepancy.ID, of site: Site.ID?) throws(PostgresError) -> Discrepancy? {
        try discrepancies("WHERE id = \(id) AND \(Query.books(of: site))").first
    }

    /// Of a site, the latest first.
    package func discrepancies(
        of site: Site.ID?,
        states: [Discrepancy.State],
        after last: Discrepancy.ID? = nil,
        limit: Int
    ) throws(PostgresError) -> [Discrepancy] {
        try discrepancies(
            """
            WHERE \(Query.books(of: site))
              AND state = ANY(\(states))
              AND (\(last) IS NULL
                OR (found_at, id) < (SELECT l.found_at, l.id FROM discrepancies l WHERE l.id = \(last)))
            ORDER BY found_at DESC, id DESC
            LIMIT \(limit)
            """
        )
    }

    /// Those of one state that were found by `end`, in pages.
    package func discrepancies(
        _ state: Discrepancy.State,
        of site: Site.ID?,
        at provider: Provider,
        in mode: Mode,
        foundBy end: Date,
        after last: Discrepancy.ID?,
        limit: Int
    ) throws(PostgresError) -> [Discrepancy] {
        try discrepancies(
            """
            WHERE \(Query.books(of: site))
              AND provider = \(provider)
              AND mode = \(mode)
              AND state = \(state)
              AND found_at <= \(end)
              AND (\(last) IS NULL OR id > \(last))
            ORDER BY id
            LIMIT \(limit)
            """
        )
    }

    private func discrepancies(_ condition: Query) throws(PostgresError) -> [Discrepancy] {
        try rows("SELECT \(raw: Self.columns) FROM discrepancies \(condition)").values(Discrepancy.init(row:))
    }
}

extension Discrepancy {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            site: try row["site"],
            provider: try row["provider"],
            mode: try row["mode"],
            key: try row["key"],
            kind: try row["kind"],
            order: try row["order_number"],
            item: try row["item_key"],
            body: try row["body"],
            occurredAt: try row["occurred_at"],
            state: try row["state"],
            reason: try row["reason"],
            at: try row["found_at"]
        )
        id = try row["id"]
        merchant = try row["merchant"]
        payPalEvent = try row["paypal_event"]
        event = try row["event"]
        settledAt = try row["settled_at"]
    }
}
