import Foundation
import TestKit

/// The real executable, with a Redis of its own, on a test's database.
final class NotificationsProcess: Sendable {
    let redis: RedisServer
    let databaseURL: String
    let settings: [String: String]
    /// A command that it runs within.
    let words: [String]

    init(
        _ site: TestSite,
        settings: [String: String] = [:],
        within words: [String] = []
    ) async throws {
        redis = try await RedisServer(.init(isDurable: true))
        databaseURL = site.databaseURL
        self.settings = settings
        self.words = words
    }

    /// Starts it, also for the second time.
    func start() throws -> ServerProcess {
        var environment = [
            "DATABASE_URL": databaseURL, "REDIS_URL": redis.url, "APP_KEYS": TestSite.keys, "LOG_LEVEL": "warning",
            "NOTIFICATIONS_HEALTH_PORT": "\(try freePort())", "OUTBOUND_ALLOW": "127.0.0.0/8", "OUTBOUND_PLAIN": "true",
        ]
        environment.merge(settings) { $1 }
        let words = words + [builtProgram("notifications")]
        return try ServerProcess(
            .init(
                words[0],
                Array(words.dropFirst()),
                environment: environment,
                log: try TestDirectory.make("notifications") + "/log"
            )
        )
    }
}
