import Foundation
import Store

/// Whether the providers' books are compared with ours, and what of it waits for a person.
struct BooksExamination {
    let desk: Desk

    func findings() async -> [Finding] {
        do {
            let standings = try await desk.store.read { try $0.reconciliationStandings() }
            return standings.flatMap { examine($0, at: .now) }
        } catch {
            return [Finding(.work, error)]
        }
    }

    private func examine(_ standing: ReconciliationStanding, at now: Date) -> [Finding] {
        var findings: [Finding] = []
        if standing.isOverdue(at: now) {
            findings.append(
                .problem(
                    .work,
                    "\(standing.slug): the books were not compared for 26 hours",
                    fix: "see that reconciliation runs, or: gatehouse reconcile run --site \(standing.slug)"
                )
            )
        }
        if standing.needsPerson > 0 {
            findings.append(
                .warning(
                    .work,
                    "\(standing.slug): \(standing.needsPerson) discrepancies need a person",
                    fix: "gatehouse discrepancies list --site \(standing.slug) --state person"
                )
            )
        }
        return findings.isEmpty ? [.ok(.work, "\(standing.slug): the books are compared")] : findings
    }
}
