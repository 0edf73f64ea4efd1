internal import Foundation
package import Hummingbird
package import Web

/// What a real shop does not have, by JSON: where webhooks go, how they are tampered with, what time it is.
package struct WorkshopRoutes: Sendable {
    let shop: Shop

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("api/webhooks", use: destinations)
            .post("api/webhooks", use: register)
            .delete("api/webhooks", use: remove)
            .get("api/faults", use: faults)
            .put("api/faults", use: setFaults)
            .delete("api/faults", use: clearFaults)
            .get("api/clock", use: clock)
            .post("api/clock", use: advance)
    }

    // MARK: GET /api/webhooks

    struct Destinations: ResponseEncodable {
        var destinations: [Destination]
    }

    @Sendable func destinations(_ request: Request, _ context: WebContext) async throws -> Response {
        .json(Destinations(destinations: await shop.postman.destinations))
    }

    // MARK: POST /api/webhooks

    struct DestinationBody: Decodable {
        var url: String
        /// `account` (the default) or `subscription`.
        var surface: Destination.Surface?
        /// `form` (the default) or `json`.
        var encoding: Destination.Encoding?

        var destination: Destination {
            Destination(url: url, surface: surface ?? .account, encoding: encoding ?? .form)
        }
    }

    /// Pings the address with HEAD and an empty POST; 201 when both said 2xx, else 422 and nothing is registered.
    @Sendable func register(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.decode(as: DestinationBody.self, context: context)
        let registration = await shop.postman.register(body.destination)
        return .json(registration, status: registration.isRegistered ? .created : .unprocessableContent)
    }

    // MARK: DELETE /api/webhooks

    /// Takes the destination with this address and surface away; 204, also where there was none.
    @Sendable func remove(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.decode(as: DestinationBody.self, context: context)
        await shop.postman.remove(body.destination)
        return Response(status: .noContent)
    }

    // MARK: GET, PUT and DELETE /api/faults

    @Sendable func faults(_ request: Request, _ context: WebContext) async throws -> Response {
        .json(await shop.postman.faults)
    }

    /// Takes `{"duplicate":2,"delayMilliseconds":50,"reorder":true,"dropRate":0.1,"seed":7}`, what is left out is off.
    /// Also begins the seed's sequence anew.
    @Sendable func setFaults(_ request: Request, _ context: WebContext) async throws -> Response {
        await shop.postman.setFaults(try await request.decode(as: Faults.self, context: context))
        return .json(await shop.postman.faults)
    }

    @Sendable func clearFaults(_ request: Request, _ context: WebContext) async throws -> Response {
        await shop.postman.setFaults(.none)
        return .json(await shop.postman.faults)
    }

    // MARK: GET and POST /api/clock

    struct Clock: ResponseEncodable {
        var now: Date
        var secondsAhead: Int
    }

    struct Advance: Decodable {
        /// May be a part of a day, and negative as far as the machine's own time.
        var days: Double
    }

    @Sendable func clock(_ request: Request, _ context: WebContext) async throws -> Response {
        .json(Clock(now: shop.clock.now, secondsAhead: Int(shop.clock.offset)))
    }

    /// Moves the shop's time on. Nothing happens by itself: payments are taken by `renew`.
    @Sendable func advance(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.decode(as: Advance.self, context: context)
        shop.clock.advance(by: body.days * 86_400)
        return try await clock(request, context)
    }
}
