import Boot
import Domain
import Jobs
import Postgres
import RenewalJobs
import Store
import Web

// Charges due periods, duns declines, ends what stays unpaid.
await ServiceProcess.run("renewals", needs: Variable.payPal.union([.databaseURL, .redisURL, .appKeys])) { process in
    let settings = process.settings
    let redis = try process.redis()
    let queue = process.jobQueue(redis)
    var times = RenewalTimes()
    times.pause = Double(settings.renewals.retrySeconds)
    times.lease = min(times.lease, times.pause)
    var options = Worker<RenewalDependencies>.Options()
    options.drainLimit = settings.drain
    let worker = Worker(
        RenewalDependencies(
            store: Store(try process.postgres { try await Schema.migrations.pending(in: $0) }),
            paypal: try process.payPal(redis: redis),
            sealer: try process.sealer(),
            queue: queue,
            options: RenewalOptions(
                form: settings.renewals.inTwoSteps ? .twoStep : .oneStep,
                searchesTransactions: settings.renewals.searchesTransactions,
                ratePerSecond: settings.renewals.ratePerSecond,
                times: times
            )
        ),
        queue: queue,
        runs: [ChargeRenewal.self, CheckRenewalInvariants.self, SweepDueRenewals.self],
        schedule: [.hourly(SweepDueRenewals()), .hourly(CheckRenewalInvariants())],
        concurrency: settings.renewals.concurrency,
        options: options,
        logger: process.logger
    )
    process.check(
        ReadinessCheck("queue") {
            worker.health.isReady
                ? .passed : .failed("the queue does not answer", fix: "see that Redis runs; it comes back by itself")
        }
    )
    return [process.healthServer(port: settings.ports.renewals), worker]
}
