import Foundation
import Store

/// Whether the providers' books are compared with ours, and what of it waits for a person.
struct BooksExamination {
    let desk: Desk

    func findings() async -> [Finding] {
        do {
            let standings = try await desk.store.read { try $0.reconciliationStandings() + $0.payPalStandings() }
            return standings.flatMap { examine($0, at: .now) }
        } catch {
            return [Finding(.work, error)]
        }
    }

    private func examine(_ standing: ReconciliationStanding, at now: Date) -> [Finding] {
        var findings: [Finding] = []
        let run = "gatehouse reconcile run " + (standing.slug.map { "--site \($0)" } ?? "--provider paypal")
        let list = "gatehouse discrepancies list " + (standing.slug.map { "--site \($0)" } ?? "--provider paypal")
        if let problem = standing.problem {
            findings.append(
                .problem(
                    .work,
                    "\(standing.name): the books can't be read: \(problem)",
                    fix: standing.slug.map {
                        "gatehouse site update \($0) --thrivecart-api-key-file FILE, then: \(run)"
                    }
                        ?? "put the app's client id and secret in PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET, then: \(run)"
                )
            )
        }
        if standing.isOverdue(at: now) {
            findings.append(
                .problem(
                    .work,
                    "\(standing.name): the books were not compared for 26 hours",
                    fix: "see that reconciliation runs, or: \(run)"
                )
            )
        }
        if standing.needsPerson > 0 {
            findings.append(
                .warning(
                    .work,
                    "\(standing.name): \(standing.needsPerson) discrepancies need a person",
                    fix: "\(list) --state person"
                )
            )
        }
        return findings.isEmpty ? [.ok(.work, "\(standing.name): the books are compared")] : findings
    }
}
