package import Hummingbird
internal import HummingbirdCore
package import Logging
internal import NIOCore

/// An HTTP/1 server with our limits, log, error envelopes and health routes around the given routes.
package struct WebServer: Sendable {
    package typealias Application = Hummingbird.Application<RouterResponder<WebContext>>

    package let application: Application

    /// - Parameters:
    ///   - port: 0 takes any free one; `whenListening` tells which.
    ///   - envelope: how a failure is written that no route has caught.
    ///   - whenListening: called once with the port, when connections are accepted.
    package init(
        _ routes: [RouteCollection<WebContext>],
        host: String,
        port: Int,
        limits: WebLimits = WebLimits(),
        proxies: TrustedProxies = .none,
        health: Health,
        metrics: PrometheusRegistry,
        logger: Logger,
        envelope: @escaping @Sendable (APIError, WebContext) -> Response = { error, _ in error.response },
        whenListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        metrics.describe("http_requests_in_flight", "Requests whose headers have come and whose answer has not gone.")
        metrics.describe("http_requests_total", "Requests answered, by route and status.")
        metrics.describe("http_request_duration_seconds", "From a request's headers to its answer, by route.")
        let router = Router(context: WebContext.self)
        router.add(middleware: HeadAnswers())
        router.add(middleware: RequestLog(proxies: proxies, metrics: metrics))
        router.add(middleware: ErrorEnvelopes(envelope: envelope))
        for collection in [HealthRoutes(health: health, metrics: metrics).routes] + routes {
            router.addRoutes(collection)
        }
        application = Application(
            router: router,
            server: .http1(configuration: limits.channel),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: logger)
            ),
            onServerRunning: { channel in whenListening(channel.localAddress?.port ?? port) },
            logger: logger
        )
    }
}

extension WebLimits {
    fileprivate var channel: HTTP1Channel.Configuration {
        HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionGuard(limits: self)],
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: headerBytes,
                maxHeaderListSize: headerBytes,
                maxHeaderFieldCount: headerCount
            )
        )
    }
}
