internal import Foundation
package import Hummingbird
package import Web

/// Deliveries as pages: what was sent where, and what came back.
package struct DeliveryPages: Sendable {
    let shop: Shop
    let renderer: PageRenderer

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("deliveries", use: list)
            .get("deliveries/:id", use: show)
            .post("deliveries/:id/resend", use: resend)
    }

    // MARK: GET /deliveries

    @Sendable func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let deliveries = await shop.postman.deliveries.suffix(200).reversed().map(DeliveryLine.init)
        return try await renderer.page(
            "deliveries",
            at: .deliveries,
            [
                "deliveries": deliveries, "hasDeliveries": !deliveries.isEmpty,
                "left": request.uri.queryParameters["left"] != nil,
            ]
        )
    }

    // MARK: GET /deliveries/{id}

    private struct AttemptLine {
        var at: String
        var status: String
        var tone: String
        var took: String
        var answer: String

        init(_ attempt: DeliveryAttempt) {
            at = Wording.time(attempt.at)
            status = attempt.status.map(String.init) ?? "no answer"
            tone = attempt.succeeded ? "good" : "bad"
            took = "\(attempt.milliseconds) ms"
            answer = attempt.answer
        }
    }

    private struct Field {
        var name: String
        var value: String
    }

    @Sendable func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let delivery = try await delivery(context)
        let attempts = delivery.attempts.map(AttemptLine.init)
        let body = SecretCover.covered(delivery.body)
        return try await renderer.page(
            "delivery",
            at: .deliveries,
            [
                "delivery": DeliveryLine(delivery), "webhookID": delivery.webhookID,
                "contentType": delivery.contentType, "size": delivery.body.count,
                "attempts": attempts, "hasAttempts": !attempts.isEmpty,
                "fields": BodyFields.of(body).map { Field(name: $0.name, value: $0.value) }, "raw": body,
            ]
        )
    }

    // MARK: POST /deliveries/{id}/resend

    /// Sends the same bytes again, and goes back to the delivery's page.
    @Sendable func resend(_ request: Request, _ context: WebContext) async throws -> Response {
        struct Nothing: Decodable {}
        _ = try await request.form(Nothing.self)
        let delivery = try await delivery(context)
        _ = await shop.postman.resend(delivery.id)
        await shop.postman.settle(within: .seconds(1))
        return .redirect(to: "/deliveries/\(delivery.id)", type: .normal)
    }

    private func delivery(_ context: WebContext) async throws -> Delivery {
        guard let delivery = await shop.postman.delivery(try context.parameters.require("id", as: Int.self)) else {
            throw APIError(.notFound, "delivery_not_found", "There is no such delivery.")
        }
        return delivery
    }
}

/// A delivery in a list.
struct DeliveryLine {
    var id: Int
    var order: String?
    var event: String
    var url: String
    var status: String
    var tone: String
    var attempts: Int
    var made: String
    var summary: String

    init(_ delivery: Delivery) {
        id = delivery.id
        order = delivery.order
        event = delivery.event
        url = delivery.destination.url
        (status, tone) =
            switch delivery.state {
            case .delivered: (delivery.latest?.status.map(String.init) ?? "delivered", "good")
            case .waiting where delivery.attempts.isEmpty: ("on its way", "")
            case .waiting: ("will be sent again", "warn")
            case .failed: (delivery.latest?.status.map { "failed, \($0)" } ?? "failed", "bad")
            case .lost: ("lost on purpose", "warn")
            }
        attempts = delivery.attempts.count
        made = Wording.time(delivery.madeAt)
        let took = delivery.latest.map { " · \($0.milliseconds) ms" } ?? ""
        summary = (attempts > 1 ? "\(Wording.size(attempts, "attempt"))" : url) + took
    }
}
