import Foundation
import Logging
import SandboxPages
import ServiceLifecycle
import Web

@main struct SandboxProcess {
    static func main() async throws {
        let e = ProcessInfo.processInfo.environment
        let logger = Logger(label: "sandbox")
        let postman = Postman(
            destinations: (e["SANDBOX_WEBHOOK_URLS"] ?? "").split(separator: ",").map { Destination(url: String($0)) },
            logger: logger
        )
        let shop = Shop(account: "demoshop", secret: "SANDBOX00000", postman: postman)
        let server = WebServer(
            try SandboxRoutes(shop: shop).collections,
            host: "127.0.0.1",
            port: Int(e["SANDBOX_PORT"] ?? "") ?? 8090,
            health: Health([]),
            metrics: PrometheusRegistry(),
            logger: logger
        )
        try await ServiceGroup(
            services: [postman, server.application],
            logger: logger
        ).run()
    }
}
