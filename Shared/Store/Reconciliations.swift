package import Domain
package import Foundation
package import Postgres

/// One comparison of a provider's books with ours.
package struct Reconciliation: Sendable, Hashable {
    package typealias ID = Identifier<Reconciliation>

    package enum Kind: String, Sendable, CaseIterable, PostgresValue {
        case daily, asked, backfill
    }

    package enum State: String, Sendable, CaseIterable, PostgresValue {
        case running, succeeded, failed
    }

    package var id: ID
    /// Nil for PayPal's books: they are no site's.
    package var site: Site.ID?
    package var provider: Provider
    package var mode: Mode
    package var kind: Kind
    package var state: State
    /// The page that is looked at next, from 1; of PayPal's books the part.
    package var page: Int
    /// Rows older than this are not looked at; nil is all.
    package var floor: Date?
    /// The newest row when the run began; nil where rows before it were left out, so that the next run begins no later.
    package var newest: Date?
    /// How many rows the books hold.
    package var total: Int?
    package var counts: Counts
    package var problem: String?
    package var startedAt: Date
    /// Which process runs it.
    package var holder: UUID
    package var beatAt: Date
    package var endedAt: Date?

    package enum Pulse: Sendable, Hashable {
        case running
        /// By this process.
        case ended
        /// Another process goes on with it, or did.
        case taken
    }

    package enum Backfilled: Sendable, Hashable {
        case nothing, whole
        case part(from: Date)
    }

    /// What became of the rows that were looked at.
    package struct Counts: Sendable, Hashable {
        package var rows = 0
        /// What we knew.
        package var agreed = 0
        package var healed = 0
        /// Found, and too young or not confirmed yet.
        package var waiting = 0
        package var needsPerson = 0

        package init() {}
    }

    package init(
        site: Site.ID?,
        provider: Provider,
        mode: Mode,
        kind: Kind,
        floor: Date? = nil,
        at now: Date
    ) {
        id = .new(at: now)
        self.site = site
        self.provider = provider
        self.mode = mode
        self.kind = kind
        self.floor = floor
        state = .running
        page = 1
        counts = Counts()
        startedAt = now
        holder = UUID()
        beatAt = now
    }

    /// Whether nobody has said for a while that the run goes on.
    package func isAbandoned(at now: Date) -> Bool { now.timeIntervalSince(beatAt) > 20 }
}

/// The same by a name that no message's part has.
package typealias ReconciliationRun = Reconciliation

extension Transaction {
    private static var columns: StaticString {
        """
        id, site, provider, mode, kind, state, page, floor, newest, total, rows, agreed, healed, waiting, needs_person,
        problem, started_at, holder, beat_at, ended_at
        """
    }

    /// False when a run of these books is under way.
    package func insert(_ run: Reconciliation) throws(PostgresError) -> Bool {
        try self.run(
            """
            INSERT INTO reconciliations (id, site, provider, mode, kind, floor, started_at, holder, beat_at)
            VALUES (\(run.id), \(run.site), \(run.provider), \(run.mode), \(run.kind), \(run.floor), \(run.startedAt),
                \(run.holder), \(run.beatAt))
            ON CONFLICT (site, provider, mode, (kind = 'backfill')) WHERE state = 'running' DO NOTHING
            """
        ) == 1
    }

    /// How far it has come. False when it is no longer this process's: another took it over.
    package func save(_ run: Reconciliation) throws(PostgresError) -> Bool {
        let counts = run.counts
        return try self.run(
            """
            UPDATE reconciliations
            SET state = \(run.state), page = \(run.page), newest = \(run.newest), total = \(run.total),
                rows = \(counts.rows), agreed = \(counts.agreed), healed = \(counts.healed),
                waiting = \(counts.waiting), needs_person = \(counts.needsPerson), problem = \(run.problem),
                beat_at = \(run.beatAt), ended_at = \(run.endedAt)
            WHERE id = \(run.id)
              AND state = 'running'
              AND holder = \(run.holder)
            """
        ) == 1
    }

    /// Says that the run goes on, where it does, and answers how it stands.
    package func beat(_ run: Reconciliation, at now: Date) throws(PostgresError) -> Reconciliation.Pulse {
        let isRunning = try self.run(
            """
            UPDATE reconciliations
            SET beat_at = \(now)
            WHERE id = \(run.id)
              AND state = 'running'
              AND holder = \(run.holder)
            """
        )
        if isRunning == 1 { return .running }
        let own = try rows("SELECT FROM reconciliations WHERE id = \(run.id) AND holder = \(run.holder)")
        return own.isEmpty ? .taken : .ended
    }

