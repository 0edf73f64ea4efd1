package import Hummingbird
package import Logging

/// Runs a server on a free port of the loopback while `body` runs, which is handed the port, then ends it.
///
/// For what has to be reachable only meanwhile: tests, and a rehearsal against a pretended PayPal.
package func withServer<Result: Sendable>(
    _ routes: [RouteCollection<WebContext>] = [],
    limits: WebLimits = WebLimits(),
    proxies: TrustedProxies = .none,
    health: Health = Health([]),
    metrics: PrometheusRegistry = PrometheusRegistry(),
    logger: Logger = Logger(label: "server") { _ in SwiftLogNoOpLogHandler() },
    envelope: @escaping @Sendable (APIError, WebContext) -> Response = { error, _ in error.response },
    _ body: @Sendable (_ port: Int) async throws -> Result
) async throws -> Result {
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let server = WebServer(
        routes,
        host: "127.0.0.1",
        port: 0,
        limits: limits,
        proxies: proxies,
        health: health,
        metrics: metrics,
        logger: logger,
        envelope: envelope,
        whenListening: { port.yield($0) }
    )
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { port.finish() }
            try await server.application.run()
        }
        guard let port = await ports.first(where: { _ in true }) else {
            try await group.waitForAll()
            throw ServerNeverListened()
        }
        let result = try await body(port)
        group.cancelAll()
        return result
    }
}

private struct ServerNeverListened: Error {}
