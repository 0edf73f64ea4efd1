import Domain
import Foundation
import Store

/// Whether every plan of a site that sells by a checkout can be bought there. Source: rule H7.
struct PlanExamination {
    let desk: Desk

    func findings() async -> [Finding] {
        do {
            return try await desk.store.read { transaction in
                try transaction.sites().filter { $0.status == .active && $0.thriveCartAccount != nil }
                    .flatMap { try examine(transaction.plans(of: $0.id), of: $0) }
            }
        } catch {
            return [Finding(.work, error)]
        }
    }

    private func examine(_ plans: [Plan], of site: Site) -> [Finding] {
        plans.filter(\.items.isEmpty).map { plan in
            .warning(
                .work,
                "\(site.slug): no item opens the plan \(plan.slug), so whoever pays for it gets nothing",
                fix: "gatehouse plan link \(plan.slug) --site \(site.slug) --item EXTERNAL-ID"
            )
        }
    }
}
