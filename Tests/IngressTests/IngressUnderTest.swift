import Domain
import Foundation
import FulfillmentJobs
import Hummingbird
import IngressRoutes
import Jobs
import PayPal
import Redis
import Sealing
import ServiceLifecycle
import TestKit
import Web

/// The ingress over a real Redis, on a port of the loopback, with everything around it that a test looks at.
struct IngressUnderTest: Sendable {
    let port: Int
    let redis: RedisClient
    let queue: JobQueue
    let keeper: SettingsKeeper
    let log: CapturedLog
    let metrics: PrometheusRegistry
    let health: Health

    /// What most tests verify against: the account and the secret of the fixtures.
    static let demo = IngressSettings.SiteEntry(
        id: Site.ID.new(at: Date(timeIntervalSince1970: 1_700_000_000)),
        slug: Slug("demo")!,
        thriveCartAccount: "examplestudio",
        thriveCartSecrets: ["TESTSECRET00"]
    )

    static let sealer = Sealer(try! SealingKeys(parsing: SealingKeys.newEntry(id: "k1")))

    // MARK: Asking it

    func post(_ body: some Sequence<UInt8>, to path: String = "/webhooks/thrivecart/demo", headers: String = "")
        async throws -> RawAnswer
    {
        let body = Array(body)
        let client = try await RawConnection.open(port: port)
        defer { Task { await client.close() } }
        try await client.send(
            "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\(headers)\r\n".utf8 + body
        )
        return try await client.answer()
    }

    func post(_ body: String, to path: String = "/webhooks/thrivecart/demo", headers: String = "") async throws
        -> RawAnswer
    {
        try await post(body.utf8, to: path, headers: headers)
    }

    func ask(_ method: String, _ path: String) async throws -> RawAnswer {
        let client = try await RawConnection.open(port: port)
        defer { Task { await client.close() } }
        try await client.send("\(method) \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        return try await client.answer(toHEAD: method == "HEAD")
    }

    /// What waits in fulfillment's queue.
    func jobs() async throws -> [ApplyInboundEvent] {
        var jobs: [ApplyInboundEvent] = []
        for id in try await queue.peek("r1", on: ApplyInboundEvent.queue) {
            guard let record = try await queue.show(id, on: ApplyInboundEvent.queue) else { continue }
            jobs.append(
                try ApplyInboundEvent(payload: record.envelope.payload, version: record.envelope.payloadVersion)
            )
        }
        return jobs
    }

    /// The events of PayPal that wait there.
    func payPalEvents() async throws -> [ApplyPayPalEvent] {
        var events: [ApplyPayPalEvent] = []
        for id in try await queue.peek("r1", on: ApplyPayPalEvent.queue) {
            guard let record = try await queue.show(id, on: ApplyPayPalEvent.queue) else { continue }
            events.append(
                try ApplyPayPalEvent(payload: record.envelope.payload, version: record.envelope.payloadVersion)
            )
        }
        return events
    }

    func publish(_ sites: [IngressSettings.SiteEntry]) async throws {
        try await Self.publish(sites, to: redis)
    }

    static func publish(_ sites: [IngressSettings.SiteEntry], to redis: RedisClient) async throws {
        let sealed = try IngressSettings(sites: sites).sealed(with: sealer)
        try await redis.call(["SET", .text(IngressSettings.key), .bytes(sealed)])
    }
}

/// Runs an ingress with settings for these sites (nil: none were ever published) while `body` runs.
func withIngress<Result: Sendable>(
    _ sites: [IngressSettings.SiteEntry]? = [IngressUnderTest.demo],
    on server: RedisServer? = nil,
    limits: WebLimits = WebLimits(),
    proxies: TrustedProxies = .none,
    queueLimits: JobQueue.Limits = JobQueue.Limits(),
    pause: Duration = .milliseconds(50),
    payPal: WebhookVerifier? = nil,
    _ body: @escaping @Sendable (IngressUnderTest) async throws -> Result
) async throws -> Result {
    var configuration =
        if let server { try server.configuration() } else { try await DurableRedis.configuration() }
    configuration.commandTimeout = .seconds(2)  // as in Main.swift
    let redis = RedisClient(configuration, logger: .silent)
    if let sites { try await IngressUnderTest.publish(sites, to: redis) }

    let log = CapturedLog()
    let metrics = PrometheusRegistry()
    let queue = JobQueue(redis: redis, limits: queueLimits, logger: log.logger)
    let keeper = SettingsKeeper(redis: redis, sealer: IngressUnderTest.sealer, pause: pause, logger: log.logger)
    let watch = DurabilityWatch(redis: redis, trustsHidden: false, pause: pause, logger: log.logger)
    let thriveCart = ThriveCartWebhooks(
        settings: keeper,
        durability: watch,
        queue: WebhookQueue(queue),
        metrics: WebhookMetrics(metrics, provider: "thrivecart")
    ).routes
    let payPalRoutes = payPal.map { verifier in
        PayPalWebhooks(verifier: verifier, durability: watch, queue: WebhookQueue(queue), metrics: metrics).routes
    }
    let health = Health([keeper.readiness])

    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await keeper.run() }
        group.addTask { try await watch.run() }
        if sites != nil {
            try await eventually { await health.readiness().isReady }
        }
        let result = try await withServer(
            [thriveCart] + (payPalRoutes.map { [$0] } ?? []),
            limits: limits,
            proxies: proxies,
            health: health,
            metrics: metrics,
            logger: log.logger
        ) { port in
            try await body(
                IngressUnderTest(
                    port: port,
                    redis: redis,
                    queue: queue,
                    keeper: keeper,
                    log: log,
                    metrics: metrics,
                    health: health
                )
            )
        }
        group.cancelAll()
        await redis.close()
        return result
    }
}

/// One durable Redis for all tests that don't harm it; each gets a database of its own.
enum DurableRedis {
    private static let server = Task {
        try await RedisServer(
            .init(isDurable: true, more: ["--maxmemory-policy", "noeviction", "--databases", "1000"])
        )
    }
    private static let counter = Counter()

    private actor Counter {
        private var number = 0
        func next() -> Int {
            number += 1
            return number
        }
    }

    static func configuration() async throws -> RedisConfiguration {
        var configuration = try await server.value.configuration()
        configuration.database = await counter.next()
        return configuration
    }
}

/// The bodies in `Tests/Fixtures/thrivecart/events`.
enum Fixture {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/thrivecart/events")

    static func events() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    static func event(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }
}
