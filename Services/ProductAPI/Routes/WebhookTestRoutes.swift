internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import PayPal
internal import Sealing
internal import Store
internal import Web

/// A shop trying out its own webhook.
struct WebhookTestRoutes: Sendable {
    let api: ProductAPI

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("webhooks/test", use: test)
    }

    // MARK: POST /webhooks/test

    /// Sends one signed `WEBHOOK.TEST` by the road of real forwards, and tells what the shop's handler answered.
    ///
    /// One that was switched off for failing is on again with it: the shop says that it is back. Errors: 401, 422 without
    /// a `webhooks_url` and where the operator switched it off, 429.
    @Sendable func test(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        guard merchant.webhooksURL != nil else {
            throw ShopError(
                .unprocessableContent,
                "There is no webhooks_url.",
                errors: ["Set one with PATCH /merchant first."]
            )
        }
        let limit = RateLimit(redis: api.redis, name: "webhook-test", perMinute: 10)
        try await limit.take("\(merchant.id)")
        let id = "TEST-" + HexToken.random().prefix(16).uppercased()
        let now = api.now()
        let forward = try Forward.test(id, at: now)
        let message = try await api.store.transaction { tx in
            try tx.reviveEndpoint(of: merchant.id, at: now)
            let message = try tx.stageForward(forward, to: merchant.id, at: now)
            guard try tx.endpoints(of: .merchant(merchant.id)).allSatisfy({ $0.state == .enabled }) else {
                throw ShopError(
                    .unprocessableContent,
                    "The webhook is switched off.",
                    errors: ["Ask the operator of this API to switch it on."]
                )
            }
            return message
        }
        let code = try await answer(to: message)
        return .shop([
            "success": .bool(code.map { (200...299).contains($0) } ?? false),
            "test_id": .string(id),
            "response_code": code.map { .number(String($0)) } ?? .null,
        ])
    }

    /// The status of the first attempt; nil when nobody answered in time.
    private func answer(to message: Message.ID?) async throws -> Int? {
        guard let message else { return nil }
        let deadline = ContinuousClock.now + api.limits.webhookPatience
        while ContinuousClock.now < deadline {
            if let attempt = try await api.store.read({ try $0.firstAttempt(of: message) }) { return attempt.status }
            try await Task.sleep(for: .milliseconds(150))
        }
        return nil
    }
}
