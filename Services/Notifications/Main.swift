import Boot
import Jobs
import NotificationJobs
import Outbound
import Postgres
import ServiceLifecycle
import Store
import Web

@main struct NotificationsProcess {
    static func main() async {
        await ServiceProcess.run("notifications", needs: [.databaseURL, .redisURL, .appKeys]) { process in
            let settings = process.settings
            let store = Store(try process.postgres { try await Schema.migrations.pending(in: $0) })
            let jobs = process.jobQueue(try process.redis())
            let worker = Worker(
                NotificationDependencies(
                    store: store,
                    jobs: jobs,
                    sealer: try process.sealer(),
                    client: GuardedClient(policy: settings.outbound.policy),
                    rules: settings.outbound.rules,
                    retention: settings.outbound.retention,
                    logger: process.logger
                ),
                queue: jobs,
                runs: [DeliverMessages.self, PruneMessages.self],
                schedule: [.hourly(PruneMessages())],
                concurrency: DeliverMessages.rounds(of: settings.outbound.concurrency),
                logger: process.logger
            )
            let mailer = Worker(
                MailDependencies(
                    store: store,
                    sendmail: Sendmail(settings.mail.sendmail),
                    sender: settings.mail.from
                ),
                queue: jobs,
                runs: [SendMail.self],
                concurrency: 4,
                logger: process.logger
            )
            process.check(
                ReadinessCheck("queues") {
                    worker.health.isReady && mailer.health.isReady
                        ? .passed
                        : .failed("the queue does not answer", fix: "see that Redis runs; it comes back by itself")
                }
            )
            return [
                process.healthServer(port: settings.ports.notifications),
                worker,
                mailer,
                OutboxRelay(store: store, jobs: jobs, logger: process.logger),
            ]
        }
    }
}
