import Boot
import FulfillmentJobs
import Jobs
import Postgres
import Store
import Web

// Applies verified events: members, orders, entitlements, leads; and ends what has run out.
await ServiceProcess.run("fulfillment", needs: [.databaseURL, .redisURL, .appKeys]) { process in
    let settings = process.settings
    let redis = try process.redis()
    var options = Worker<FulfillmentDependencies>.Options()
    options.drainLimit = settings.drain
    let worker = Worker(
        FulfillmentDependencies(
            store: Store(try process.postgres { try await Schema.migrations.pending(in: $0) }),
            redis: redis,
            sealer: try process.sealer(),
            payPal: settings.payPal.settings == nil ? nil : try process.payPal(redis: redis)
        ),
        queue: JobQueue(redis: redis, logger: process.logger),
        runs: [
            ApplyInboundEvent.self, ApplyPayPalEvent.self, EndLapsedEntitlements.self, PollPendingVaults.self,
            PublishIngressSettings.self, PurgeVaultTokens.self,
        ],
        schedule: [
            .every(.seconds(60), EndLapsedEntitlements()),
            .every(.seconds(60), PollPendingVaults()),
            .every(.seconds(60), PublishIngressSettings()),
            .every(.seconds(300), PurgeVaultTokens()),
        ],
        concurrency: settings.workerConcurrency,
        options: options,
        logger: process.logger
    )
    process.check(
        ReadinessCheck("queue") {
            worker.health.isReady
                ? .passed : .failed("the queue does not answer", fix: "see that Redis runs; it comes back by itself")
        }
    )
    return [process.healthServer(port: settings.ports.fulfillment), worker]
}
