internal import Domain
package import Jobs
internal import Store

/// Lets PayPal forget the payment methods of subscriptions that have ended, where it could not be told at once.
///
/// Safe to run twice: a token that is gone is gone.
package struct PurgeVaultTokens: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "product-api.purge-vault-tokens"
    package static let queue = QueueName.productAPI
    package static let policy = JobPolicy(
        attempts: 3,
        backoff: .exponential(from: .seconds(10)),
        timeout: .seconds(300)
    )
    package var uniqueKey: String? { "all" }

    private static let page = 50

    // What is done.

    /// All of them: what PayPal can't delete now must not hold up what it can.
    package func run(_ api: ProductAPI, _ context: JobContext) async throws -> JobOutcome {
        let end = ContinuousClock.now + SettleCaptures.longestRun
        var last: VaultSubscription.ID?
        repeat {
            let page = try await api.store.read { [last] in try $0.vaultTokensToPurge(after: last, limit: Self.page) }
            for subscription in page {
                guard ContinuousClock.now < end else { return .done }
                guard let merchant = try await api.store.read({ try $0.merchant(subscription.merchant) }) else {
                    continue
                }
                _ = try await api.purgeVaultToken(of: subscription, merchant: merchant)
            }
            last = page.count == Self.page ? page.last?.id : nil
        } while last != nil
        return .done
    }
}
