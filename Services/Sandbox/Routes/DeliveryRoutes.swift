package import Hummingbird
package import Web

/// Deliveries by JSON: what was sent, how it was answered, once more.
package struct DeliveryRoutes: Sendable {
    let shop: Shop

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("api/deliveries", use: list)
            .get("api/deliveries/:id", use: show)
            .post("api/deliveries/:id/resend", use: resend)
    }

    // MARK: GET /api/deliveries?order=…&event=…

    struct Deliveries: ResponseEncodable {
        /// Newest first.
        var deliveries: [DeliveryAnswer]
        /// True when nothing is left to send, but retries that wait for their time.
        var isIdle: Bool
    }

    @Sendable func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let order = request.uri.queryParameters["order"].map(String.init)
        let event = request.uri.queryParameters["event"].map(String.init)
        let matching = await shop.postman.deliveries.reversed().filter {
            (order == nil || $0.order == order) && (event == nil || $0.event == event)
        }
        return .json(Deliveries(deliveries: matching.map(DeliveryAnswer.init), isIdle: await shop.postman.isIdle))
    }

    // MARK: GET /api/deliveries/{id}

    struct DeliveryWithBody: Encodable {
        var delivery: DeliveryAnswer
        /// As it was sent, but for the secret.
        var body: String
    }

    /// Errors: 404 `delivery_not_found`.
    @Sendable func show(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let delivery = await shop.postman.delivery(try context.parameters.require("id", as: Int.self)) else {
            throw APIError(.notFound, "delivery_not_found", "There is no such delivery.")
        }
        return .json(DeliveryWithBody(delivery: DeliveryAnswer(delivery), body: SecretCover.covered(delivery.body)))
    }

    // MARK: POST /api/deliveries/{id}/resend

    /// Sends the same bytes again; 202. Errors: 404 `delivery_not_found`.
    @Sendable func resend(_ request: Request, _ context: WebContext) async throws -> Response {
        guard await shop.postman.resend(try context.parameters.require("id", as: Int.self)) else {
            throw APIError(.notFound, "delivery_not_found", "There is no such delivery.")
        }
        return Response(status: .accepted)
    }
}
