package import Domain
package import Foundation
import FulfillmentJobs
import Logging
import Postgres
package import Store
package import ThriveCart

/// Compares rows of the books with our ledger, and heals what differs.
///
/// Every row is read as an event and asked for in the ledger. What is not there is confirmed by the customer's record
/// and then applied by the very code that applies webhooks, in one transaction with the discrepancy that it heals. So a
/// row may be looked at as often as one likes, by several processes at once, and after any crash.
package struct BooksComparison: Sendable {
    package struct Options: ComparingOptions {
        package var inFlight: TimeInterval = 600
        package var hearers = Hearers.everybody
        /// Finds, heals in a transaction that is undone, and keeps nothing.
        package var isRehearsal = false
        package var rehearsed: @Sendable (Discrepancy) -> Void = { _ in }
        /// False for a back-fill: what it brings was never missed.
        package var keepsHealed = true
        /// Orders that nobody told us of, and that are older than this, are a back-fill's business.
        package var horizon: Date?
        /// How many customers are looked at together.
        package var concurrency = 4

        package init() {}
    }

    let store: Store
    let site: Site
    let mode: Mode
    let books: ThriveCartAPI
    let options: Options
    let now: @Sendable () -> Date
    let silence = Silence()

    package init(
        _ site: Site,
        in mode: Mode,
        books: ThriveCartAPI,
        store: Store,
        options: Options = Options(),
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.site = site
        self.mode = mode
        self.books = books
        self.store = store
        self.options = options
        self.now = now
    }

    var account: String { site.thriveCartAccount ?? "" }

    // MARK: A page

    /// Looks at rows, the newest first as they came. Throws what keeps the page from being done; it may be done again.
    /// - Parameters:
    ///   - edge: the end of the page before; afterwards this one's.
    ///   - askedAt: by our clock, when the rows were asked for; nil is now. So they say how subscriptions stood.
    package func look(
        at rows: [PostValue],
        after edge: inout PageEdge,
        askedAt: Date? = nil
    ) async throws -> Reconciliation.Counts {
        let askedAt = (askedAt ?? now()).inWholeSeconds
        let page = try findings(rows)
        try await endIgnored(among: page)
        let sorted = try await sorted(edge.neighbours(of: page) + page)
        edge.move(over: page, sorted)
        var counts = Reconciliation.Counts()
        counts.rows = page.count
        // A neighbour that is news after all was counted as agreed on its own page.
        counts.agreed = page.count - sorted.count { $0.acquaintance == .unknown }
        let groups = Dictionary(grouping: sorted) { $0.finding.entry.email?.normalized ?? "\($0.finding.key)" }.values
        try await withThrowingTaskGroup(of: Reconciliation.Counts.self) { tasks in
            var waiting = groups.makeIterator()
            for _ in 0..<max(1, options.concurrency) {
                guard let group = waiting.next() else { break }
                tasks.addTask { try await look(atOneCustomer: group, askedAt) }
            }
            while let done = try await tasks.next() {
                counts.add(done)
                if let group = waiting.next() { tasks.addTask { try await look(atOneCustomer: group, askedAt) } }
            }
        }
        return counts
    }

    /// The end of a page that was looked at already.
    package func edge(of rows: [PostValue]) async throws -> PageEdge {
        let page = try findings(rows)
        var edge = PageEdge()
        edge.move(over: page, try await sorted(page))
        return edge
    }

    private func findings(_ rows: [PostValue]) throws -> [Finding] {
        var seen: Set<String> = []
        return try rows.compactMap { row in
            let entry = BookEntry(row: row, mode: mode)
            // Because rows that are booked while we read push others onto the next page.
            if let record = entry.record, !seen.insert(record).inserted { return nil }
            return try Finding(entry, account: account)
        }
    }

    /// What each is to the ledger of its order; those of one order in the order in which they came.
    private func sorted(_ findings: [Finding]) async throws -> [SortedFinding] {
        let ledgers = try await ledgers(of: findings)
        return Dictionary(grouping: findings) { $0.event.order?.number }
            .flatMap { number, group -> [SortedFinding] in
                guard let ledger = number.flatMap({ ledgers[$0] }) else {
                    return group.map { SortedFinding($0, isBeforeHorizon($0) ? .held : .unknown, nil) }
                }
                return zip(group, ledger.acquaintance(with: group.map(\.event)))
                    .map { finding, acquaintance in
                        SortedFinding(finding, finding.kind == .unreadable ? .unknown : acquaintance, ledger)
                    }
            }
    }

    func ledgers(of findings: [Finding]) async throws -> [String: Order] {
        try await store.read { try ledgers(of: findings, in: $0) }
    }

    func ledgers(of findings: [Finding], in transaction: Transaction) throws -> [String: Order] {
        let numbers = Set(findings.compactMap { $0.event.order?.number })
        return try transaction.orders(
            numbered: numbers,
            at: .thriveCart,
            account: account,
            mode: mode,
            of: site.id
        )
        .mapValues(\.ledger)
    }

    /// Healed in the order in which things happened; then how subscriptions stand is looked at, once each.
    private func look(
        atOneCustomer group: [SortedFinding],
        _ askedAt: Date
    ) async throws -> Reconciliation.Counts {
        var counts = Reconciliation.Counts()
        var record = CustomerRecord(books: books)
        for witness in group where witness.acquaintance == .witness {
            try await hear(witness.finding, asking: &record)
        }
        let unknown = group.filter { $0.acquaintance == .unknown }.map(\.finding)
        for finding in unknown.sorted(by: Finding.happenedBefore) {
            counts.count(try await heal(finding, asking: &record))
        }
        let findings = group.map(\.finding)
        var ledgers: [String: Order] = [:]
        for sorted in group {
            if let number = sorted.finding.event.order?.number { ledgers[number] = sorted.ledger }
        }
        if !unknown.isEmpty { ledgers = try await self.ledgers(of: findings) }
        for finding in standings(among: findings, ledgers, askedAt) {
            let outcome = try await heal(finding, asking: &record)
            // The row itself was counted as agreed already.
            if outcome != .agreed { counts.count(outcome) }
        }
        return counts
    }

    /// Who is told to leave a pause as it is has not said so of the next one: a subscription that stands otherwise by now
    /// has ended it.
    private func endIgnored(among findings: [Finding]) async throws {
        if options.isRehearsal { return }
        let over = findings.flatMap { finding -> [String] in
            guard let state = finding.entry.rowState, finding.item != nil else { return [] }
            return BookEntry.State.allCases.filter { $0 != state }.map(finding.key(of:))
        }
        if over.isEmpty { return }
        let moment = now()
        try await store.transaction { try $0.endIgnored(among: over, of: site.id, at: moment) }
    }

    private func isBeforeHorizon(_ finding: Finding) -> Bool {
        guard let horizon = options.horizon, let time = finding.entry.bookedAt else { return false }
        return time < horizon
    }

    /// Subscriptions that stand otherwise in the books than with us, each by its newest row.
    private func standings(among findings: [Finding], _ ledgers: [String: Order], _ askedAt: Date) -> [Finding] {
        var seen: Set<String> = []
        return findings.compactMap { finding in
            guard let state = finding.entry.rowState, let item = finding.item,
                let number = finding.event.order?.number, seen.insert("\(number)/\(item)").inserted,
                let ledger = ledgers[number], let known = ledger.item(item),
                state.disagrees(with: known, isOnlyItem: ledger.onlyItem == item)
            else { return nil }
            // Seen after everything that we know to have happened, whatever the two clocks say.
            let moment = max(
                beginning(
                    of: state,
                    known,
                    among: findings.filter { $0.item == item && $0.event.order?.number == number },
                    askedAt
                ),
                known.newestMoment.addingTimeInterval(1)
            )
            // Because a row that was read once is read again.
            return try? Finding(finding.entry.standing(state, since: moment), account: account)
        }
    }

    /// Since when the books prove that a subscription stands so: it runs again since money was taken after the pause,
    /// else since they were asked. What we hear of later is newer than that.
    private func beginning(
        of state: BookEntry.State,
        _ known: OrderItem,
        among rows: [Finding],
        _ askedAt: Date
    ) -> Date {
        guard state == .active, let pause = known.pauseInForce,
            let paidAt = rows.filter({ $0.kind == .payment }).compactMap(\.entry.bookedAt).max(), paidAt > pause.at
        else { return askedAt }
        return min(paidAt, askedAt)
    }
}