    /// Goes on with the run of a process that died, as deep as it or the new one was to go; anew where that one had less in
    /// view.
    package func take(_ run: Reconciliation, for fresh: Reconciliation) throws(PostgresError) -> Reconciliation {
        var taken = run
        taken.holder = fresh.holder
        taken.beatAt = fresh.startedAt
        if let floor = run.floor { taken.floor = fresh.floor.map { min($0, floor) } }
        let isNarrower = run.kind == .daily && fresh.kind == .asked
        if isNarrower || taken.floor != run.floor {
            // What it has done so far was done with less in view.
            taken.page = 1
            taken.newest = nil
            taken.counts = Reconciliation.Counts()
        }
        try self.run(
            """
            UPDATE reconciliations
            SET holder = \(taken.holder), beat_at = \(taken.beatAt), floor = \(taken.floor)
            WHERE id = \(run.id)
            """
        )
        return taken
    }

    /// The run of these books that is under way, or was when its process died; held until the end of the transaction.
    package func lockRunning(
        of site: Site.ID?,
        at provider: Provider,
        in mode: Mode,
        isBackfill: Bool
    ) throws(PostgresError) -> Reconciliation? {
        try reconciliations(
            """
            WHERE \(Query.books(of: site))
              AND provider = \(provider)
              AND mode = \(mode)
              AND (kind = 'backfill') = \(isBackfill)
              AND state = 'running'
            FOR UPDATE
            """
        )
        .first
    }

    /// Runs that nobody goes on with, of active sites.
    package func abandonedReconciliations(at now: Date) throws(PostgresError) -> [Reconciliation] {
        try reconciliations("WHERE state = 'running'").filter { $0.isAbandoned(at: now) }
    }

    /// How much of the books back-fills have taken over.
    package func backfills(
        of site: Site.ID,
        from provider: Provider,
        in mode: Mode
    ) throws(PostgresError) -> Reconciliation.Backfilled {
        let runs = try reconciliations(
            """
            WHERE site = \(site)
              AND provider = \(provider)
              AND mode = \(mode)
              AND kind = 'backfill'
              AND state = 'succeeded'
            ORDER BY floor NULLS FIRST
            LIMIT 1
            """
        )
        guard let deepest = runs.first else { return .nothing }
        return deepest.floor.map { .part(from: $0) } ?? .whole
    }

    /// Runs of a site, the latest first.
    package func reconciliations(of site: Site.ID?, limit: Int) throws(PostgresError) -> [Reconciliation] {
        try reconciliations("WHERE \(Query.books(of: site)) ORDER BY started_at DESC LIMIT \(limit)")
    }

    /// The newest row that any successful run had before it, back-fills too.
    package func reconciledUpTo(
        of site: Site.ID?,
        at provider: Provider,
        in mode: Mode
    ) throws(PostgresError) -> Date? {
        try rows(
            """
            SELECT max(newest)
            FROM reconciliations
            WHERE \(Query.books(of: site))
              AND provider = \(provider)
              AND mode = \(mode)
              AND state = 'succeeded'
            """
        )
        .decode(Date?.self).first ?? nil
    }

    /// How far back the books must be read to see how every open subscription stands: to the oldest of their last
    /// payments.
    ///
    /// Those that have had no access for a month are closed, whatever the books say of them.
    package func oldestOpenPayment(
        of site: Site.ID,
        at provider: Provider,
        in mode: Mode,
        now: Date
    ) throws(PostgresError) -> Date? {
        try rows(
            """
            SELECT min(last.paid_at)
            FROM orders o
            JOIN order_items i ON i.order_id = o.id
            JOIN entitlements e ON e.order_item = i.id
            CROSS JOIN LATERAL (
                SELECT greatest(i.sold_at, max(p.paid_at)) AS paid_at FROM order_payments p WHERE p.order_item = i.id
            ) last
            WHERE o.site = \(site)
              AND o.provider = \(provider)
              AND o.mode = \(mode)
              AND (i.recurs OR EXISTS (SELECT FROM order_payments p WHERE p.order_item = i.id))
              AND i.completed_at IS NULL
              AND (e.access OR e.updated_at > \(now.addingTimeInterval(-30 * 86_400)))
              AND e.status NOT IN ('refunded', 'ending', 'ended')
            """
        )
        .decode(Date?.self).first ?? nil
    }

    private func reconciliations(_ condition: Query) throws(PostgresError) -> [Reconciliation] {
        try rows("SELECT \(raw: Self.columns) FROM reconciliations \(condition)").values(Reconciliation.init(row:))
    }
}

extension Query {
    /// The condition that a row is about a site's books, or, for nil, about PayPal's, which are no site's.
    static func books(of site: Site.ID?) -> Query {
        guard let site else { return "site IS NULL" }
        return "site = \(site)"
    }
}

extension Reconciliation {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            site: try row["site"],
            provider: try row["provider"],
            mode: try row["mode"],
            kind: try row["kind"],
            floor: try row["floor"],
            at: try row["started_at"]
        )
        id = try row["id"]
        state = try row["state"]
        page = try row["page"]
        newest = try row["newest"]
        total = try row["total"]
        counts.rows = try row["rows"]
        counts.agreed = try row["agreed"]
        counts.healed = try row["healed"]
        counts.waiting = try row["waiting"]
        counts.needsPerson = try row["needs_person"]
        problem = try row["problem"]
        holder = try row["holder"]
        beatAt = try row["beat_at"]
        endedAt = try row["ended_at"]
    }
}
