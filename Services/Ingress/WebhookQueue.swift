internal import Domain
internal import Foundation
internal import FulfillmentJobs
package import Jobs
internal import Sealing
internal import ThriveCart

/// Hands verified webhooks to fulfillment.
package struct WebhookQueue: Sendable {
    let queue: JobQueue

    package init(_ queue: JobQueue) {
        self.queue = queue
    }

    /// When this returns, Redis has the webhook on disk. The secret is not in it.
    ///
    /// The job's id comes from the site and the delivery's own key: the same delivery again is the same job. Source: B1.
    func put(
        _ payload: ThriveCartPayload,
        for site: VerifiedSite,
        receivedAt: Date,
        requestID: String
    ) async throws(JobsError) -> EnqueueResult {
        let deliveryKey = payload.deliveryKey(at: site.account)  // read once: it may be a digest of the whole body
        return try await queue.enqueue(
            ApplyInboundEvent(
                site: site.id,
                provider: .thriveCart,
                deliveryKey: deliveryKey,
                receivedAt: receivedAt,
                body: payload.withoutSecret()
            ),
            id: Self.id(of: deliveryKey, in: payload.account, for: site),
            trace: requestID
        )
    }

    /// The same for an event of PayPal, whose id stays when PayPal sends it again.
    func put(_ event: ApplyPayPalEvent, requestID: String) async throws(JobsError) -> EnqueueResult {
        try await queue.enqueue(event, id: Self.id(of: event), trace: requestID)
    }

    static func id(of event: ApplyPayPalEvent) -> JobID {
        // Because an event without an id is told from others by its bytes.
        JobID("paypal-" + Digest.hex(Digest.sha256(event.event ?? String(decoding: event.body, as: UTF8.self))))
    }

    static func id(of deliveryKey: String, in account: String?, for site: VerifiedSite) -> JobID {
        // Because delivery keys are unique within one account only, and a site may take several.
        let key = [site.id.description, account ?? site.account ?? "", deliveryKey].joined(separator: "\n")
        return JobID("thrivecart-" + Digest.hex(Digest.sha256(key)))
    }
}

extension DurabilityWatch {
    /// Has a verified webhook kept, if Redis keeps anything, and says what came of it.
    func keeping(
        _ note: inout WebhookNote,
        _ put: () async throws(JobsError) -> EnqueueResult
    ) async -> WebhookOutcome {
        switch await verdict() {
        case .notDurable: return .notDurable
        case .unreachable: return .redisDown
        case .durable: break
        }
        do throws(JobsError) {
            let result = try await put()
            note.job = result.id
            if case .duplicate = result { return .duplicate }
            return .accepted
        } catch {
            note.problem = error
            switch error {
            case .full: return .queueFull
            case .redis: return .redisDown
            default: return .failed
            }
        }
    }
}
