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
        /// False for a back-fill: what it brings was never missed.
        package var keepsHealed = true
        /// Orders that nobody told us of, and that are older than this, are a back-fill's business.
        package var horizon: Date?
        /// How many customers are looked at together.
        package var concurrency = 4

        package init() {}
    }

    private let store: Store
    private let site: Site
    private let mode: Mode
    private let books: ThriveCartAPI
    private let options: Options
    private let now: @Sendable () -> Date

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

    private var account: String { site.thriveCartAccount ?? "" }

    // MARK: A page

    /// Looks at rows, the newest first as they came. Throws what keeps the page from being done; it may be done again.
    /// - Parameter edge: the end of the page before; afterwards this one's.
    package func look(
        at rows: [PostValue],
        after edge: inout PageEdge
    ) async throws -> Reconciliation.Counts {
        let page = try findings(rows)
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
                tasks.addTask { try await look(atOneCustomer: group) }
            }
            while let done = try await tasks.next() {
                counts.add(done)
                if let group = waiting.next() { tasks.addTask { try await look(atOneCustomer: group) } }
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

    private func ledgers(of findings: [Finding]) async throws -> [String: Order] {
        let numbers = Set(findings.compactMap { $0.event.order?.number })
        return try await store.read { transaction in
            try transaction.orders(
                numbered: numbers,
                at: .thriveCart,
                account: account,
                mode: mode,
                of: site.id
            )
            .mapValues(\.ledger)
        }
    }

    /// Healed in the order in which things happened; then how subscriptions stand is looked at, once each.
    private func look(atOneCustomer group: [SortedFinding]) async throws -> Reconciliation.Counts {
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
        for finding in standings(among: findings, ledgers) {
            counts.count(try await heal(finding, asking: &record))
        }
        return counts
    }

    private func isBeforeHorizon(_ finding: Finding) -> Bool {
        guard let horizon = options.horizon, let time = finding.entry.bookedAt else { return false }
        return time < horizon
    }

    /// Subscriptions that stand otherwise in the books than with us, each by its newest row.
    private func standings(among findings: [Finding], _ ledgers: [String: Order]) -> [Finding] {
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
                    among: findings.filter { $0.item == item && $0.event.order?.number == number }
                ),
                known.newestMoment.addingTimeInterval(1)
            )
            // Because a row that was read once is read again.
            return try? Finding(finding.entry.standing(state, since: moment), account: account)
        }
    }

    /// Since when the books prove that a subscription stands so: it runs again since money was taken after the pause,
    /// else since we see it.
    private func beginning(of state: BookEntry.State, _ known: OrderItem, among rows: [Finding]) -> Date {
        let now = now().inWholeSeconds
        guard state == .active, let pause = known.pauseInForce,
            let paidAt = rows.filter({ $0.kind == .payment }).compactMap(\.entry.bookedAt).max(), paidAt > pause.at
        else { return now }
        return min(paidAt, now)
    }

    // MARK: One finding

    private func heal(_ finding: Finding, asking record: inout CustomerRecord) async throws -> Outcome {
        let kept = try await store.read { try $0.discrepancy(keyed: finding.key, of: site.id) }
        if kept?.state == .ignored { return .agreed }
        if finding.kind == .unreadable {
            return try await keep(finding, .person, "it names no order or item that we can read")
        }
        let customer = try await record.of(finding.entry.email)
        switch finding.confirmed(by: customer) {
        case .contradicted(let reason):
            return try await keep(finding, .person, reason)
        case .confirmed(let entry):
            let foundBefore = kept.flatMap { $0.state == .healed ? nil : $0 }
            if finding.takesAway, isTooYoung(finding, foundAt: foundBefore?.foundAt) {
                return try await keep(finding, .found, "a webhook may still be on its way")
            }
            return try await apply(try Finding(entry, account: account))
        }
    }

    /// By the provider's clock where the row has a time, else by when we found it. Source: rule H3.
    private func isTooYoung(_ finding: Finding, foundAt: Date?) -> Bool {
        let end = now().addingTimeInterval(-options.inFlight)
        if let foundAt, foundAt <= end { return false }
        guard finding.entry.state == nil, let bookedAt = finding.entry.bookedAt else { return options.inFlight > 0 }
        return bookedAt > end && options.inFlight > 0
    }

    private func keep(_ finding: Finding, _ state: Discrepancy.State, _ reason: String) async throws -> Outcome {
        if !options.isRehearsal {
            let discrepancy = finding.discrepancy(of: site.id, state, reason, at: now())
            try await store.transaction { try $0.save(discrepancy) }
        }
        return state == .person ? .person : .waiting
    }

    /// Writes down by its own name what the ledger holds by another, so that what happened near it is not taken for it.
    private func hear(_ witness: Finding, asking record: inout CustomerRecord) async throws {
        guard case .confirmed(let entry) = witness.confirmed(by: try await record.of(witness.entry.email)) else {
            return
        }
        _ = try await apply(try Finding(entry, account: account))
    }

    private func apply(_ finding: Finding) async throws -> Outcome {
        let moment = now()
        let delivery = InboundDelivery(
            site: site.id,
            provider: .thriveCart,
            source: .reconciliation,
            receivedAt: moment,
            body: finding.entry.body
        )
        do {
            return try await store.transaction { transaction in
                let kept = try transaction.lockDiscrepancy(finding.key, of: site.id)
                if kept?.state == .ignored { return .agreed }
                try transaction.tell(only: options.hearers)
                let applied = try transaction.apply(delivery, at: moment)
                // By another road, and never missed.
                let isKnown = if case .kept(_, .known) = applied { kept == nil } else { false }
                let outcome = isKnown ? .agreed : try settle(applied, finding, in: transaction, moment)
                if options.isRehearsal { throw Undone(outcome: outcome) }
                return outcome
            }
        } catch let undone as Undone {
            return undone.outcome
        }
    }

    private func settle(
        _ applied: Applied,
        _ finding: Finding,
        in transaction: Transaction,
        _ moment: Date
    ) throws -> Outcome {
        switch applied {
        case .kept(let event, let verdict):
            if options.keepsHealed {
                try transaction.save(
                    finding.discrepancy(of: site.id, .healed, verdict.reason, event: event, at: moment)
                )
            }
            return .healed
        case .known:
            try transaction.save(
                finding.discrepancy(of: site.id, .person, "it was applied before, without effect", at: moment)
            )
            return .person
        case .noSite: return .agreed
        }
    }

    private struct Undone: Error {
        var outcome: Outcome
    }

    // MARK: What was found before

    /// Looks again at what was too young. Answers what became of it.
    package func lookAgain() async throws -> Reconciliation.Counts {
        let end = now().addingTimeInterval(-options.inFlight)
        return try await store.lookAgain(at: .thriveCart, of: site.id, in: mode, foundBy: end, lookAgain(at:))
    }

    package func lookAgain(at discrepancy: Discrepancy) async throws -> Outcome {
        guard var entry = BookEntry(body: discrepancy.body) else { return .person }
        var finding = try Finding(entry, account: account)
        let ledger = try await ledgers(of: [finding]).values.first
        let known = finding.item.flatMap { ledger?.item($0) }
        let isOnlyItem = ledger?.onlyItem == finding.item
        var isSo = ledger?.knows(finding.event) != true
        if let state = entry.state {
            isSo = known.map { state.disagrees(with: $0, isOnlyItem: isOnlyItem) } ?? true
            if let known, let observed = entry.observedAt, observed <= known.newestMoment {
                entry.observedAt = known.newestMoment.addingTimeInterval(1)
                finding = try Finding(entry, account: account)
            }
        }
        guard isSo else {
            let settled = finding.discrepancy(of: site.id, .healed, "a webhook told it", at: now())
            try await store.transaction { try $0.save(settled) }
            return .healed
        }
        var record = CustomerRecord(books: books)
        return try await heal(finding, asking: &record)
    }
}
