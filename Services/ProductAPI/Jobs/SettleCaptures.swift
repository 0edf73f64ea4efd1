internal import Domain
internal import Foundation
package import Jobs
internal import Logging
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
    /// After that nobody is asked any more; the books of the day have it, should money have moved.
    private static let lastWord: TimeInterval = 3 * 86_400
    private static let page = 50
    /// Well within the time-out; what is left is for the next run.
    static let longestRun = Duration.seconds(240)

    // What is done.

    /// All of them: what PayPal says nothing of must not hold up the others.
    package func run(_ api: ProductAPI, _ context: JobContext) async throws -> JobOutcome {
        let (now, end) = (context.now(), ContinuousClock.now + Self.longestRun)
        var last: PayPalOrder?
        repeat {
            let page = try await api.store.read { [last] in
                try $0.ordersCapturing(since: now - Self.patience, after: last, limit: Self.page)
            }
            for order in page {
                guard ContinuousClock.now < end else { return .done }
                try await settle(order, api, at: now)
            }
            last = page.count == Self.page ? page.last : nil
        } while last != nil
        return .done
    }

    private func settle(_ order: PayPalOrder, _ api: ProductAPI, at now: Date) async throws {
        guard let merchant = try await api.store.read({ try $0.merchant(order.merchant) }) else { return }
        let age = order.capturingSince.map { now.timeIntervalSince($0) } ?? .infinity
        let reply = await api.payPal.order(order.id, of: merchant.payPalID)
        var isOver = age > Self.lastWord
        switch reply {
        case .answered(let answer, let trace):
            try await api.record(answer, of: merchant, subscription: order.subscription, trace: trace)
            isOver = answer.captures.isEmpty && age > Self.end
        // PayPal forgets orders that were never paid, and no others.
        case .rejected(let rejection) where rejection.status == 404 && !rejection.isMute: isOver = age > Self.end
        case .rejected, .unavailable, .unknown:
            if isOver {
                api.logger.error(
                    "nobody can say what became of a capture",
                    metadata: ["order": "\(order.id)", "paypal_debug_id": "\(reply.trace.anyDebugID ?? "-")"]
                )
            }
        }
        if isOver { try await api.store.transaction { try $0.clearCapturing(order.id, of: merchant.id, at: now) } }
    }
}

extension QueueName {
    package static let productAPI: QueueName = "product-api"
}
