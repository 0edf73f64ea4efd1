internal import Domain
package import Foundation
package import Hummingbird
internal import Jobs
internal import Logging
internal import ThriveCart
package import Web

/// ThriveCart's webhooks: verified over their raw bytes, put in the queue, and only then answered with 200.
package struct ThriveCartWebhooks: Sendable {
    let settings: SettingsKeeper
    let durability: DurabilityWatch
    let queue: WebhookQueue
    let metrics: WebhookMetrics
    let now: @Sendable () -> Date

    package init(
        settings: SettingsKeeper,
        durability: DurabilityWatch,
        queue: WebhookQueue,
        metrics: WebhookMetrics,
        now: @escaping @Sendable () -> Date = { .now }
    ) {
        self.settings = settings
        self.durability = durability
        self.queue = queue
        self.metrics = metrics
        self.now = now
    }

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .head("webhooks/thrivecart/:site", use: there)
            .get("webhooks/thrivecart/:site", use: there)
            .post("webhooks/thrivecart/:site") { request, context in
                let site = context.parameters.get("site").flatMap { Slug($0) }
                return try await receive(request, context, at: .site(site))
            }
            .head("api/webhooks/thrivecart", use: there)
            .get("api/webhooks/thrivecart", use: there)
            .post("api/webhooks/thrivecart") { request, context in
                try await receive(request, context, at: .shared)
            }
    }

    // MARK: HEAD, GET

    /// 200 without effect, for any site: ThriveCart looks whether the address works before it takes it. Source: A1.
    @Sendable func there(_ request: Request, _ context: WebContext) -> Response {
        .text("ok\n")
    }

    // MARK: POST

    /// Takes one webhook.
    ///
    /// 200 when it is in the queue on disk, or was already, or is a ping. Sending it again is harmless. Errors: 400
    /// `malformed`, 401 `unauthorized` whatever was wrong, 408, 413, and 503 `unavailable` with `Retry-After` when nothing
    /// was kept.
    func receive(_ request: Request, _ context: WebContext, at address: ThriveCartAddress) async throws -> Response {
        let start = ContinuousClock.now
        var note = WebhookNote()
        let result = await taken(request, context, at: address, &note)
        let outcome = note.outcome
        metrics.count(outcome, took: start.duration(to: .now))
        context.logger.log(
            level: outcome.level,
            "webhook received",
            metadata: note.metadata.merging(["client": .string(context.clientAddress)]) { $1 }
        )
        return try result.get()
    }

    private func taken(
        _ request: Request,
        _ context: WebContext,
        at address: ThriveCartAddress,
        _ note: inout WebhookNote
    ) async -> Result<Response, APIError> {
        let payload: ThriveCartPayload
        do {
            let bytes = try await request.bytes(limit: ThriveCartBody.maximumSize)
            note.bytes = bytes.count
            if Self.isEmpty(bytes) {
                note.outcome = .ping
                return .success(.text("ok\n"))
            }
            payload = try ThriveCartBody.parse(bytes)
        } catch {
            let error = APIError(refusing: error)
            note.outcome = WebhookOutcome(error)
            return .failure(error)
        }

        // Refused, it would keep ThriveCart from taking the address.
        if payload.isBare {
            note.outcome = .ping
            return .success(.text("ok\n"))
        }
        guard let site = await verified(payload, at: address, &note) else { return .failure(note.error) }
        note.site = site
        note.event = payload.event
        if payload.isPing {
            note.outcome = .ping
            return .success(.text("ok\n"))
        }
        note.outcome = await put(payload, for: site, context, &note)
        switch note.outcome {
        case .accepted, .duplicate: return .success(.text("ok\n"))
        default: return .failure(note.error)
        }
    }

    private func verified(
        _ payload: ThriveCartPayload,
        at address: ThriveCartAddress,
        _ note: inout WebhookNote
    ) async -> VerifiedSite? {
        guard var directory = settings.directory else {
            note.outcome = .settingsUnknown
            return nil
        }
        var result = directory.site(of: payload, at: address)
        if case .failure = result, await settings.lookAgain(), let newer = settings.directory {
            directory = newer
            result = directory.site(of: payload, at: address)
        }
        switch result {
        case .success(let site): return site
        case .failure(let reason):
            metrics.count(reason: reason.rawValue)
            note.refusal = reason.rawValue
            note.outcome = reason == .secretUnreadable ? .settingsUnknown : .unauthorized
            return nil
        }
    }

    private func put(
        _ payload: ThriveCartPayload,
        for site: VerifiedSite,
        _ context: WebContext,
        _ note: inout WebhookNote
    ) async -> WebhookOutcome {
        await durability.keeping(&note) { () throws(JobsError) in
            try await queue.put(payload, for: site, receivedAt: now(), requestID: context.requestID)
        }
    }

    /// Nothing, blanks, or `{}`: how senders look whether an address works. Source: A1.
    private static func isEmpty(_ bytes: [UInt8]) -> Bool {
        guard bytes.count <= 64 else { return false }
        let shown = bytes.filter { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return shown.isEmpty || shown == Array("{}".utf8)
    }
}
