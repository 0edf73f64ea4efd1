internal import Foundation
package import Jobs
internal import Store

/// Forgets what nobody can ask for any more: answers to old requests, bearers that are over, claims that nobody confirmed.
///
/// Safe to run twice: what is gone is gone.
package struct ForgetOldRequests: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "product-api.forget-old-requests"
    package static let queue = QueueName.productAPI
    package static let policy = JobPolicy(
        attempts: 3,
        backoff: .exponential(from: .seconds(10)),
        timeout: .seconds(300)
    )
    package var uniqueKey: String? { "all" }

    /// PayPal knows the ids of refunds for 45 days.
    private static let memory: TimeInterval = 46 * 86_400
    private static let claims: TimeInterval = 7 * 86_400
    private static let page = 1000

    // What is done.

    package func run(_ api: ProductAPI, _ context: JobContext) async throws -> JobOutcome {
        let now = context.now()
        try await api.store.transaction { tx in
            try tx.deletePendingMerchants(before: now - Self.claims)
            try tx.deleteExpiredTokens(at: now)
        }
        while try await api.store.transaction({ try $0.deleteRequests(before: now - Self.memory, limit: Self.page) })
            == Self.page
        {}
        return .done
    }
}
