package import FaultKit
import Foundation
import Logging
package import SandboxPages
import TestKit
import Web

/// What opens the books of the shop that a test runs.
package let shopAPIKey = "KEYOFTHEBOOKS"

/// A whole system whose site sells in a shop of this process, with the key of its books.
///
/// - Parameters:
///   - daysAgo: how far behind ours the shop's clock begins.
///   - retries: how often the shop sends a webhook again that was not accepted.
///   - orders: how many the shop keeps.
///   - more: settings of the processes.
package func withSellingSystem(
    daysAgo: Double,
    size: Gatehouse.Size = Gatehouse.Size(),
    power: PowerCut? = nil,
    retries: [Duration] = [.milliseconds(50), .milliseconds(500)],
    orders: Int = 2000,
    more: [String: String] = [:],
    _ body: @Sendable (Gatehouse, Shop) async throws -> Void
) async throws {
    let start = Date().addingTimeInterval(-daysAgo * 86_400)
    let postman = Postman(destinations: [], retries: retries, logger: .silent)
    let shop = Shop(
        account: Gatehouse.account,
        secret: Gatehouse.secret,
        apiKey: shopAPIKey,
        postman: postman,
        clock: ShopClock(machine: { start }),
        numbers: ShopNumbers(first: 40_000_001),
        limit: orders
    )
    var faults = SellersBooks.Faults()
    faults.requestsPerMinute = 0
    await shop.books.setFaults(faults)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await postman.run() }
        try await withServer(try SandboxRoutes(shop: shop).collections) { port in
            let system = try await Gatehouse(
                size,
                power: power,
                more: [
                    "THRIVECART_API_URL": "http://127.0.0.1:\(port)/thrivecart/api/external",
                    "THRIVECART_API_PER_MINUTE": "0",
                ]
                .merging(more) { $1 }
            )
            let file = try TestDirectory.make("key") + "/key"
            try Data(shopAPIKey.utf8).write(to: URL(filePath: file))
            try await system.command("site", "update", "demo", "--thrivecart-api-key-file", file)
            for (plan, item) in [("cards", "bump-7"), ("navigation", "upsell-3"), ("weather", "downsell-5")] {
                try await system.command("plan", "create", plan, "--site", "demo", "--name", plan, "--item", item)
            }
            await postman.register(at: system.targets[0])
            try await body(system, shop)
            try await system.end()
        }
        group.cancelAll()
    }
}

extension Postman {
    fileprivate func register(at address: String) async {
        _ = await register(Destination(url: address, surface: .account, encoding: .form))
    }
}
