package import Hummingbird
internal import NIOCore

/// What supervisors, load balancers and Prometheus ask every process.
package struct HealthRoutes: Sendable {
    let health: Health
    let metrics: PrometheusRegistry

    package init(health: Health, metrics: PrometheusRegistry) {
        self.health = health
        self.metrics = metrics
    }

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("livez", use: live)
            .get("readyz", use: ready)
            .get("metrics", use: scrape)
    }

    // MARK: GET /livez

    /// 200 as long as the process runs: a dependency that is down is no reason to restart us.
    @Sendable func live(_ request: Request, _ context: WebContext) -> Response {
        .text("ok\n")
    }

    // MARK: GET /readyz

    /// 200, or 503 with what is not ready and what to do: `{"ready":false,"checks":[{"name":"redis","state":"failed",…}]}`.
    @Sendable func ready(_ request: Request, _ context: WebContext) async -> Response {
        let readiness = await health.readiness()
        return .json(readiness, status: readiness.isReady ? .ok : .serviceUnavailable)
    }

    // MARK: GET /metrics

    /// Prometheus text format 0.0.4.
    @Sendable func scrape(_ request: Request, _ context: WebContext) -> Response {
        .text(metrics.text(), type: "text/plain; version=0.0.4; charset=utf-8")
    }
}

extension Response {
    /// Not to be cached.
    package static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Response {
        Response(
            status: .ok,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }
}
