internal import HTTPTypes
package import Hummingbird
internal import NIOCore
package import Web

/// PayPal's API, its pages, and the doors for tests under `/_sandbox`.
package struct PayPalRoutes: Sendable {
    let sandbox: PayPalSandbox
    /// What comes before each path: nothing, or `/paypal`.
    let prefix: String

    package init(_ sandbox: PayPalSandbox, under prefix: String = "") {
        self.sandbox = sandbox
        self.prefix = prefix
    }

    package var routes: RouteCollection<WebContext> {
        let collection = RouteCollection(context: WebContext.self)
        for call in PayPalCall.allCases {
            collection.on(RouterPath(prefix + call.path), method: call.method) { request, context in
                try await answer(call, request, context)
            }
        }
        addTestDoors(to: collection)
        addBuyerDoors(to: collection)
        addPages(to: collection)
        return collection
    }

    private func answer(_ call: PayPalCall, _ request: Request, _ context: WebContext) async throws -> Response {
        let began = ContinuousClock.now
        let ask = PayPalAsk(
            call,
            id: context.parameters.get("id") ?? "",
            partner: context.parameters.get("partner") ?? "",
            query: request.fields,
            headers: request.headers,
            body: try await request.bytes(limit: 1 << 20),
            base: base(request),
            began: began
        )
        switch await sandbox.answer(ask) {
        case .reply(let reply): return reply.response
        case .silence(let seconds):
            // Because being cancelled means that the process ends, and the line breaks all the same.
            try? await Task.sleep(for: .seconds(seconds))
            context.hangUp()
            return Response(status: .serviceUnavailable)
        }
    }

    /// Where the caller reached us.
    func base(_ request: Request) -> String {
        let scheme = request.headers[.forwardedProto] == "https" ? "https" : "http"
        return "\(scheme)://\(request.head.authority ?? "localhost")\(prefix)"
    }
}

extension Request {
    /// The query's pairs.
    var fields: [String: String] {
        uri.query.map { PayPalForm.fields($0) } ?? [:]
    }
}

extension PayPalReply {
    var response: Response {
        var headers = headers
        let bytes: [UInt8]
        switch body {
        case .json(let json):
            headers[.contentType] = "application/json"
            bytes = json.bytes
        case .html(let html):
            headers[.contentType] = "text/html"
            bytes = Array(html.utf8)
        case .text(let text, let type):
            headers[.contentType] = type
            bytes = Array(text.utf8)
        case .none: bytes = []
        }
        if headers[.cacheControl] == nil { headers[.cacheControl] = "max-age=0, no-cache, no-store, must-revalidate" }
        return Response(
            status: .init(code: status),
            headers: headers,
            body: bytes.isEmpty ? .init() : .init(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}

extension HTTPField.Name {
    fileprivate static var forwardedProto: Self { Self("X-Forwarded-Proto")! }
}
