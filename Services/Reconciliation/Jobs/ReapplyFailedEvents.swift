import Domain
import Foundation
import FulfillmentJobs
package import Jobs
import Logging
import PayPal
import Postgres
import Store

/// Puts back the jobs of events that were received and not applied, where a wiped Redis lost them with their dead
/// letters.
///
/// Safe to run twice: a job that is in the queue, dead or alive, stands for the new one, and an applied event is known.
package struct ReapplyFailedEvents: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "reconciliation.reapply"
    package static let queue = QueueName.reconciliation
    package static let policy = JobPolicy(
        attempts: 3,
        backoff: .exponential(from: .seconds(60)),
        timeout: .seconds(300)
    )

    /// Events that failed longer ago are a person's business.
    private static let reach: TimeInterval = 7 * 86_400
    /// An event that has just failed is still being tried.
    private static let patience: TimeInterval = 3600
    private static let page = 100

    // What is done.

    package func run(_ deps: ReconciliationDependencies, _ context: JobContext) async throws -> JobOutcome {
        let now = context.now()
        var count = 0
        for site in try await deps.store.read({ try $0.sites() }) where site.status == .active {
            count += try await reapply(of: site, deps, at: now)
        }
        count += try await reapplyPayPal(deps, at: now)
        if count > 0 { context.logger.warning("failed events are tried again", metadata: ["count": "\(count)"]) }
        return .done
    }

    private func reapply(of site: Site, _ deps: ReconciliationDependencies, at now: Date) async throws -> Int {
        var count = 0
        var search = InboundEventSearch(site: site.id)
        search.status = .failed
        search.since = now.addingTimeInterval(-Self.reach)
        search.limit = Self.page
        repeat {
            let (events, bodies) = try await deps.store.read { [search] transaction in
                let events = try transaction.search(search)
                return (events, try events.map { try transaction.inboundEventBody($0.id) })
            }
            for (event, body) in zip(events, bodies) {
                guard let body, now.timeIntervalSince(event.appliedAt) > Self.patience else { continue }
                let job = ApplyInboundEvent(
                    site: site.id,
                    provider: event.provider,
                    deliveryKey: event.deliveryKey,
                    receivedAt: event.receivedAt,
                    source: event.source,
                    body: body
                )
                if case .enqueued = try await deps.jobs.enqueue(job, id: JobID("reapply-\(event.id)")) { count += 1 }
            }
            search.after = events.last?.id
        } while search.after != nil
        return count
    }

    /// PayPal's, which are no site's, with the signature with which they came.
    private func reapplyPayPal(_ deps: ReconciliationDependencies, at now: Date) async throws -> Int {
        var count = 0
        var last: PayPalEventRecord?
        repeat {
            let events = try await deps.store.read { [last] transaction in
                try transaction.unsettledPayPalEvents(
                    receivedFrom: now.addingTimeInterval(-Self.reach),
                    to: now.addingTimeInterval(-Self.patience),
                    after: last,
                    limit: Self.page
                )
            }
            for event in events {
                let headers = event.headersByName
                let job = ApplyPayPalEvent(
                    body: event.body,
                    transmission: Transmission { headers[$0] },
                    receivedAt: event.receivedAt,
                    source: event.source
                )
                if case .enqueued = try await deps.jobs.enqueue(job, id: JobID("reapply-\(event.id)")) { count += 1 }
            }
            last = events.last
        } while last != nil
        return count
    }
}
