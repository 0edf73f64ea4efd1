package import Domain
package import Foundation
package import Jobs
package import Logging
import Metrics
package import Outbound
internal import Postgres
package import Sealing
package import Store

/// What the jobs of this process work with.
package struct NotificationDependencies: Sendable {
    package let store: Store
    package let jobs: JobQueue
    package let sealer: Sealer
    /// How long what is settled is kept.
    let retention: Duration
    let logger: Logger
    let attempts: AttemptBook
    private let client: GuardedClient
    private let rules: EndpointURL.Rules
    private let searches: Gathering<DueSearch, DueDeliveries>

    package init(
        store: Store,
        jobs: JobQueue,
        sealer: Sealer,
        client: GuardedClient,
        rules: EndpointURL.Rules,
        retention: Duration = .seconds(30 * 86_400),
        now: @escaping @Sendable () -> Date = { Date() },
        logger: Logger
    ) {
        self.store = store
        self.jobs = jobs
        self.sealer = sealer
        self.client = client
        self.rules = rules
        self.retention = retention
        self.logger = logger
        searches = Gathering(limit: 16) { searches in try await store.read { try $0.due(searches, at: now()) } }
        attempts = AttemptBook { attempts in
            try await Self.keep(attempts, in: store, jobs, at: now(), logger)
        }
    }

    private static func keep(
        _ attempts: [DeliveryAttempt],
        in store: Store,
        _ jobs: JobQueue,
        at now: Date,
        _ logger: Logger
    ) async throws {
        let recorded = try await store.transaction { transaction in
            let recorded = try transaction.record(attempts, at: now)
            for endpoint in recorded.switchedOff {
                let key = "\(endpoint.id)/\(endpoint.stateSince.timeIntervalSince1970)"
                guard let mail = try Letter.endpointOff(endpoint).mail(about: key, at: now) else { continue }
                try transaction.stage(mail)
            }
            return recorded
        }
        for endpoint in recorded.switchedOff {
            let (state, owner) = (endpoint.state.rawValue, endpoint.owner.merchant == nil ? "site" : "merchant")
            Counter(label: "endpoints_switched_off_total", dimensions: [("state", state), ("owner", owner)]).increment()
            logger.warning(
                "an endpoint is switched off",
                metadata: ["endpoint": "\(endpoint.id)", "state": "\(state)", "owner": "\(owner)"]
            )
        }
        do {
            try await jobs.enqueue(recorded.next)
        } catch {
            logger.warning("retries wait for the sweep", metadata: ["error": "\(error)"])
        }
    }

    func due(_ search: DueSearch) async throws -> DueDeliveries { try await searches(search) }

    /// An address that was allowed when it was given, and is not any more, is not called.
    func line(
        to address: String,
        width: Int,
        next: @escaping @Sendable () -> GuardedClient.Request?,
        ended: @escaping @Sendable (Int, GuardedClient.Outcome, Duration) -> Void
    ) async throws(GuardedClient.Failure) -> Line {
        let url: EndpointURL
        do {
            url = try EndpointURL(address, rules: rules)
        } catch {
            throw .addressNotAllowed
        }
        return try await client.line(to: url, width: width, next: next, ended: ended)
    }
}

extension JobQueue {
    /// A round at the endpoint of each plan, at the plan's time; one that is there already stays as it is. What an endpoint
    /// is to get within one second to come is one round.
    package func enqueue(_ planned: [PlannedDelivery]) async throws(JobsError) {
        // After the commit of what was planned, so that whoever looks from now on sees it.
        let mark = Sightings.ours.mark()
        let now = Date()
        var rounds: [JobID: (DeliverMessages, JobID, JobTime)] = [:]
        for plan in planned {
            var round = DeliverMessages(to: plan.endpoint)
            if plan.dueAt <= now {
                round.made = mark
                let id = DeliverMessages.id(of: plan)
                rounds[id] = (round, id, .now)
            } else {
                let second = plan.dueAt.timeIntervalSince1970.rounded(.up)
                let id: JobID = "\(plan.endpoint)/at/\(Int64(exactly: second) ?? 0)"
                rounds[id] = (round, id, .at(Date(timeIntervalSince1970: second)))
            }
        }
        try await enqueueRounds(Array(rounds.values))
    }

    func enqueueRounds(_ rounds: [(DeliverMessages, JobID, JobTime)]) async throws(JobsError) {
        guard !rounds.isEmpty else { return }
        var requests: [EnqueueRequest] = []
        requests.reserveCapacity(rounds.count)
        for (round, id, time) in rounds {
            requests.append(EnqueueRequest(id: id, time: time, envelope: try JobEnvelope(round)))
        }
        _ = try await enqueueEnvelopes(requests, on: DeliverMessages.queue)
    }
}
