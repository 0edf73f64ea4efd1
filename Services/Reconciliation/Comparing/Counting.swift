package import Domain
package import Foundation
package import Store

/// What became of one finding.
package enum Outcome: Sendable { case agreed, healed, waiting, person }

extension Reconciliation.Counts {
    mutating func add(_ other: Self) {
        rows += other.rows
        agreed += other.agreed
        healed += other.healed
        waiting += other.waiting
        needsPerson += other.needsPerson
    }

    mutating func count(_ outcome: Outcome) {
        switch outcome {
        case .agreed: agreed += 1
        case .healed: healed += 1
        case .waiting: waiting += 1
        case .person: needsPerson += 1
        }
    }
}

extension Store {
    /// Looks again at what was found by `end` and waits since then, page by page.
    func lookAgain(
        at provider: Provider,
        of site: Site.ID?,
        in mode: Mode,
        foundBy end: Date,
        _ look: (Discrepancy) async throws -> Outcome
    ) async throws -> Reconciliation.Counts {
        var counts = Reconciliation.Counts()
        try await eachDiscrepancy(.found, at: provider, of: site, in: mode, foundBy: end) { discrepancy in
            counts.rows += 1
            counts.count(try await look(discrepancy))
        }
        return counts
    }

    func eachDiscrepancy(
        _ state: Discrepancy.State,
        at provider: Provider,
        of site: Site.ID?,
        in mode: Mode,
        foundBy end: Date,
        _ body: (Discrepancy) async throws -> Void
    ) async throws {
        var last: Discrepancy.ID?
        repeat {
            let page = try await read { [last] transaction in
                try transaction.discrepancies(
                    state,
                    of: site,
                    at: provider,
                    in: mode,
                    foundBy: end,
                    after: last,
                    limit: 100
                )
            }
            for discrepancy in page { try await body(discrepancy) }
            last = page.last?.id
        } while last != nil
    }
}
