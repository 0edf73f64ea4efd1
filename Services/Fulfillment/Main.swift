import Boot
import FulfillmentJobs
import Jobs
import Postgres
import Store
import Web

// Applies what the ingress accepted: members, orders, entitlements, leads. Start more of it when one is not enough.
await ServiceProcess.run("fulfillment", needs: [.databaseURL, .redisURL, .appKeys]) { process in
    let redis = try process.redis()
    let pool = try process.postgres { try await Schema.migrations.pending(in: $0) }
    var options = Worker<FulfillmentDependencies>.Options()
    options.drainLimit = process.settings.drain
    let worker = Worker(
        FulfillmentDependencies(store: Store(pool), redis: redis, sealer: try process.sealer()),
        queue: JobQueue(redis: redis, logger: process.logger),
        runs: [ApplyInboundEvent.self, EndLapsedEntitlements.self, PublishIngressSettings.self],
        schedule: [
            .every(.seconds(60), EndLapsedEntitlements()),
            .every(.seconds(60), PublishIngressSettings()),
        ],
        concurrency: process.settings.workerConcurrency,
        options: options,
        logger: process.logger
    )
    process.check(
        ReadinessCheck("queue") {
            worker.health.isReady
                ? .passed
                : .failed(
                    "no lease from \(worker.health.waiting.map(\.text).joined(separator: ", "))",
                    fix: "see that Redis answers and accepts writes"
                )
        }
    )
    return [process.healthServer(port: process.settings.ports.fulfillment), worker]
}
