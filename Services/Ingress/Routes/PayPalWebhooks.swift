package import Foundation
internal import FulfillmentJobs
internal import HTTPTypes
package import Hummingbird
internal import Jobs
internal import Logging
package import PayPal
package import Web

/// PayPal's webhooks: verified over their raw bytes, put in the queue, and only then answered with 200.
package struct PayPalWebhooks: Sendable {
    private let verifier: WebhookVerifier
    private let durability: DurabilityWatch
    private let queue: WebhookQueue
    private let metrics: WebhookMetrics
    private let now: @Sendable () -> Date

    /// As for every provider; PayPal's events have a few kilobytes.
    private static let maximumSize = 1 << 20

    package init(
        verifier: WebhookVerifier,
        durability: DurabilityWatch,
        queue: WebhookQueue,
        metrics registry: PrometheusRegistry,
        now: @escaping @Sendable () -> Date = { .now }
    ) {
        self.verifier = verifier
        self.durability = durability
        self.queue = queue
        self.now = now
        metrics = WebhookMetrics(
            registry,
            provider: "paypal",
            reasons: [Self.noHeaders] + WebhookVerifier.Flaw.allCases.map(\.rawValue)
                + WebhookVerifier.Doubt.allCases.map(\.rawValue)
        )
    }

    private static let noHeaders = "headers"

    package var routes: RouteCollection<WebContext> {
        let routes = RouteCollection(context: WebContext.self)
        for path: RouterPath in ["webhooks/paypal", "api/paypal/v1/webhooks"] {
            routes.head(path, use: there).get(path, use: there).post(path, use: receive)
        }
        return routes
    }

    // MARK: HEAD, GET

    /// 200 without effect: somebody looks whether the address works.
    @Sendable func there(_ request: Request, _ context: WebContext) -> Response {
        .text("ok\n")
    }

    // MARK: POST

    struct Received: Encodable {
        var received = true
    }

    /// Takes one event.
    ///
    /// 200 `{"received":true}` when it is in the queue on disk, or was already. Sending it again is harmless. Errors: 401
    /// `unauthorized` whatever was wrong, 408, 413, and 503 `unavailable` with `Retry-After` when nothing was kept,
    /// because nobody could say whether it is PayPal's or because Redis keeps nothing.
    @Sendable func receive(_ request: Request, _ context: WebContext) async throws -> Response {
        let start = ContinuousClock.now
        var note = WebhookNote()
        note.provider = "paypal"
        let result = await taken(request, context, &note)
        metrics.count(note.outcome, took: start.duration(to: .now))
        context.logger.log(
            level: note.outcome.level,
            "webhook received",
            metadata: note.metadata.merging(["client": .string(context.clientAddress)]) { $1 }
        )
        return try result.get()
    }

    private func taken(
        _ request: Request,
        _ context: WebContext,
        _ note: inout WebhookNote
    ) async -> Result<Response, APIError> {
        let bytes: [UInt8]
        do {
            bytes = try await request.bytes(limit: Self.maximumSize)
        } catch {
            note.outcome = WebhookOutcome(error)
            return .failure(error)
        }
        note.bytes = bytes.count
        if bytes.isEmpty {
            note.outcome = .ping
            return .success(.text("ok\n"))
        }
        guard
            let transmission = Transmission(header: { name in
                HTTPField.Name(name).flatMap { request.headers[$0] }
            })
        else { return refuse(Self.noHeaders, as: .unauthorized, &note) }

        switch await verifier.verdict(on: transmission, body: bytes) {
        case .genuine: break
        case .forged(let flaw): return refuse(flaw.rawValue, as: .unauthorized, &note)
        case .undecided(let doubt): return refuse(doubt.rawValue, as: .unverifiable, &note)
        }
        // What PayPal signed is taken even if it can't be read: refused, it would come again for three days.
        let event = ApplyPayPalEvent(body: bytes, transmission: transmission, receivedAt: now())
        note.event = event.type
        note.outcome = await durability.keeping(&note) { () throws(JobsError) in
            try await queue.put(event, requestID: context.requestID)
        }
        switch note.outcome {
        case .accepted, .duplicate: return .success(.json(Received()))
        default: return .failure(note.error)
        }
    }

    private func refuse(
        _ reason: String,
        as outcome: WebhookOutcome,
        _ note: inout WebhookNote
    ) -> Result<Response, APIError> {
        metrics.count(reason: reason)
        note.refusal = reason
        note.outcome = outcome
        return .failure(note.error)
    }
}
