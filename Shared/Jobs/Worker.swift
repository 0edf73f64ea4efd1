package import Foundation
package import Logging
import Redis
package import ServiceLifecycle

/// Runs jobs: leases as many as it has free slots, extends their leases, settles them in batches, fires recurring entries.
///
/// It never gives up: while Redis is away it waits with growing, jittered pauses and `health` is not ready; when Redis comes
/// back empty it registers again. At graceful shutdown it leases nothing more, lets what runs finish, and gives the rest
/// back uncounted. When it is killed, its jobs run again once their leases have expired.
package struct Worker<Dependencies: Sendable>: Service {
    package struct Options: Sendable {
        /// How long a drain waits for running jobs before it cancels them.
        package var drainLimit: Duration = .seconds(25)
        /// How long cancelled jobs have to stop before they are given back all the same.
        package var drainGrace: Duration = .seconds(3)
        /// The longest an idle worker waits before it looks by itself.
        package var poll: Duration = .seconds(2)
        /// Between two looks at leases and time-outs.
        package var beat: Duration = .seconds(1)
        /// The longest pause between two tries to reach Redis.
        package var maximumBackoff: Duration = .seconds(15)
        /// About how long a job is put off when what it needs is away.
        package var outagePause: Duration = .seconds(15)
        /// What of an error that nobody declared transient may stand in a dead letter.
        package var describe: @Sendable (any Error) -> String = { redactedDescription(of: $0) }

        package init() {}
    }

    /// For readiness.
    package let health: WorkerHealth
    private let lanes: [Lane<Dependencies>]
    private let queue: JobQueue
    private let logger: Logger

    /// `concurrency` is the most jobs that run at a time, for each queue among the kinds; its shards divide it.
    package init(
        _ dependencies: Dependencies,
        queue: JobQueue,
        runs kinds: [any Job<Dependencies>.Type],
        schedule: [Schedule] = [],
        concurrency: Int = 16,
        options: Options = Options(),
        now: @escaping @Sendable () -> Date = { Date() },
        logger: Logger
    ) {
        let runners = kinds.map { JobRunner<Dependencies>(erasing: $0) }
        let health = WorkerHealth()
        self.health = health
        self.queue = queue
        self.logger = logger
        let queues = Set(runners.map(\.queue)).union(schedule.map(\.queue)).sorted { $0.text < $1.text }
        lanes = queues.flatMap { queue.shards(of: $0) }.map { name in
            Lane(
                name,
                dependencies,
                queue: queue,
                runners: runners.filter { $0.queue == name.whole },
                schedule: schedule.filter { queue.shard(of: $0) == name },
                concurrency: max(1, concurrency / queue.shards(of: name.whole).count),
                options: options,
                health: health,
                now: now,
                logger: logger
            )
        }
    }

    /// Returns when it has drained after a graceful shutdown. Cancelled, it cancels its jobs and returns soon.
    ///
    /// Throws before it takes work, when an entry of its schedule is a mistake.
    package func run() async throws {
        for lane in lanes {
            for entry in lane.schedule { try entry.check() }
        }
        let heart = RedisClient(heartConfiguration, logger: logger)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await withTaskGroup(of: Void.self) { group in
                    for lane in lanes {
                        group.addTask { await lane.run(heart: queue.over(heart)) }
                    }
                }
            } onGracefulShutdown: {
                for lane in lanes { lane.drain() }
            }
        } onCancel: {
            for lane in lanes { lane.stop() }
        }
        await heart.close()
    }

    /// Heartbeats have a connection of their own, so that no other traffic delays them, and come back quickly.
    private var heartConfiguration: RedisConfiguration {
        var configuration = queue.redis.configuration
        configuration.maximumBackoff = .milliseconds(500)
        configuration.commandTimeout = min(configuration.commandTimeout, .seconds(2))
        configuration.clientName = "heartbeat"
        return configuration
    }
}
