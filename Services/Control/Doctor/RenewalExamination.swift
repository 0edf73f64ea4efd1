import Foundation
import Postgres
import Store

/// Whether anybody is kept from being charged, and what of it waits for a person.
struct RenewalExamination {
    let desk: Desk

    func findings() async -> [Finding] {
        do {
            return try await desk.store.read { transaction in
                let now = Date.now
                let pauses = try transaction.renewalPauses().map(PauseEntry.init)
                return examine(pauses, try transaction.renewalFigures(at: now), at: now)
            }
        } catch {
            return [Finding(.work, error)]
        }
    }

    private func examine(_ pauses: [PauseEntry], _ figures: RenewalFigures, at now: Date) -> [Finding] {
        var findings: [Finding] = pauses.map { .warning(.work, $0.sentence, fix: $0.fix) }
        if figures.review > 0 {
            findings.append(
                .warning(
                    .work,
                    "\(figures.review) charges or periods wait for a person",
                    fix: "gatehouse renewals due, then gatehouse renewals explain and resolve"
                )
            )
        }
        let late = figures.oldestDue.map { now.timeIntervalSince($0) } ?? 0
        if late > 2 * 3600, pauses.isEmpty {
            findings.append(
                .problem(
                    .work,
                    "\(figures.due) renewals are due, the oldest for \(Span.text(.seconds(Int(min(late, 1e9)))))",
                    fix: "start renewals, see Procfile; its log says why it stopped"
                )
            )
        }
        let unsent = figures.oldestUnsent.map { now.timeIntervalSince($0) } ?? 0
        if unsent > 2 * 3600, pauses.isEmpty {
            findings.append(
                .problem(
                    .work,
                    "\(figures.unsent) charges could not be sent, the oldest for \(Span.text(.seconds(Int(min(unsent, 1e9)))))",
                    fix:
                        "see why PayPal is not reached, or refuses our client id: the log of renewals says \"PayPal did not answer\""
                )
            )
        }
        return findings.isEmpty ? [.ok(.work, "renewals: \(figures.due) due, nothing waits for a person")] : findings
    }
}
