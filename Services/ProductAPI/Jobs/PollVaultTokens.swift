internal import Domain
internal import Foundation
package import Jobs
internal import Logging
internal import PayPal
internal import Store

/// Asks PayPal for vault tokens that should have come with a first charge.
///
/// A token that is found is kept, and the shop's next activation uses it. Safe to run twice: a subscription keeps its first
/// token.
package struct PollVaultTokens: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "product-api.poll-vault-tokens"
    package static let queue = QueueName.productAPI
    package static let policy = JobPolicy(
        attempts: 3,
        backoff: .exponential(from: .seconds(10)),
        timeout: .seconds(300)
    )
    package var uniqueKey: String? { "all" }

    /// From then on only PayPal's event brings it.
    private static let end: TimeInterval = 3 * 86_400

    // What is done.

    package func run(_ api: ProductAPI, _ context: JobContext) async throws -> JobOutcome {
        let now = context.now()
        for subscription in try await api.store.read({ try $0.vaultSubscriptions(toPollAt: now, limit: 50) }) {
            guard let merchant = try await api.store.read({ try $0.merchant(subscription.merchant) }) else { continue }
            if try await Activation(api: api, merchant: merchant).findToken(of: subscription) {
                context.logger.info("a vault token came late", metadata: ["subscription": "\(subscription.id)"])
                continue
            }
            let age = now.timeIntervalSince(subscription.createdAt)
            let next = age > Self.end ? nil : now + max(60, min(age / 4, 6 * 3600))
            if next == nil {
                context.logger.error("no vault token came", metadata: ["subscription": "\(subscription.id)"])
            }
            try await api.store.transaction { try $0.postponeVaultPoll(of: subscription.id, until: next) }
        }
        return .done
    }
}

extension Activation {
    /// Looks for the token of a subscription that was captured without one, and keeps it. False while there is none.
    func findToken(of subscription: VaultSubscription) async throws -> Bool {
        var customer = subscription.customerID
        if let order = await api.payPal.order(subscription.payPalID, of: merchant.payPalID).value {
            customer = order.vault?.customerID ?? customer
            if let token = order.vault?.token {
                try await attach(token, customerID: customer, to: subscription)
                return true
            }
        }
        guard let customer,
            let tokens = await api.payPal.vaultTokens(ofCustomer: customer, of: merchant.payPalID).value,
            let token = try await free(tokens, for: subscription)
        else { return false }
        try await attach(token.id, customerID: customer, to: subscription)
        return true
    }
}
