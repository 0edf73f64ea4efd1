import Boot
import FulfillmentJobs
import Jobs
import Postgres
import Store
import Web

// Fulfillment as it must never be: it tells the queue that a webhook is applied before it is. The crash check runs it to see
// whether it notices.
await ServiceProcess.run("fulfillment", needs: [.databaseURL, .redisURL, .appKeys]) { process in
    let redis = try process.redis()
    let worker = Worker(
        FulfillmentDependencies(
            store: Store(try process.postgres { try await Schema.migrations.pending(in: $0) }),
            redis: redis,
            sealer: try process.sealer()
        ),
        queue: JobQueue(redis: redis, logger: process.logger),
        runs: [ApplyAfterwards.self, EndLapsedEntitlements.self, PublishIngressSettings.self],
        schedule: [.every(.seconds(60), PublishIngressSettings())],
        concurrency: process.settings.workerConcurrency,
        logger: process.logger
    )
    process.check(ReadinessCheck("queue") { worker.health.isReady ? .passed : .failed("waits", fix: "start Redis") })
    return [process.healthServer(port: process.settings.ports.fulfillment), worker]
}

/// Says that it is done and then does it.
private struct ApplyAfterwards: Job {
    var asked: ApplyInboundEvent

    static let kind = ApplyInboundEvent.kind
    static let queue = ApplyInboundEvent.queue
    static let policy = ApplyInboundEvent.policy

    func payload() throws -> [UInt8] { try asked.payload() }

    init(payload: [UInt8], version: Int) throws {
        asked = try ApplyInboundEvent(payload: payload, version: version)
    }

    func run(_ dependencies: FulfillmentDependencies, _ context: JobContext) async throws -> JobOutcome {
        Task.detached { _ = try await asked.run(dependencies, context) }
        return .done
    }
}
