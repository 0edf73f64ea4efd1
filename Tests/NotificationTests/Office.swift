import Addresses
import Foundation
import Jobs
import NotificationJobs
import Outbound
import Postgres
import Store
import Synchronization
import TestKit

/// The relay and the worker in this process, on a site and a queue of the test's own.
final class Office: Sendable {
    let site: TestSite
    let jobs: JobQueue
    let relay: OutboxRelay
    private let worker: Worker<NotificationDependencies>

    init(timeout: Duration = .seconds(5)) async throws {
        site = try await TestSite()
        let redis = try await TestRedis()
        jobs = JobQueue(redis: redis.client, prefix: redis.prefix, logger: .silent)
        relay = OutboxRelay(store: site.store, jobs: jobs, logger: .silent)
        let client = GuardedClient(
            policy: AddressPolicy(allowing: [IPNetwork("127.0.0.0/8")!], own: []),
            limits: .init(timeout: timeout)
        )
        worker = Worker(
            NotificationDependencies(
                store: site.store,
                jobs: jobs,
                sealer: site.sealer,
                client: client,
                rules: .development,
                logger: .silent
            ),
            queue: jobs,
            runs: [DeliverMessages.self],
            concurrency: 100,
            logger: .silent
        )
    }

    /// Relay and worker run while `body` does.
    func open<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.worker.run() }
            group.addTask { try await self.relay.run() }
            let result = try await body()
            group.cancelAll()
            return result
        }
    }

    /// As if the waits were over: makes what is pending due now, as a resend would, and enqueues it.
    func hurry() async throws {
        let pending = try await site.store.transaction { transaction in
            try transaction.rows("UPDATE deliveries SET due_at = now() WHERE state = 'pending'")
            return try transaction.overdueEndpoints(at: Date().addingTimeInterval(1), limit: 1000)
        }
        // Under ids of their own, for their jobs wait in the queue for the time that was planned first.
        for plan in pending { try await jobs.enqueue(DeliverMessages(to: plan.endpoint)) }
    }
}

extension TestSite {
    /// Messages and deliveries that something is still to be done about.
    var unsettled: Int {
        get async throws {
            try await count(
                """
                SELECT (SELECT count(*) FROM outbox_waiting)
                    + (SELECT count(*) FROM deliveries WHERE state = 'pending')
                """
            )
        }
    }
}
