internal import Foundation
internal import HTTPTypes
package import Hummingbird
package import Web

/// The addresses that other programs deliver to, and what came there by JSON.
package struct HookRoutes: Sendable {
    let inbox: HookInbox

    package init(inbox: HookInbox) {
        self.inbox = inbox
    }

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("hooks/**", use: take)
            .get("api/received", use: list)
            .delete("api/received", use: clear)
            .put("api/receiver", use: set)
    }

    // MARK: POST /hooks/…

    /// Any path will do, so that one shop can stand for many.
    @Sendable func take(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.bytes(limit: 1 << 20)
        var headers: [String: String] = [:]
        for field in request.headers where headers[field.name.canonicalName] == nil {
            headers[field.name.canonicalName] = field.value
        }
        switch await inbox.take(request.uri.path, headers, body, at: Date()).answered {
        case 200: return .json(Thanks())
        case 307: return .redirect(to: HookInbox.trap, type: .temporary)
        case 401: throw APIError(.unauthorized, "bad_signature", "The signature does not fit these bytes.")
        case 410: throw APIError(.gone, "told_to_be_gone", "This shop was told to be gone.")
        case .some: throw APIError(.internalServerError, "told_to_fail", "This shop was told to fail.")
        case nil:
            // Longer than any sender waits; a shutdown cancels it.
            try await Task.sleep(for: .seconds(120))
            throw APIError(.serviceUnavailable, "told_to_hang", "This shop was told to hang.")
        }
    }

    private struct Thanks: Encodable {
        var received = true
    }

    // MARK: GET and DELETE /api/received

    private struct Inbox: Encodable {
        /// The newest first.
        var received: [HookInbox.Received]
        var manner: HookInbox.Manner
        var remaining: Int?
    }

    @Sendable func list(_ request: Request, _ context: WebContext) async throws -> Response {
        .json(
            Inbox(
                received: await inbox.received.reversed(),
                manner: await inbox.manner,
                remaining: await inbox.remaining
            )
        )
    }

    @Sendable func clear(_ request: Request, _ context: WebContext) async throws -> Response {
        await inbox.clear()
        return Response(status: .noContent)
    }

    // MARK: PUT /api/receiver

    struct Setting: Decodable {
        var manner: HookInbox.Manner?
        /// For so many deliveries; left out: until told otherwise.
        var remaining: Int?
        /// All that it shall know; left out: the ones it knows.
        var secrets: [String]?
    }

    /// Takes `{"manner":"fail","remaining":3,"secrets":["whsec_…"]}`; 204.
    @Sendable func set(_ request: Request, _ context: WebContext) async throws -> Response {
        let setting = try await request.decode(as: Setting.self, context: context)
        if let manner = setting.manner { await inbox.behave(manner, for: setting.remaining) }
        if let secrets = setting.secrets { await inbox.know(secrets) }
        return Response(status: .noContent)
    }
}
