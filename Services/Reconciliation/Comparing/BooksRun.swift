package import Domain
package import Foundation
import Postgres
package import Store
import ThriveCart

/// One run through the books of a site, newest first, that goes on where a killed one stood.
///
/// Safe to run twice: a page that was done is found to agree. What it has done is saved after each page; rows that are
/// booked meanwhile push others to later pages, never to earlier ones, so none is missed.
package struct BooksRun: Sendable {
    package typealias Wish = RunWish<BooksComparison.Options>

    /// Rows shift while pages are read, and webhooks are late: what was seen in the last two days is seen again.
    static let overlap: TimeInterval = 48 * 3600
    /// No subscription is paid less often than once a year.
    static let furthest: TimeInterval = 400 * 86_400

    private let dependencies: ReconciliationDependencies
    private let site: Site
    private let mode: Mode
    private let now: @Sendable () -> Date
    private var keeping: RunKeeping { RunKeeping(store: dependencies.store, now: now) }

    package init(
        _ site: Site,
        in mode: Mode,
        _ dependencies: ReconciliationDependencies,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.site = site
        self.mode = mode
        self.dependencies = dependencies
        self.now = now
    }

    /// Runs to the end of the books, or to where they are known.
    ///
    /// Throws `ReconciliationProblem`, and what keeps the books or the database from answering: the run then goes on at
    /// the next call. A rehearsal keeps nothing, not even that it was.
    /// - Parameter progress: hears of every page.
    package func run(
        _ wish: Wish,
        progress: @escaping @Sendable (Reconciliation) -> Void = { _ in }
    ) async throws -> Reconciliation {
        let fresh = try await fresh(wish)
        do {
            return try await read(wish, fresh, progress)
        } catch let error where !wish.comparing.isRehearsal && Self.isRefusal(error) {
            // Books that we may not read are not empty: that nothing was compared is told until it is put right.
            try await keeping.fail(fresh, "\(error)")
            throw error
        }
    }

    private func read(
        _ wish: Wish,
        _ fresh: Reconciliation,
        _ progress: @escaping @Sendable (Reconciliation) -> Void
    ) async throws -> Reconciliation {
        let books = try await dependencies.ownBooks(of: site, in: mode)
        var comparing = wish.comparing
        if wish.kind != .backfill { comparing.horizon = try await horizon(wish) }
        let comparison = BooksComparison(
            site,
            in: mode,
            books: books,
            store: dependencies.store,
            options: comparing,
            now: now
        )
        return try await keeping.run(fresh, isRehearsal: comparing.isRehearsal) { run, save in
            try await pages(of: books, run, comparison, save, progress)
        } lookAgain: {
            // What the daily comparison found is not a back-fill's, which tells nobody.
            if wish.kind == .backfill { return Reconciliation.Counts() }
            try await comparison.settleWhatWasTold()
            return try await comparison.lookAgain()
        }
    }

    /// Of the key, by the account: it will be the same the next time.
    private static func isRefusal(_ error: any Error) -> Bool {
        switch error {
        case ThriveCartAPIError.unauthorized, ReconciliationProblem.otherAccount: true
        default: false
        }
    }

    // MARK: Where it begins

    private func fresh(_ wish: Wish) async throws -> Reconciliation {
        let moment = now()
        return Reconciliation(
            site: site.id,
            provider: .thriveCart,
            mode: mode,
            kind: wish.kind,
            floor: wish.kind == .backfill ? wish.since : try await floor(wish, at: moment),
            at: moment
        )
    }

    /// Down to what was seen last less the overlap, and as deep as open subscriptions were paid last: pauses are
    /// nowhere but in how a subscription stands.
    private func floor(_ wish: Wish, at moment: Date) async throws -> Date {
        if let since = wish.since { return since }
        let seen = try await seen(at: moment)
        let open = try await dependencies.store.read { transaction in
            try transaction.oldestOpenPayment(of: site.id, at: .thriveCart, in: mode, now: moment)
        }
        return max(moment.addingTimeInterval(-Self.furthest), min(seen, open ?? seen))
    }

    /// What must be seen again, and from there on all that was never seen.
    private func seen(at moment: Date) async throws -> Date {
        let newest = try await dependencies.store.read { transaction in
            try transaction.reconciledUpTo(of: site.id, at: .thriveCart, in: mode)
        }
        let deepest = moment.addingTimeInterval(-Self.furthest)
        return max(deepest, newest?.addingTimeInterval(-Self.overlap) ?? deepest)
    }

    /// Whoever bought before we could read the books was never missed: that is for a back-fill, which sends no letters.
    private func horizon(_ wish: Wish) async throws -> Date? {
        let (key, backfill) = try await dependencies.store.read { transaction in
            (
                try transaction.apiKey(of: site.id, at: .thriveCart),
                try transaction.backfills(of: site.id, from: .thriveCart, in: mode)
            )
        }
        guard backfill != .whole, let key else { return nil }
        var horizons = [key.createdAt.addingTimeInterval(-Self.overlap)]
        if case .part(let floor) = backfill { horizons.append(floor) }
        if let since = wish.since { horizons.append(since) }
        return horizons.min()
    }

    // MARK: Page after page

    private func pages(
        of books: ThriveCartAPI,
        _ begun: Reconciliation,
        _ comparison: BooksComparison,
        _ save: RunKeeping.Save,
        _ progress: @Sendable (Reconciliation) -> Void
    ) async throws -> Reconciliation {
        var run = begun
        var edge = PageEdge()
        // A run that was interrupted saw this page's end already.
        if run.page > 1 { edge = try await comparison.edge(of: books.transactions(page: run.page - 1).rows) }
        let seen = try await seen(at: run.startedAt)
        progress(run)
        while true {
            try Task.checkCancellation()
            let askedAt = now()
            var page = try await books.transactions(page: run.page)
            run.total = page.total ?? run.total
            if page.rows.isEmpty, isShort(run) { page = try await books.transactions(page: run.page) }
            if run.page == 1 { run.newest = page.rows.lazy.compactMap(\.bookedAt).first.map { min($0, run.startedAt) } }
            if page.rows.isEmpty {
                if isShort(run) { run.newest = nil }
                break
            }
            run.counts.add(try await comparison.look(at: page.rows, after: &edge, askedAt: askedAt))
            run.page += 1
            try await save(run)
            progress(run)
            if let floor = run.floor, isBelow(floor, page) { break }
        }
        // The next run begins where this one has seen all that was new, and nowhere else.
        if let floor = run.floor, floor > seen { run.newest = nil }
        return run
    }

    /// Whether the books say that they hold more than they have shown.
    private func isShort(_ run: Reconciliation) -> Bool { run.counts.rows < run.total ?? 0 }

    /// By most of its rows: one with a strange date ends nothing.
    private func isBelow(_ floor: Date, _ page: TransactionPage) -> Bool {
        let times = page.rows.compactMap(\.bookedAt)
        return !times.isEmpty && times.count { $0 < floor } * 2 > times.count
    }
}

extension PostValue {
    fileprivate var bookedAt: Date? { BookEntry(row: self, mode: .live).bookedAt }
}
