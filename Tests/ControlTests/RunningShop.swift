import Domain
import Foundation
import FulfillmentJobs
import IngressRoutes
import Jobs
import Logging
import Redis
import Sealing
import Store
import TestKit
import Testing
import ThriveCart
import Web

@testable import ControlCommands

extension Operator {
    /// Runs the ingress and fulfillment beside `body`, as their processes would.
    func whileRunning<Result: Sendable>(
        fulfilling: Bool = true,
        _ body: @Sendable (_ ingress: String) async throws -> Result
    ) async throws -> Result {
        let (sealer, store, redis) = (try sealer, store, redis)
        let queue = JobQueue(redis: redis, logger: .silent)
        let settings = SettingsKeeper(redis: redis, sealer: sealer, logger: .silent)
        let durability = DurabilityWatch(redis: redis, trustsHidden: true, logger: .silent)
        let worker = Worker(
            FulfillmentDependencies(store: store, redis: redis, sealer: sealer),
            queue: queue,
            runs: [ApplyInboundEvent.self, EndLapsedEntitlements.self, PublishIngressSettings.self],
            schedule: [.every(.seconds(3600), EndLapsedEntitlements())],
            logger: .silent
        )
        let registry = PrometheusRegistry()
        let webhooks = ThriveCartWebhooks(
            settings: settings,
            durability: durability,
            queue: WebhookQueue(queue),
            metrics: WebhookMetrics(registry, provider: "thrivecart")
        )
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await settings.run() }
            group.addTask { try await durability.run() }
            if fulfilling { group.addTask { try await worker.run() } }
            let result = try await withServer([webhooks.routes]) { port in
                try await body("http://127.0.0.1:\(port)")
            }
            group.cancelAll()
            while let ended = await group.nextResult() { _ = ended }
            return result
        }
    }

    /// Has a webhook applied, as if it had come.
    func hears(_ post: ThriveCartPost) async throws {
        let site = try #require(try await store.read { try $0.sites() }.first)
        let body = try ThriveCartBody.parse(post.formBody).withoutSecret()
        let delivery = InboundDelivery(site: site.id, provider: .thriveCart, receivedAt: .now, body: body)
        try await store.transaction { _ = try $0.apply(delivery, at: .now) }
    }

    /// An order of the shop.
    func order(
        _ number: String,
        by email: String,
        of items: String...,
        mode: Mode = .live,
        name: String? = nil
    ) throws -> SimulatedOrder {
        SimulatedOrder(
            seller: SimulatedSeller(account: "demoshop", secret: Self.secret),
            mode: mode,
            number: number,
            invoice: "0\(number)",
            placedAt: Date(timeIntervalSince1970: Date.now.timeIntervalSince1970.rounded(.down)),
            buyer: SimulatedBuyer(try #require(EmailAddress(email)), name: name),
            items: try items.map { SimulatedItem(try #require(ItemKey($0)), name: $0, price: 4900) }
        )
    }
}
