import Boot
import IngressRoutes
import Jobs

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
    let thriveCart = ThriveCartWebhooks(
        settings: settings,
        durability: durability,
        queue: WebhookQueue(JobQueue(redis: redis, logger: process.logger)),
        metrics: WebhookMetrics(process.metrics, provider: "thrivecart")
    )
    process.check(settings.readiness)
    return [settings, durability, process.server([thriveCart.routes], port: process.settings.ports.ingress)]
}
