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
    let queue = process.jobQueue(redis)
    var options = Worker<FulfillmentDependencies>.Options()
    options.drainLimit = settings.drain
    let worker = Worker(
        FulfillmentDependencies(
            store: Store(try process.postgres { try await Schema.migrations.pending(in: $0) }),
            redis: redis,
            sealer: try process.sealer(),
            queues: queue,
            payPal: settings.payPal.settings == nil ? nil : try process.payPal(redis: redis)
        ),
        queue: queue,
        runs: [
            ApplyInboundEvent.self, ApplyPayPalEvent.self, ArchiveDeadLetters.self, EndLapsedEntitlements.self,
            PublishIngressSettings.self,
        ],
        schedule: [
            .hourly(ArchiveDeadLetters()),
            .every(.seconds(60), EndLapsedEntitlements()),
            .every(.seconds(60), PublishIngressSettings()),
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
