import Domain
import Foundation
package import Jobs
import Logging
import Metrics
import Postgres
import Store

/// Checks what must always hold of our books and PayPal's, every hour; a grave violation stops all charging.
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
        let check = InvariantCheck(
            store: deps.store,
            paypal: deps.paypal,
            sealer: deps.sealer,
            reach: .init(searchesTransactions: deps.options.searchesTransactions)
        )
        let verdicts = try await check.run(at: now)
        let known = try await check.known()
        for verdict in verdicts {
            let new = verdict.violations.filter { !known.contains($0.key) }
            guard let first = new.first ?? verdict.violations.first else { continue }
            Counter(label: "renewals_invariant_violations_total", dimensions: [("invariant", verdict.invariant)])
                .increment(by: new.count)
            // What a person has resumed from wakes nobody a second time.
            context.logger.log(
                level: new.isEmpty ? .notice : .error,
                new.isEmpty ? "a known violation stands" : "an invariant of renewals is violated",
                metadata: [
                    "invariant": "\(verdict.invariant)", "says": "\(verdict.says)",
                    "count": "\(new.isEmpty ? verdict.violations.count : new.count)",
                    "subscription": "\(first.subscription.map(\.description) ?? "-")", "detail": "\(first.detail)",
                ]
            )
        }
        if try await check.pause(for: verdicts, at: now) {
            context.logger.error(
                "charging is paused now",
                metadata: ["source": "invariants", "fix": "gatehouse invariants, then gatehouse renewals resume"]
            )
        }
        return .done
    }
}
