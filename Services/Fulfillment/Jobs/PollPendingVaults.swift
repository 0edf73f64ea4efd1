import Domain
import Foundation
package import Jobs
import Logging
import PayPal
import Store

/// Asks PayPal for vault tokens that should have come by event, so that no buyer has paid for renewals that never happen.
///
/// Safe to run twice: a subscription that has its token is asked about no more.
package struct PollPendingVaults: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "fulfillment.poll-pending-vaults"
    package static let queue = QueueName.fulfillment
    package static let policy = JobPolicy(attempts: 3, backoff: .exponential(from: .seconds(5)), timeout: .seconds(300))

    private static let page = 50
    private static let pause: TimeInterval = 300
    /// After that PayPal will not make it any more, and a person has to look.
    private static let patience: TimeInterval = 3 * 86_400

    // What is done.

    package func run(_ deps: FulfillmentDependencies, _ context: JobContext) async throws -> JobOutcome {
        guard let payPal = deps.payPal else { return .discarded("PayPal is not set up") }
        let now = context.now()
        let waiting = try await deps.store.transaction { transaction in
            try transaction.vaultSubscriptions(toPollAt: now, limit: Self.page).map {
                ($0, try transaction.merchant($0.merchant))
            }
        }
        for case (let subscription, let merchant?) in waiting {
            var token: VaultTokenAnswer?
            if let customer = subscription.customerID {
                let reply = await payPal.vaultTokens(ofCustomer: customer, of: merchant.payPalID)
                token = reply.value?.first { $0.source == nil || $0.source == subscription.source.rawValue }
            }
            let isOver = now.timeIntervalSince(subscription.createdAt) > Self.patience
            try await deps.store.transaction { [token] transaction in
                if let token {
                    try transaction.attach(token, to: subscription, sealer: deps.sealer)
                } else {
                    let next = isOver ? nil : now.addingTimeInterval(Self.pause)
                    try transaction.postponeVaultPoll(of: subscription.id, until: next)
                }
            }
            if token == nil, isOver {
                context.logger.error("no vault token came", metadata: ["subscription": "\(subscription.id)"])
            }
        }
        return .done
    }
}
