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
    let worker = Worker(
        FulfillmentDependencies(
            store: Store(try process.postgres { try await Schema.migrations.pending(in: $0) }),
            redis: redis,
            sealer: try process.sealer()
        ),
        queue: JobQueue(redis: redis, logger: process.logger),
        runs: [ApplyInboundEvent.self, EndLapsedEntitlements.self, PublishIngressSettings.self],
        schedule: [
            .every(.seconds(60), EndLapsedEntitlements()),
            .every(.seconds(60), PublishIngressSettings()),
        ],
        concurrency: settings.workerConcurrency,
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
