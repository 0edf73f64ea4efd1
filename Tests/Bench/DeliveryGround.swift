import Domain
import Foundation
import NotificationJobs
import Postgres
import Sealing
import Store
import TestKit

/// A site with many endpoints at one receiver, and the process that tells them, on servers that are durable.
struct DeliveryGround {
    let postgres: PostgresServer
    let redis: RedisServer
    let store: Store
    let receiver: Receiver
    let process: ServerProcess
    let site: Site.ID
    /// Each has an endpoint that gets what is about it and nothing else.
    let plans: [Plan]

    /// - Parameter paths: one endpoint each.
    init(
        paths: [String],
        keeps: Bool = false,
        answering answer: @escaping @Sendable (Receiver.Request, Int) -> Receiver.Answer = { _, _ in .init() }
    ) async throws {
        let postgres = try await PostgresServer(.init(isDurable: true))
        let redis = try await RedisServer(.init(isDurable: true))
        let receiver = try await Receiver.start(keeps: keeps, answering: answer)
        let keys = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        let pool = try postgres.pool()
        try await Schema.migrations.apply(to: pool)
        let store = Store(pool)
        let (site, plans) = try await Self.make(paths, at: receiver, in: store, Sealer(try SealingKeys(parsing: keys)))
        self.postgres = postgres
        self.redis = redis
        self.store = store
        self.receiver = receiver
        self.site = site
        self.plans = plans
        process = try ServerProcess(
            .init(
                builtProgram("notifications"),
                [],
                environment: [
                    "DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "APP_KEYS": keys, "LOG_LEVEL": "error",
                    "NOTIFICATIONS_HEALTH_PORT": "\(try freePort())", "OUTBOUND_ALLOW": "127.0.0.0/8",
                    "OUTBOUND_PLAIN": "true",
                ],
                log: try TestDirectory.make("notifications") + "/log"
            )
        )
    }

    private static func make(
        _ paths: [String],
        at receiver: Receiver,
        in store: Store,
        _ sealer: Sealer
    ) async throws -> (Site.ID, [Plan]) {
        let now = Date()
        guard let slug = Slug("bench") else { throw Unreadable(text: "slug") }
        let site = Site(id: .new(at: now), slug: slug, name: "Bench", thriveCartAccount: nil, createdAt: now)
        let plans = try paths.indices.map { number in
            guard let slug = Slug("p\(number)") else { throw Unreadable(text: "slug") }
            return Plan(id: .new(at: now), site: site.id, slug: slug, name: "Plan", items: [], createdAt: now)
        }
        try await store.transaction { transaction in
            _ = try transaction.insert(site)
            for (plan, path) in zip(plans, paths) {
                _ = try transaction.insert(plan)
                let endpoint = Endpoint(
                    id: .new(at: now),
                    owner: .site(site.id),
                    url: receiver.url(path),
                    plan: plan.id,
                    stateSince: now,
                    createdAt: now
                )
                try transaction.insert(endpoint)
                try transaction.insert(NewEndpointSecret(for: endpoint.id, sealedBy: sealer, at: now).stored)
            }
        }
        return (site.id, plans)
    }

    /// A message about each of the plans, each about a member of its own.
    func stage(_ plans: some Sequence<Plan> & Sendable) async throws {
        try await store.transaction { transaction in
            guard let email = EmailAddress("ana@example.com") else { throw Unreadable(text: "address") }
            let now = Date()
            for plan in plans {
                let member = Member(
                    id: .new(at: now),
                    site: site,
                    email: email,
                    firstName: "Ana",
                    origin: .sale,
                    createdAt: now
                )
                var facts = MessageFacts()
                facts.member = MessageFacts.Member(member)
                facts.plan = MessageFacts.Plan(plan)
                try transaction.stage(.entitlementGranted, facts, of: site, at: now)
            }
        }
    }

    func count(_ query: Query) async throws -> Int {
        try await store.read { try $0.rows(query).decode(Int.self).first ?? 0 }
    }

    /// - Parameter killing: where what is under way need not end.
    func stop(killing: Bool = false) async throws {
        if killing { await process.kill() } else { await process.stop() }
        await store.pool.close()
        try await receiver.stop()
        await redis.stop()
        await postgres.stop()
    }
}
