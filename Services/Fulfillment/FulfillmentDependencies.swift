package import Domain
package import Jobs
package import PayPal
package import Postgres
package import Redis
package import Sealing
package import Store

/// What fulfillment's jobs work with.
package struct FulfillmentDependencies: Sendable {
    package var store: Store
    /// Where the ingress looks for its settings.
    package var redis: RedisClient
    package var sealer: Sealer
    /// Every queue of this Redis, for what is swept out of them. Nil: nothing is.
    package var queues: JobQueue?
    /// Nil where PayPal is not set up.
    package var payPal: PayPalClient?

    package init(
        store: Store,
        redis: RedisClient,
        sealer: Sealer,
        queues: JobQueue? = nil,
        payPal: PayPalClient? = nil
    ) {
        self.store = store
        self.redis = redis
        self.sealer = sealer
        self.queues = queues
        self.payPal = payPal
    }
}

extension FulfillmentDependencies {
    /// Which PayPal events are of.
    var payPalEnvironment: Merchant.Environment {
        payPal?.settings.environment == .live ? .live : .sandbox
    }
}

extension QueueName {
    package static let fulfillment: QueueName = "fulfillment"
}
