import Boot
import Jobs
import Outbound
import Postgres
import ProductAPIRoutes
import Store
import Web

@main struct ProductAPIProcess {
    // The PayPal Product API, which shops call instead of PayPal; and the few jobs that finish what a crash left open.
    static func main() async {
        await ServiceProcess.run(
            "product-api",
            needs: Variable.payPal.union([.databaseURL, .redisURL, .appKeys])
        ) { process in
            let settings = process.settings
            let redis = try process.redis()
            let api = ProductAPI(
                store: Store(try process.postgres { try await Schema.migrations.pending(in: $0) }),
                payPal: try process.payPal(redis: redis),
                redis: redis,
                sealer: try process.sealer(),
                rules: settings.outbound.rules,
                logger: process.logger
            )
            var options = Worker<ProductAPI>.Options()
            options.drainLimit = settings.drain
            let worker = Worker(
                api,
                queue: process.jobQueue(redis),
                runs: [SettleCaptures.self, PollVaultTokens.self, PurgeVaultTokens.self, ForgetOldRequests.self],
                schedule: [
                    .every(.seconds(60), SettleCaptures()),
                    .every(.seconds(60), PollVaultTokens()),
                    .every(.seconds(300), PurgeVaultTokens()),
                    .hourly(ForgetOldRequests()),
                ],
                concurrency: 4,
                options: options,
                logger: process.logger
            )
            return [
                worker,
                process.server([api.routes], port: settings.ports.productAPI, envelope: ProductAPI.envelope),
            ]
        }
    }
}
