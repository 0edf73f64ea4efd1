import Boot
import IngressRoutes
import Jobs
import Logging
import PayPal
import Redis

// Verifies webhooks and enqueues them durably. Needs Redis only: Postgres may be down, and no webhook is refused.
await ServiceProcess.run("ingress", needs: [.redisURL, .appKeys]) { process in
    // Enqueueing may ask twice, and whoever posted should hear from us within five seconds.
    let redis = try process.redis(commandTimeout: .seconds(2))
    let settings = SettingsKeeper(redis: redis, sealer: try process.sealer(), logger: process.logger)
    let durability = DurabilityWatch(
        redis: redis,
        trustsHidden: !process.settings.checksRedisDurability,
        logger: process.logger
    )
    let queue = WebhookQueue(process.jobQueue(redis))
    let thriveCart = ThriveCartWebhooks(
        settings: settings,
        durability: durability,
        queue: queue,
        metrics: WebhookMetrics(process.metrics, provider: "thrivecart")
    )
    process.check(settings.readiness)
    var routes = [thriveCart.routes]
    if let verifier = try payPalVerifier(process, redis) {
        routes.append(
            PayPalWebhooks(verifier: verifier, durability: durability, queue: queue, metrics: process.metrics).routes
        )
    }
    return [settings, durability, process.server(routes, port: process.settings.ports.ingress)]
}

/// Nil where no webhook is registered at PayPal.
func payPalVerifier(_ process: ServiceProcess, _ redis: RedisClient) throws -> WebhookVerifier? {
    let payPal = process.settings.payPal
    guard let settings = payPal.settings, let webhookID = payPal.webhookID else {
        process.logger.notice("PayPal's webhooks are not taken: PAYPAL_CLIENT_ID or PAYPAL_WEBHOOK_ID is not set")
        return nil
    }
    guard let trusted = payPal.roots.map({ TrustedCertificates(pem: $0) }) ?? TrustedCertificates.bundled else {
        throw NoRoots()
    }
    let desk = PostbackDesk(try process.payPal(redis: redis))
    return WebhookVerifier(
        settings: settings,
        webhookID: webhookID,
        trusted: trusted,
        certificates: .guarded(settings, allowing: process.settings.outbound.allowed, logger: process.logger),
        postback: { await desk.answer($0, $1, $2) }
    )
}

struct NoRoots: Error, CustomStringConvertible {
    var description: String { "PAYPAL_WEBHOOK_ROOTS names a file without a root certificate" }
}
