import AsyncHTTPClient
import Boot
import Domain
import Foundation
import FulfillmentJobs
import Jobs
import PayPal
import Postgres
import ReconciliationJobs
import ServiceLifecycle
import Store
import Web

// Compares the providers' books with ours, every day, and heals what was missed.
@main struct ReconciliationProcess {
    static func main() async {
        await ServiceProcess.run("reconciliation", needs: [.databaseURL, .redisURL, .appKeys]) { process in
            let settings = process.settings
            let redis = try process.redis()
            let store = Store(try process.postgres { try await Schema.migrations.pending(in: $0) })
            let jobs = process.jobQueue(redis)
            let http = HTTPClient(eventLoopGroupProvider: .singleton)
            var options = Worker<ReconciliationDependencies>.Options()
            options.drainLimit = settings.drain
            let worker = Worker(
                ReconciliationDependencies(
                    store: store,
                    sealer: try process.sealer(),
                    http: http,
                    pace: RequestPace(
                        redis: redis,
                        perMinute: settings.thriveCart.requestsPerMinute,
                        logger: process.logger
                    ),
                    jobs: jobs,
                    redis: redis,
                    thriveCart: settings.thriveCart.address,
                    payPal: settings.payPal.settings == nil ? nil : try process.payPal(redis: redis),
                    payPalPace: RequestPace(
                        redis: redis,
                        perMinute: settings.payPalBooksPerMinute,
                        at: .payPal,
                        logger: process.logger
                    )
                ),
                queue: jobs,
                runs: [
                    StartReconciliations.self, ReconcileSite.self, ReconcilePayPal.self, LookAgain.self,
                    WatchReconciliations.self, ReapplyFailedEvents.self,
                ],
                schedule: [
                    .cron("17 3 * * *", .gmt, StartReconciliations()),
                    .every(.seconds(300), LookAgain()),
                    .every(.seconds(300), WatchReconciliations()),
                    .hourly(ReapplyFailedEvents()),
                ],
                concurrency: settings.workerConcurrency,
                options: options,
                logger: process.logger
            )
            process.check(
                ReadinessCheck("queue") {
                    worker.health.isReady
                        ? .passed
                        : .failed("the queue does not answer", fix: "see that Redis runs; it comes back by itself")
                }
            )
            process.check(.reconciliation(store, payPal: settings.payPal.settings?.environment))
            return [process.healthServer(port: settings.ports.reconciliation), ClientAtEnd(client: http), worker]
        }
    }
}

/// Does nothing until the end, and then closes the client.
private struct ClientAtEnd: Service {
    let client: HTTPClient

    func run() async throws {
        // Because being cancelled ends the wait as well, and the client is closed either way.
        try? await gracefulShutdown()
        try await client.shutdown()
    }
}

extension ReadinessCheck {
    /// Every site's books, and PayPal's, were compared within 26 hours.
    fileprivate static func reconciliation(_ store: Store, payPal: PayPalEnvironment?) -> ReadinessCheck {
        ReadinessCheck("reconciliation") {
            do {
                let mode: Mode? = payPal.map { $0 == .live ? .live : .test }
                let overdue = try await store.read { transaction in
                    try transaction.reconciliationStandings()
                        + transaction.payPalStandings().filter { $0.mode == mode }
                }
                .filter { $0.isOverdue(at: .now) }
                guard let first = overdue.first else { return .passed }
                return .failed(
                    "the books of \(overdue.map(\.name).joined(separator: ", ")) were not compared for 26 hours",
                    fix: "gatehouse reconcile run " + (first.slug.map { "--site \($0)" } ?? "--provider paypal")
                )
            } catch {
                return .unknown("Postgres does not answer")
            }
        }
    }
}
