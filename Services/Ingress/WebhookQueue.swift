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
        try await queue.enqueue(
            ApplyInboundEvent(
                site: site.id,
                provider: .thriveCart,
                deliveryKey: payload.deliveryKey,
                receivedAt: receivedAt,
                body: payload.withoutSecret()
            ),
            id: Self.id(of: payload, for: site),
            trace: requestID
        )
    }

    static func id(of payload: ThriveCartPayload, for site: VerifiedSite) -> JobID {
        // Because delivery keys are unique within one account only, and a site may take several.
        let account = payload.account ?? site.account ?? ""
        let key = [site.id.description, account, payload.deliveryKey].joined(separator: "\n")
        return JobID("thrivecart-" + Digest.hex(Digest.sha256(key)))
    }
}
