import Domain
package import Foundation
package import Jobs
import Logging
import Metrics
import Postgres
import Store

/// Puts into the queue what comes due until the next sweep and what the queue has lost: one job a subscription and period.
///
/// Safe to run twice: a job that waits already holds its unique key.
package struct SweepDueRenewals: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "renewals.sweep"
    package static let queue = QueueName.renewals
    package static let policy = JobPolicy(attempts: 5, backoff: .exponential(from: .seconds(5)), timeout: .seconds(600))
    package var priority: JobPriority { .high }

    /// How far it looks ahead: a little more than the hour between two sweeps.
    package static let ahead: TimeInterval = 3900
    private static let page = 500

    // What is done.

    package func run(_ deps: RenewalDependencies, _ context: JobContext) async throws -> JobOutcome {
        try await deps.whileDatabaseAnswers(context.logger) { try await sweep(deps, context) }
    }

    private func sweep(_ deps: RenewalDependencies, _ context: JobContext) async throws -> JobOutcome {
        let now = context.now()
        let count = try await deps.enqueueDue(by: now + Self.ahead, now: now, page: Self.page)
        let figures = try await deps.store.read { try $0.renewalFigures(at: now) }
        figures.report(at: now)
        if count > 0 { context.logger.info("renewals queued", metadata: ["count": "\(count)"]) }
        if figures.review > 0 {
            context.logger.error("charges wait for a person", metadata: ["count": "\(figures.review)"])
        }
        let pauses = try await deps.store.read { try $0.renewalPauses() }
        Gauge(label: "renewals_pauses").record(pauses.count)
        for pause in pauses {
            context.logger.warning(
                "charging is paused",
                metadata: ["source": "\(pause.source.rawValue)", "since": "\(pause.since)"]
            )
        }
        try await deps.breakOnManyDeclines(at: now, logger: context.logger)
        return .done
    }
}

extension RenewalDependencies {
    /// Answers how many are due by `time`; those in the future are queued for their time.
    package func enqueueDue(by time: Date, now: Date, page: Int) async throws -> Int {
        var last: DueRenewal?
        var count = 0
        repeat {
            let after = last
            let due = try await store.read { try $0.dueRenewals(by: time, after: after, limit: page) }
            let requests = try due.map { due in
                EnqueueRequest(
                    time: due.at <= now ? .now : .after(.milliseconds(Int64(due.at.timeIntervalSince(now) * 1000))),
                    envelope: try JobEnvelope(ChargeRenewal(due))
                )
            }
            _ = try await queue.enqueueEnvelopes(requests, on: ChargeRenewal.queue)
            count += due.count
            last = due.count < page ? nil : due.last
        } while last != nil
        return count
    }
}

extension RenewalFigures {
    func report(at now: Date) {
        Gauge(label: "renewals_due").record(due)
        Gauge(label: "renewals_unsent").record(unsent)
        Gauge(label: "renewals_oldest_unsent_age_seconds").record(oldestUnsent.map { now.timeIntervalSince($0) } ?? 0)
        Gauge(label: "renewals_indeterminate").record(indeterminate)
        Gauge(label: "renewals_settling").record(settling)
        Gauge(label: "renewals_review").record(review)
        Gauge(label: "renewals_alarms").record(alarms)
        Gauge(label: "renewals_oldest_due_age_seconds").record(oldestDue.map { now.timeIntervalSince($0) } ?? 0)
        Gauge(label: "renewals_oldest_indeterminate_age_seconds")
            .record(oldestIndeterminate.map { now.timeIntervalSince($0) } ?? 0)
    }
}
