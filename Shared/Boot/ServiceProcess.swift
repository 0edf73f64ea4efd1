internal import Configuration
internal import CoreMetrics
internal import Foundation
internal import Glibc
package import Hummingbird
package import Jobs
package import Logging
package import PayPal
package import Postgres
package import Redis
package import Sealing
package import ServiceLifecycle
internal import Synchronization
internal import UnixSignals
package import Web

/// One of our processes, from its settings to its end.
///
///     await ServiceProcess.run("ingress", needs: [.redisURL, .appKeys]) { process in
///         let redis = try process.redis()
///         return [process.server([WebhookRoutes(…).routes], port: process.settings.ports.ingress)]
///     }
///
/// Exit codes: 0 after SIGTERM or SIGINT, 78 for settings that can't be used, a taken port among them, 64 for arguments, 1 for
/// anything else.
package final class ServiceProcess: Sendable {
    package let name: String
    package let settings: Settings
    package let logger: Logger
    package let metrics: PrometheusRegistry
    private let parts = Mutex(Parts())

    private struct Parts {
        var checks: [ReadinessCheck] = []
        var closers: [any Service] = []
        var health: Health?
    }

    /// Reads the settings, builds what `assemble` returns, and runs it until a signal or until one of its parts ends.
    ///
    /// At SIGTERM readiness goes first, then the services from the last to the first, then the clients.
    package static func run(
        _ name: String,
        needs: Set<Variable>,
        _ assemble: @Sendable (ServiceProcess) async throws -> [any Service]
    ) async -> Never {
        takeNoArguments(name)
        signal(SIGPIPE, SIG_IGN)  // a log that nobody reads any more must not end us
        raiseFileLimit()
        let process: ServiceProcess
        do {
            let settings = try Settings(from: ConfigReader(provider: EnvironmentVariablesProvider()), needs: needs)
            process = ServiceProcess(name, settings)
        } catch {
            FileHandle.standardError.write(Data("\(name) can't start. \(error)\n".utf8))
            exit(78)  // EX_CONFIG
        }
        do {
            try await process.run(assemble)
            process.logger.info("stopped")
            exit(0)
        } catch let problem as PortProblem {
            process.logger.critical("can't listen", metadata: ["error": "\(problem)"])
            let variable = process.settings.ports.variable(of: name, port: problem.port)
            let line = "\(name) can't start: \(problem). Set \(variable) or HOST to what is free.\n"
            FileHandle.standardError.write(Data(line.utf8))
            exit(78)  // EX_CONFIG
        } catch {
            process.logger.critical("stopped by an error", metadata: ["error": "\(error)"])
            exit(1)
        }
    }

    /// Whoever writes `--port` would otherwise wonder why another one is listened at.
    private static func takeNoArguments(_ name: String) {
        guard let first = CommandLine.arguments.dropFirst().first else { return }
        let line = "\(name) takes no arguments. Its settings are environment variables; .env.example explains each.\n"
        FileHandle.standardError.write(Data(line.utf8))
        exit(["-h", "--help"].contains(first) ? 0 : 64)  // EX_USAGE
    }

    /// As many open files as we are allowed: the usual 1 024 are fewer than the connections we are ready to serve.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 65_536))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private init(_ name: String, _ settings: Settings) {
        self.name = name
        self.settings = settings
        LoggingSystem.bootstrap { [format = settings.logFormat, level = settings.logLevel] _ in
            LineLog(service: name, format: format, level: level)
        }
        metrics = PrometheusRegistry()
        metrics.addProcessMetrics()
        MetricsSystem.bootstrap(metrics)
        logger = Logger(label: name)
    }

    private func run(_ assemble: @Sendable (ServiceProcess) async throws -> [any Service]) async throws {
        let services = try await assemble(self)
        let closers = parts.withLock { $0.closers }
        let way = WayOut(health: health, delay: settings.shutdownDelay)
        var configuration = ServiceGroupConfiguration(
            services: (closers + services + [way]).map { .init(service: $0) },
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        configuration.maximumGracefulShutdownDuration = settings.drain + settings.shutdownDelay
        logger.info("starting", metadata: ["settings": "\(settings)"])
        try await ServiceGroup(configuration: configuration).run()
    }

    // MARK: What it has

    /// A client that ends with the process, and a readiness check for it.
    ///
    /// - Parameter commandTimeout: how long a call waits for its answer, or for a connection.
    package func redis(commandTimeout: Duration = .seconds(5)) throws -> RedisClient {
        guard var configuration = settings.redis else { throw SettingsError(missing: .redisURL) }
        configuration.commandTimeout = commandTimeout
        let client = RedisClient(configuration, logger: logger)
        closeAtEnd { await client.close() }
        check(.redis(client, checksDurability: settings.checksRedisDurability))
        return client
    }

    /// The queues in `redis`, sharded as all processes are told.
    package func jobQueue(_ redis: RedisClient) -> JobQueue {
        JobQueue(redis: redis, shards: settings.queueShards, logger: logger)
    }

    /// A pool that ends with the process, and a readiness check for it.
    ///
    /// - Parameter pending: the names of the migrations that are still to be applied.
    package func postgres(
        pending: @escaping @Sendable (PostgresPool) async throws -> [String]
    ) throws -> PostgresPool {
        guard let configuration = settings.postgres else { throw SettingsError(missing: .databaseURL) }
        let pool = PostgresPool(configuration, logger: logger)
        closeAtEnd { await pool.close() }
        check(.postgres(pool, pending: pending))
        return pool
    }

    package func sealer() throws -> Sealer {
        guard let keys = settings.keys else { throw SettingsError(missing: .appKeys) }
        return Sealer(keys)
    }

    /// PayPal, with a token that all processes share. What calls it names `Variable.payPal` in its `needs`.
    package func payPal(redis: RedisClient) throws -> PayPalClient {
        guard let settings = settings.payPal.settings else { throw SettingsError(missing: .payPalClientID) }
        let store = RedisTokenStore(redis: redis, sealer: try sealer(), settings: settings, logger: logger)
        return PayPalClient(settings, store: store, logger: logger)
    }

    /// Adds to what `/readyz` asks; comes before the server is made.
    package func check(_ check: ReadinessCheck) {
        parts.withLock { $0.checks.append(check) }
    }

    /// A server for the given routes and the health routes.
    package func server(
        _ routes: [RouteCollection<WebContext>],
        port: Int,
        envelope: @escaping @Sendable (APIError, WebContext) -> Response = { error, _ in error.response }
    ) -> any Service {
        Listening(
            server: WebServer(
                routes,
                host: settings.host,
                port: port,
                proxies: settings.proxies,
                health: health,
                metrics: metrics,
                logger: logger,
                envelope: envelope
            ),
            host: settings.host,
            port: port
        )
    }

    /// A server for the health routes alone: what a worker has.
    package func healthServer(port: Int) -> any Service {
        server([], port: port)
    }

    private var health: Health {
        parts.withLock { parts in
            if let health = parts.health { return health }
            let health = Health(parts.checks)
            parts.health = health
            return health
        }
    }

    private func closeAtEnd(_ close: @escaping @Sendable () async -> Void) {
        parts.withLock { $0.closers.append(ClosedAtEnd(close: close)) }
    }
}

/// A lost race, a server that restarts: the same job may succeed later, and an outage spends none of its attempts.
///
/// Because the driver and the queue know nothing of each other, it is said here, where every process has both.
extension PostgresError: TransientError {}

extension SettingsError {
    fileprivate init(missing variable: Variable) {
        self.init(problems: [.init(variable: variable.rawValue, what: "is not set", advice: variable.advice)])
    }
}

/// Does nothing until the end, and then closes a client.
private struct ClosedAtEnd: Service {
    let close: @Sendable () async -> Void

    func run() async throws {
        // Because being cancelled ends the wait as well, and the client is closed either way.
        try? await gracefulShutdown()
        await close()
    }
}

/// The last to start and the first to stop: says that we are not ready, and waits until load balancers have noticed.
private struct WayOut: Service {
    let health: Health
    let delay: Duration

    func run() async throws {
        // Because being cancelled means that there is no time for a polite way out.
        try? await gracefulShutdown()
        health.startDraining()
        try? await Task.sleep(for: delay)  // Because, likewise.
    }
}
