import Hummingbird
import Synchronization
import ThriveCart
import Web

/// A server that takes webhooks, remembers what came, and answers as told.
final class Receiver: Sendable {
    struct Received: Sendable {
        var method: String
        var path: String
        var contentType: String?
        var body: [UInt8]

        /// Read by the parser that the ingress uses.
        var payload: ThriveCartPayload {
            get throws { try ThriveCartBody.parse(body) }
        }

        /// `field("customer", "email")`; nil where there is none.
        func field(_ path: String...) throws -> String? {
            var node: PayloadNode? = try payload.root
            for name in path { node = node?[name] }
            return node?.value
        }
    }

    private struct State {
        var received: [Received] = []
        var answers: [Int] = []
    }

    private let state = Mutex(State())

    /// Webhooks in the order in which they came; pings, which have no body, are not among them.
    var webhooks: [Received] { all.filter { !$0.body.isEmpty } }
    var all: [Received] { state.withLock { $0.received } }

    /// The statuses of the next answers; 200 when there are no more.
    func answer(_ statuses: Int...) {
        state.withLock { $0.answers += statuses }
    }

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .head("**", use: take)
            .post("**", use: take)
    }

    @Sendable private func take(_ request: Request, _ context: WebContext) async throws -> Response {
        let received = Received(
            method: request.method.rawValue,
            path: request.uri.path,
            contentType: request.headers[.contentType],
            body: try await request.bytes(limit: 1 << 20)
        )
        let status = state.withLock { state in
            state.received.append(received)
            return state.answers.isEmpty ? 200 : state.answers.removeFirst()
        }
        return Response(
            status: .init(code: status),
            headers: [.location: "/elsewhere"],
            body: .init(byteBuffer: .init(string: #"{"job":"job-1"}"#))
        )
    }
}
