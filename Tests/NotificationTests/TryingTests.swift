import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

@Suite struct `An operator who tries an endpoint` {
    @Test func `sees what a site's and a merchant's answered, by the road of real messages`() async throws {
        let site = try await TestSite()
        let receiver = try await Receiver.start { request, _ in .status(request.path == "/broken" ? 503 : 200) }
        let notifications = try await NotificationsProcess(site)
        let process = try notifications.start()
        let shop = try await site.merchant(webhooks: receiver.url("/shop"))
        let event = try Forward(event: "WH-1", type: "PAYMENT.CAPTURE.COMPLETED", body: Array("{}".utf8))
        try await site.store.transaction { _ = try $0.stageForward(event, to: shop.id, at: Date()) }
        let merchants = try await site.store.read { try $0.endpoints(of: .merchant(shop.id)) }
        let (well, broken) = (
            try await site.endpoint(receiver.url("/well")).id, try await site.endpoint(receiver.url("/broken")).id
        )
        let merchant = try #require(merchants.first).id
        try await eventually { receiver.requests(at: "/shop").count == 1 }

        for (endpoint, status) in [(well, 0), (broken, 3), (merchant, 0)] {
            #expect(await tried(endpoint, by: notifications) == status)
        }
        #expect(receiver.requests(at: "/well").map { $0.headers["x-gatehouse-event"] } == ["endpoint.test"])
        let told = try #require(receiver.requests(at: "/shop").last)
        #expect(String(decoding: told.body, as: UTF8.self).contains(#""event_type":"WEBHOOK.TEST""#))
        #expect(told.headers["x-thrive-webhook-signature"]?.count == 64)

        // Nobody misses a test.
        #expect(try await site.store.read { try $0.countRecoverable(of: broken, since: .distantPast) } == 0)

        try await site.store.transaction { _ = try $0.disable(merchant, as: .disabled, at: Date()) }
        #expect(await tried(merchant, by: notifications) == 64)
        #expect(await process.stop() == .code(0))
        try await receiver.stop()
    }

    /// The exit status of `gatehouse endpoint test`.
    private func tried(_ endpoint: Endpoint.ID, by notifications: NotificationsProcess) async -> Int {
        do {
            _ = try await run(
                builtProgram("gatehouse"),
                ["endpoint", "test", "\(endpoint)", "--json"],
                environment: [
                    "DATABASE_URL": notifications.databaseURL, "REDIS_URL": notifications.redis.url,
                    "APP_KEYS": TestSite.keys,
                ]
            )
            return 0
        } catch let failure as CommandFailure {
            if case .code(let status) = failure.exit { return Int(status) }
            return -1
        } catch {
            return -1
        }
    }
}
