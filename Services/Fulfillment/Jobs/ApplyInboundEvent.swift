package import Domain
package import Foundation
package import Jobs
import Logging
import Metrics
import Postgres
import Store

/// Applies one verified webhook: the order's ledger, the member, what they may use, and whom to tell.
///
/// Safe to run twice: the delivery, the fact and every effect are rows with unique keys in one transaction.
package struct ApplyInboundEvent: EventJob {
    // What is asked.

    package var site: Site.ID
    package var provider: Provider
    /// What stays the same when the provider sends the same delivery again. Source: rule B1.
    package var deliveryKey: String
    package var receivedAt: Date
    /// By which road it came.
    package var source: InboundEvent.Source
    /// As it came, less the secret.
    package var body: Data

    package init(
        site: Site.ID,
        provider: Provider,
        deliveryKey: String,
        receivedAt: Date,
        source: InboundEvent.Source = .webhook,
        body: [UInt8]
    ) {
        self.site = site
        self.provider = provider
        self.deliveryKey = deliveryKey
        self.receivedAt = receivedAt
        self.source = source
        self.body = Data(body)
    }

    // How it is run.

    package static let kind: JobKind = "fulfillment.apply"
    package static let queue = QueueName.fulfillment
    package static let policy = JobPolicy(
        attempts: 10,
        backoff: .exponential(from: .seconds(1), upTo: .seconds(300)),
        lease: .seconds(30),
        timeout: .seconds(60)
    )

    /// A delivery that waits already need not wait twice. Keys are at most 255 bytes.
    package var uniqueKey: String? {
        let key = "\(site)/\(deliveryKey)"
        return key.utf8.count <= 255 ? key : nil
    }

    // What is done.

    package func run(_ deps: FulfillmentDependencies, _ context: JobContext) async throws -> JobOutcome {
        let delivery = InboundDelivery(
            site: site,
            provider: provider,
            source: source,
            receivedAt: receivedAt,
            body: Array(body),
            deliveryKey: deliveryKey
        )
        let now = context.now()
        let applied: Applied
        do {
            applied = try await deps.store.transaction { try $0.apply(delivery, at: now) }
        } catch let error as PostgresError where error.isTransient {
            // A database that is away spends no attempt: what was accepted is applied when it is back.
            context.logger.warning("the database is away", metadata: ["error": "\(error)"])
            return .snoozed(.seconds(Int.random(in: 5...15)))
        } catch {
            // Because a run that was called off has not failed: it comes again.
            if !Task.isCancelled { await keepFailed(delivery, error, deps, context) }
            throw error
        }
        Counter(label: "fulfillment_events_total", dimensions: [("verdict", applied.label)]).increment()
        context.logger.info("event applied", metadata: applied.metadata)

        switch applied {
        case .kept: return .done
        case .known: return .discarded("the same delivery was applied before")
        // Somebody paid: what was accepted must not be thrown away because the database is older than the site.
        case .noSite: throw NoSuchSite()
        }
    }
}

/// The database does not know the site that the ingress accepted a webhook for.
package struct NoSuchSite: Error {}

extension ApplyInboundEvent {
    /// What no retry puts right goes to the dead letters; the event is kept beside the others, so that it is found.
    private func keepFailed(
        _ delivery: InboundDelivery,
        _ error: any Error,
        _ deps: FulfillmentDependencies,
        _ context: JobContext
    ) async {
        // Because any other error may hold what the body said.
        let reason = (error as? PostgresError).map { "\($0)" } ?? "\(type(of: error))"
        let now = context.now()
        do {
            try await deps.store.transaction { try $0.keepFailed(delivery, reason, at: now) }
        } catch let second {
            context.logger.error("a failed event could not be kept", metadata: ["error": "\(type(of: second))"])
        }
    }
}

extension Applied {
    fileprivate var label: String {
        switch self {
        case .kept(_, let verdict): verdict.status.rawValue
        case .known: "known"
        case .noSite: "no-site"
        }
    }

    fileprivate var metadata: Logger.Metadata {
        guard case .kept(let event, let verdict) = self else { return ["verdict": "\(label)"] }
        var metadata: Logger.Metadata = ["event": "\(event)", "verdict": "\(label)"]
        if let reason = verdict.reason { metadata["reason"] = "\(reason)" }
        return metadata
    }
}
