internal import Domain
internal import Foundation
package import Jobs
internal import PayPal
internal import Store

/// Looks up captures whose outcome nobody wrote down: what a crash or a lost answer left.
///
/// Safe to run twice: it asks and writes down, and takes no money.
package struct SettleCaptures: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "product-api.settle-captures"
    package static let queue = QueueName.productAPI
    package static let policy = JobPolicy(
        attempts: 3,
        backoff: .exponential(from: .seconds(10)),
        timeout: .seconds(300)
    )
    package var uniqueKey: String? { "all" }

    /// Longer than a request that is still on its way.
    private static let patience: TimeInterval = 180
    /// After that a capture that PayPal does not show was never made.
    private static let end: TimeInterval = 3600

    // What is done.

    package func run(_ api: ProductAPI, _ context: JobContext) async throws -> JobOutcome {
        let now = context.now()
        let orders = try await api.store.read { try $0.ordersCapturing(since: now - Self.patience, limit: 50) }
        for order in orders {
            guard let merchant = try await api.store.read({ try $0.merchant(order.merchant) }),
                case .answered(let answer, let trace) = await api.payPal.order(order.id, of: merchant.payPalID)
            else { continue }
            try await api.record(answer, of: merchant, subscription: order.subscription, trace: trace)
            let isOld = order.capturingSince.map { now.timeIntervalSince($0) > Self.end } ?? true
            if answer.captures.isEmpty, isOld {
                try await api.store.transaction { try $0.clearCapturing(order.id, of: merchant.id, at: now) }
            }
        }
        return .done
    }
}

extension QueueName {
    package static let productAPI: QueueName = "product-api"
}
