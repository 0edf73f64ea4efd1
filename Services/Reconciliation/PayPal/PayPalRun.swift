import Domain
package import Foundation
import PayPal
import Postgres
package import Store

/// One run through PayPal's books, part after part; a killed one goes on with the part in which it stood.
///
/// Safe to run twice: what was healed is found to agree.
package struct PayPalRun: Sendable {
    /// Without a day, to the end of the last run that succeeded, less the overlap.
    package typealias Wish = RunWish<PayPalComparison.Options>

    /// What is compared, in this order: events first, because they say the most.
    package enum Part: Int, Sendable, CaseIterable {
        case events = 1
        case money, openEnds, merchants

        package var name: String {
            switch self {
            case .events: "events"
            case .money: "transactions"
            case .openEnds: "open payments"
            case .merchants: "merchants"
            }
        }
    }

    /// PayPal's books are hours behind, and events are late.
    static let overlap: TimeInterval = 48 * 3600
    /// PayPal lists events for so long.
    static let memoryOfEvents: TimeInterval = 30 * 86_400
    /// Its transactions go back three years.
    static let memoryOfMoney: TimeInterval = 3 * 365 * 86_400

    private let dependencies: ReconciliationDependencies
    private let now: @Sendable () -> Date
    private var keeping: RunKeeping { RunKeeping(store: dependencies.store, now: now) }

    package init(_ dependencies: ReconciliationDependencies, now: @escaping @Sendable () -> Date = { Date() }) {
        self.dependencies = dependencies
        self.now = now
    }

    /// Runs to the end. Throws `ReconciliationProblem`, and what keeps PayPal or the database from answering: the run
    /// then goes on at the next call. A rehearsal keeps nothing, not even that it was.
    /// - Parameter progress: hears of every part and every merchant.
    package func run(
        _ wish: Wish,
        progress: @escaping @Sendable (Reconciliation) -> Void = { _ in }
    ) async throws -> Reconciliation {
        guard let comparison = PayPalComparison(dependencies, options: wish.comparing, now: now) else {
            throw ReconciliationProblem.noPayPal
        }
        let fresh = try await fresh(wish, comparison)
        do {
            return try await keeping.run(fresh, isRehearsal: wish.comparing.isRehearsal) { run, save in
                try await parts(of: run, comparison, save, progress)
            } lookAgain: {
                try await comparison.lookAgain()
            }
        } catch let outage as PayPalOutage where outage.reason == .credentials && !wish.comparing.isRehearsal {
            // Books that we may not read are not empty: that nothing was compared is told until it is put right.
            try await keeping.fail(fresh, "PayPal refuses our client id and secret")
            throw outage
        }
    }

    private func fresh(_ wish: Wish, _ comparison: PayPalComparison) async throws -> Reconciliation {
        let moment = now()
        return Reconciliation(
            site: nil,
            provider: .payPal,
            mode: comparison.mode,
            kind: wish.kind,
            floor: try await floor(wish, comparison, at: moment),
            at: moment
        )
    }

    /// As deep as the last run saw, and as the oldest charge whose outcome nobody knows.
    private func floor(_ wish: Wish, _ comparison: PayPalComparison, at moment: Date) async throws -> Date {
        let deepest = moment.addingTimeInterval(-Self.memoryOfMoney)
        if let since = wish.since { return max(since, deepest) }
        let seen = try await seen(comparison, at: moment)
        let open = try await dependencies.store.read { try $0.oldestOpenCharge(in: comparison.environment) }
        return max(deepest, min(seen, open.map { $0.addingTimeInterval(-300) } ?? seen))
    }

    /// What must be seen again, and from there on all that was never seen.
    private func seen(_ comparison: PayPalComparison, at moment: Date) async throws -> Date {
        let newest = try await dependencies.store.read { transaction in
            try transaction.reconciledUpTo(of: nil, at: .payPal, in: comparison.mode)
        }
        let seen = newest?.addingTimeInterval(-Self.overlap) ?? moment.addingTimeInterval(-Self.memoryOfEvents)
        return max(seen, moment.addingTimeInterval(-Self.memoryOfMoney))
    }

    // MARK: Part after part

    private func parts(
        of begun: Reconciliation,
        _ comparison: PayPalComparison,
        _ save: RunKeeping.Save,
        _ progress: @Sendable (Reconciliation) -> Void
    ) async throws -> Reconciliation {
        var run = begun
        // A run that was interrupted sees as much as it began with; what came meanwhile is the next one's.
        let end = run.startedAt
        let floor = run.floor ?? end.addingTimeInterval(-Self.memoryOfEvents)
        // The next run begins where this one has seen all that was new, and nowhere else.
        run.newest = try await floor <= seen(comparison, at: end) ? end : nil
        progress(run)
        while let part = Part(rawValue: run.page) {
            switch part {
            case .events:
                let start = max(floor, end.addingTimeInterval(-Self.memoryOfEvents))
                run.counts.add(try await comparison.lookForMissedEvents(from: start, to: end))
            case .money:
                try await eachMerchant(part, comparison, &run, progress) { merchant in
                    try await comparison.compareMoney(of: merchant, from: floor, to: end)
                }
            case .openEnds:
                try await eachMerchant(part, comparison, &run, progress) { merchant in
                    try await comparison.lookAtOpenEnds(of: merchant)
                }
            case .merchants:
                try await eachMerchant(part, comparison, &run, progress) { merchant in
                    var counts = Reconciliation.Counts()
                    counts.rows = 1
                    counts.count(try await comparison.look(at: merchant))
                    return counts
                }
            }
            run.page += 1
            try await save(run)
            progress(run)
        }
        return run
    }

    /// One merchant of whom PayPal says nothing keeps no other from being compared. Several in a row, or all there are,
    /// are an outage, which is thrown.
    private func eachMerchant(
        _ part: Part,
        _ comparison: PayPalComparison,
        _ run: inout Reconciliation,
        _ progress: @Sendable (Reconciliation) -> Void,
        _ body: (Merchant) async throws -> Reconciliation.Counts
    ) async throws {
        let silence = Silence()
        var silent: [(Merchant, PayPalOutage)] = []
        var isHeard = false
        var last: Merchant.ID?
        repeat {
            let page = try await dependencies.store.read { [last] transaction in
                try transaction.connectedMerchants(in: comparison.environment, after: last, limit: 100)
            }
            for merchant in page {
                try Task.checkCancellation()
                do {
                    run.counts.add(try await body(merchant))
                    try await comparison.settle(Self.silence(of: merchant, part))
                    silence.end()
                    isHeard = true
                } catch let outage as PayPalOutage where outage.mayBeOfOne && silence.goesOn() {
                    silent.append((merchant, outage))
                }
                progress(run)
            }
            last = page.last?.id
        } while last != nil
        if !isHeard, let outage = silent.last?.1 { throw outage }
        for (merchant, outage) in silent {
            let reason = "PayPal does not answer about the account's \(part.name): \(outage.reason.rawValue)"
            let name = Self.silence(of: merchant, part)
            run.counts.count(try await comparison.note(.search, name, of: merchant, .person, reason))
        }
    }

    private static func silence(of merchant: Merchant, _ part: Part) -> String { "silence/\(part)/\(merchant.id)" }
}

extension PayPalOutage {
    /// Whether it may be about nothing but what was asked.
    fileprivate var mayBeOfOne: Bool {
        switch reason {
        case .serverError, .timedOut, .unreadableAnswer: true
        default: false
        }
    }
}
