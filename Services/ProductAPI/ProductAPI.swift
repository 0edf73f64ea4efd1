internal import Domain
package import Foundation
package import Hummingbird
package import Logging
package import Outbound
package import PayPal
package import Redis
package import Sealing
package import Store
package import Web

/// What the routes of the Product API work with.
///
/// Shops call us, we call PayPal. The contract toward shops is the Product API's document; where it and PayPal disagree, a
/// comment says how the buyer's money is kept safe.
package struct ProductAPI: Sendable {
    package let store: Store
    package let payPal: PayPalClient
    package let redis: RedisClient
    package let sealer: Sealer
    package let rules: EndpointURL.Rules
    package let limits: Limits
    package let logger: Logger
    package let now: @Sendable () -> Date

    /// What tests make shorter.
    package struct Limits: Sendable {
        /// How often, and with what pause, PayPal is asked for a seller whom it does not know yet.
        package var integrationTries = 3
        package var integrationPause = Duration.seconds(1)
        /// The same for a vault token that should have come with the first charge.
        package var tokenTries = 3
        package var tokenPause = Duration.seconds(1)
        /// How long a repeat waits for the first request with its id.
        package var repeatPatience = Duration.seconds(25)
        /// How long a test of the webhook may take.
        package var webhookPatience = Duration.seconds(35)
        /// Per minute, for one account and for one address.
        package var tokensPerMinute = 30
        package var onboardingsPerMinute = 20

        package init() {}
    }

    package init(
        store: Store,
        payPal: PayPalClient,
        redis: RedisClient,
        sealer: Sealer,
        rules: EndpointURL.Rules = .strict,
        limits: Limits = Limits(),
        logger: Logger,
        now: @escaping @Sendable () -> Date = { .now }
    ) {
        self.store = store
        self.payPal = payPal
        self.redis = redis
        self.sealer = sealer
        self.rules = rules
        self.limits = limits
        self.logger = logger
        self.now = now
    }

    package static let base = "/api/paypal/v1"

    /// All resources, behind their envelopes.
    package var routes: RouteCollection<WebContext> {
        let all = RouteCollection(context: WebContext.self)
        all.group(RouterPath(Self.base))
            .add(middleware: ShopEnvelopes())
            .addRoutes(OnboardingRoutes(api: self).routes)
            .addRoutes(TokenRoutes(api: self).routes)
            .addRoutes(MerchantRoutes(api: self).routes)
            .addRoutes(DomainRoutes(api: self).routes)
            .addRoutes(OrderRoutes(api: self).routes)
            .addRoutes(RefundRoutes(api: self).routes)
            .addRoutes(SubscriptionRoutes(api: self).routes)
            .addRoutes(WebhookTestRoutes(api: self).routes)
            .addRoutes(ReferenceRoutes().routes)
        return all
    }

    /// PayPal's environment as merchants are kept by it, and as shops are told.
    var environment: Merchant.Environment {
        switch payPal.settings.environment {
        case .sandbox: .sandbox
        case .live: .live
        }
    }
}
