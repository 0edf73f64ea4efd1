import Foundation
package import Jobs
import Logging
import Metrics
import Postgres
import Store

/// Checks what must always hold of our books, every hour; a grave violation stops all charging.
///
/// Safe to run twice: it looks, and pauses what is not paused yet.
package struct CheckRenewalInvariants: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "renewals.check-invariants"
    package static let queue = QueueName.renewals
    package static let policy = JobPolicy(
        attempts: 3,
        backoff: .exponential(from: .seconds(10)),
        timeout: .seconds(600)
    )

    // What is done.

    package func run(_ deps: RenewalDependencies, _ context: JobContext) async throws -> JobOutcome {
        try await deps.whileDatabaseAnswers(context.logger) { try await check(deps, context) }
    }

    private func check(_ deps: RenewalDependencies, _ context: JobContext) async throws -> JobOutcome {
        let now = context.now()
        for invariant in RenewalInvariant.all {
            let found = try await deps.store.read { try $0.violations(of: invariant, at: now) }
            guard let first = found.first else { continue }
            Counter(label: "renewals_invariant_violations_total", dimensions: [("invariant", invariant.name)])
                .increment(by: found.count)
            context.logger.error(
                "an invariant of renewals is violated",
                metadata: [
                    "invariant": "\(invariant.name)", "says": "\(invariant.says)", "count": "\(found.count)",
                    "subscription": "\(first.subscription.map(\.description) ?? "-")", "detail": "\(first.detail)",
                ]
            )
            guard invariant.isGrave else { continue }
            try await deps.pause(by: .invariants, "\(invariant.name): \(invariant.says)", at: now, context.logger)
        }
        return .done
    }
}
