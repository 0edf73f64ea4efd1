package import Domain
package import Foundation
package import Jobs
package import Logging
package import Outbound
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
    private let client: GuardedClient
    private let rules: EndpointURL.Rules
    private let claims: Gathering<DeliveryClaim, ClaimAnswer>
    private let attempts: Gathering<DeliveryAttempt, Bool>

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
        claims = Gathering { claims in try await store.transaction { try $0.claim(claims, at: now()) } }
        attempts = Gathering { attempts in
            let recorded = try await store.transaction { transaction in
                let recorded = try transaction.record(attempts, at: now())
                for endpoint in recorded.switchedOff {
                    let key = "\(endpoint.id)/\(endpoint.stateSince.timeIntervalSince1970)"
                    guard let mail = try Letter.endpointOff(endpoint).mail(about: key, at: now()) else { continue }
                    try transaction.stage(mail)
                }
                return recorded
            }
            for endpoint in recorded.switchedOff {
                logger.warning(
                    "an endpoint is switched off",
                    metadata: ["endpoint": "\(endpoint.id)", "state": "\(endpoint.state.rawValue)"]
                )
            }
            do {
                try await jobs.enqueue(recorded.next)
            } catch {
                logger.warning("retries wait for the sweep", metadata: ["error": "\(error)"])
            }
            return attempts.map { _ in true }
        }
    }

    func claim(_ claim: DeliveryClaim) async throws -> ClaimAnswer { try await claims(claim) }

    func record(_ attempt: DeliveryAttempt) async throws { _ = try await attempts(attempt) }

    /// By whose wire it goes.
    func headers(for outgoing: OutgoingDelivery, at now: Date) throws -> [(String, String)] {
        guard outgoing.isForMerchant else { return try SiteWire.headers(for: outgoing, openedBy: sealer, at: now) }
        // Because a message to a merchant is staged together with its forward.
        guard let forward = outgoing.forward else { throw SiteWire.NoSecret() }
        return try MerchantWire.headers(for: outgoing, forward, openedBy: sealer, at: now)
    }

    /// Posts the bytes as they are. An address that was allowed when it was given, and is not any more, is not called.
    func post(_ outgoing: OutgoingDelivery, _ headers: [(String, String)]) async -> GuardedClient.Outcome {
        let url: EndpointURL
        do {
            url = try EndpointURL(outgoing.url, rules: rules)
        } catch {
            return .failed(.addressNotAllowed)
        }
        return await client.post(outgoing.body, to: url, headers: headers)
    }
}

extension JobQueue {
    /// A job for each plan at its time; one that is there already stays as it is.
    package func enqueue(_ planned: [PlannedDelivery]) async throws(JobsError) {
        var requests: [EnqueueRequest] = []
        for plan in planned {
            requests.append(
                EnqueueRequest(
                    id: DeliverMessage.id(of: plan),
                    time: .at(plan.dueAt),
                    envelope: try JobEnvelope(DeliverMessage(plan))
                )
            )
        }
        guard !requests.isEmpty else { return }
        _ = try await enqueueEnvelopes(requests, on: DeliverMessage.queue)
    }
}
