import Foundation
import Jobs
import ProductAPIRoutes
import Redis
import SandboxKit
import Sealing
import TestKit
import Testing

@Suite struct `The jobs of a Product API whose database is away` {
    @Test(.timeLimit(.minutes(2))) func `wait for it, and none of them dies`() async throws {
        let server = try await RedisServer(.init(isDurable: true, more: ["--maxmemory-policy", "noeviction"]))
        let redis = try server.client()
        let queue = JobQueue(redis: redis, logger: .silent)
        _ = try await queue.enqueue(ForgetOldRequests())
        let environment = [
            "DATABASE_URL": "postgres://nobody@127.0.0.1:\(try freePort())/none", "REDIS_URL": server.url,
            "APP_KEYS": SealingKeys.newEntry(id: "k1"), "PRODUCT_API_PORT": "\(try freePort())",
            "PAYPAL_CLIENT_ID": RunningPayPal.clientID, "PAYPAL_CLIENT_SECRET": RunningPayPal.clientSecret,
            "PAYPAL_PARTNER_MERCHANT_ID": RunningPayPal.partner,
        ]
        let log = try TestDirectory.make("product-api") + "/log"
        let process = try ServerProcess(.init(builtProgram("product-api"), [], environment: environment, log: log))
        try await eventually {
            let totals = try await queue.stats(of: .productAPI).totals
            return totals["snoozed", default: 0] + totals["dead", default: 0] > 0
        }
        let stats = try await queue.stats(of: .productAPI)
        #expect(stats.dead == 0, "\(process.lastWords)")
        await process.stop(within: .seconds(40))
        await redis.close()
        await server.stop()
    }
}
