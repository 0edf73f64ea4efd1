import Domain
package import Jobs
import Logging
import PayPal
import Sealing
import Store

/// Deletes at PayPal the vault tokens of subscriptions that ended while PayPal was away, or by a merchant's leaving.
///
/// Safe to run twice: a token that is gone is as good as one that is deleted.
package struct PurgeVaultTokens: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "fulfillment.purge-vault-tokens"
    package static let queue = QueueName.fulfillment
    package static let policy = JobPolicy(attempts: 3, backoff: .exponential(from: .seconds(5)), timeout: .seconds(300))

    private static let page = 50

    // What is done.

    package func run(_ deps: FulfillmentDependencies, _ context: JobContext) async throws -> JobOutcome {
        guard let payPal = deps.payPal else { return .discarded("PayPal is not set up") }
        let ended = try await deps.store.transaction { transaction in
            try transaction.vaultTokensToPurge(limit: Self.page).map { subscription in
                (
                    subscription, try transaction.vaultToken(of: subscription.id),
                    try transaction.merchant(subscription.merchant)
                )
            }
        }
        var count = 0
        for case (let subscription, let sealed?, let merchant?) in ended {
            let token: String
            do {
                token = try deps.sealer.openText(sealed, for: VaultSubscription.place(ofTokenOf: subscription.id))
            } catch {
                context.logger.error(
                    "a vault token can't be opened",
                    metadata: ["subscription": "\(subscription.id)", "error": "\(error)"]
                )
                continue
            }
            switch await payPal.deleteVaultToken(token, of: merchant.payPalID) {
            case .answered:
                break
            case .rejected(let rejection):
                // A merchant that took its consent back: its tokens are out of our reach, and so of no use to anybody.
                context.logger.warning(
                    "a vault token can't be purged",
                    metadata: ["subscription": "\(subscription.id)", "reason": "\(rejection.reason)"]
                )
            case .unavailable, .unknown:
                return .done  // the next round tries again
            }
            try await deps.store.transaction { _ = try $0.forgetVaultToken(of: subscription.id) }
            count += 1
        }
        if count > 0 { context.logger.info("vault tokens purged", metadata: ["count": "\(count)"]) }
        return .done
    }
}
