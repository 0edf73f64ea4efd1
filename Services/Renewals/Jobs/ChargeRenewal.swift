package import Domain
import Foundation
package import Jobs
import Logging
import Metrics
import PayPal
import Postgres
package import Store

/// Charges one due period of a vault subscription, or finds out what became of a charge.
///
/// Safe to run twice, at once, or by a worker that was away for hours: what may be done is decided under the lock of the
/// subscription's row, is written down before it is done, and PayPal gets the same request id for the same charge.
package struct ChargeRenewal: Job {
    // What is asked.

    package var subscription: VaultSubscription.ID
    /// Charges of one merchant share its slots.
    package var merchant: Merchant.ID
    package var period: Int
    /// An operator wants it now, between two steps of dunning.
    package var isWanted: Bool

    package init(_ due: DueRenewal) {
        self.init(subscription: due.subscription, merchant: due.merchant, period: due.period)
    }

    package init(
        subscription: VaultSubscription.ID,
        merchant: Merchant.ID,
        period: Int,
        isWanted: Bool = false
    ) {
        self.subscription = subscription
        self.merchant = merchant
        self.period = period
        self.isWanted = isWanted
    }

    // How it is run.

    package static let kind: JobKind = "renewals.charge"
    package static let queue = QueueName.renewals
    package static let policy = JobPolicy(
        attempts: 10,
        backoff: .exponential(from: .seconds(5), upTo: .seconds(600)),
        lease: .seconds(30),
        timeout: .seconds(120),
        holdsGroup: false,
        groupSlots: 8
    )
    package var uniqueKey: String? { "\(subscription)/\(period)" + (isWanted ? "/now" : "") }
    package var group: String? { merchant.description }

    // What is done.

    package func run(_ deps: RenewalDependencies, _ context: JobContext) async throws -> JobOutcome {
        try await deps.whileDatabaseAnswers(context.logger) { try await charge(deps, context) }
    }

    private func charge(_ deps: RenewalDependencies, _ context: JobContext) async throws -> JobOutcome {
        if case .wait(let time) = try await deps.turns.mayBegin() { return .snoozed(time) }
        let event: RenewalEvent = isWanted ? .chargeNow(period: period) : .wake
        let begun = try await deps.turns.begin(
            RenewalNotice(event, of: subscription, from: .api, at: context.now())
        )
        switch begun {
        case .missing: return .discarded("no such subscription")
        case .paused(let pause):
            context.logger.notice("charging is paused", metadata: ["source": "\(pause.source)"])
            return .snoozed(.seconds(300))
        case .turn(let turn, let committed):
            var state = turn.renewal.state
            for command in turn.commands {
                if let after = try await deps.carryOut(command, of: turn, committed: committed, context) {
                    state = after
                }
            }
            return outcome(state, at: context.now())
        }
    }

    /// What comes soon stays in the queue; the sweep brings the rest.
    private func outcome(_ state: RenewalState, at now: Date) -> JobOutcome {
        guard !isWanted, state.current == period || state.attempts.contains(where: { $0.state.isOpen }),
            let wake = state.wakeAt
        else { return .done }
        let wait = wake.timeIntervalSince(now)
        return wait <= SweepDueRenewals.ahead ? .snoozed(.milliseconds(Int64(max(1, wait) * 1000))) : .done
    }
}
