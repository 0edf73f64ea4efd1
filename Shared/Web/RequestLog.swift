package import CoreMetrics
package import Hummingbird
internal import Logging
internal import Metrics
internal import Sealing

/// Names each request, finds out who sent it, and writes one line when it is answered.
///
/// The line has the route's template, never the path, the query, a header or a body: those hold tokens and people.
package struct RequestLog: RouterMiddleware {
    let proxies: TrustedProxies
    private let metrics: any MetricsFactory
    private let inFlight: Meter
    /// Routes whose good answers are not worth a line at `info`.
    private static let quiet: Set<String> = ["/livez", "/readyz", "/metrics"]

    package init(proxies: TrustedProxies, metrics: any MetricsFactory) {
        self.proxies = proxies
        self.metrics = metrics
        inFlight = Meter(label: "http_requests_in_flight", factory: metrics)
    }

    package func handle(
        _ request: Request,
        context: WebContext,
        next: (Request, WebContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        inFlight.increment()
        defer { inFlight.decrement() }
        var context = context
        identify(request, &context)

        var response = try await next(request, context)
        response.headers[.requestID] = context.requestID
        record(request, context, response.status.code, start.duration(to: .now))
        return response
    }

    private func identify(_ request: Request, _ context: inout WebContext) {
        if let peer = context.peer {
            context.client = proxies.client(connectedFrom: peer, request.headers)
            if proxies.trusts(peer), let given = request.headers[.requestID], Self.isRequestID(given) {
                context.requestID = given
            }
        }
        context.logger[metadataKey: "request_id"] = .string(context.requestID)
    }

    private func record(_ request: Request, _ context: WebContext, _ status: Int, _ duration: Duration) {
        let route = context.endpointPath ?? "none"
        let method = Self.knownMethods.contains(request.method.rawValue) ? request.method.rawValue : "other"
        let dimensions = [("method", method), ("route", route), ("status", String(status))]
        Counter(label: "http_requests_total", dimensions: dimensions, factory: metrics).increment()
        Timer(label: "http_request_duration_seconds", dimensions: Array(dimensions.prefix(2)), factory: metrics)
            .record(duration: duration)

        let isQuiet = Self.quiet.contains(route) && status < 500
        context.logger.log(
            level: isQuiet ? .debug : .info,
            "request answered",
            metadata: [
                "method": .string(method),
                "route": .string(route),
                "status": .stringConvertible(status),
                "duration_ms": .stringConvertible(duration.milliseconds),
                "client": .string(context.clientAddress),
            ]
        )
    }

    private static let knownMethods: Set = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    /// 8 to 64 of `A-Z a-z 0-9 -`.
    private static func isRequestID(_ text: String) -> Bool {
        (8...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

/// Turns whatever a route throws into an answer with an envelope; what is not an `APIError` says nothing about itself.
package struct ErrorEnvelopes: RouterMiddleware {
    private let envelope: @Sendable (APIError, WebContext) -> Response

    package init(envelope: @escaping @Sendable (APIError, WebContext) -> Response = { error, _ in error.response }) {
        self.envelope = envelope
    }

    package func handle(
        _ request: Request,
        context: WebContext,
        next: (Request, WebContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as APIError {
            return envelope(error, context)
        } catch let error as HTTPError {
            return envelope(APIError(error), context)
        } catch {
            context.logger.error(
                "request failed",
                metadata: ["error": .string(Self.described(error))]
            )
            return envelope(APIError.internalError, context)
        }
    }

    /// Our own errors are written for operators; those of coders show what was sent.
    private static func described(_ error: any Error) -> String {
        error is DecodingError || error is EncodingError ? String(describing: type(of: error)) : "\(error)"
    }
}

extension Duration {
    /// Whole milliseconds.
    package var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
