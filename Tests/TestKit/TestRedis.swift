package import Logging
package import Redis
import Synchronization

/// What a test needs of Redis: a client of the one server that all tests of the process share, and a prefix for its keys.
///
///     let redis = try await TestRedis()
///     try await redis.client.call(["SET", "\(redis.prefix):a", 1])
///
/// Because the server is shared, no test may flush it, stop it or change its settings: start a `RedisServer` for that.
package struct TestRedis: Sendable {
    package let client: RedisClient
    /// Unlike that of any other test.
    package let prefix: String

    package init() async throws {
        client = try await Self.client()
        prefix = "t\(Self.counter.add(1, ordering: .relaxed).newValue)"
    }

    package static func server() async throws -> RedisServer { try await shared.value }

    /// Another client of the shared server.
    package static func client() async throws -> RedisClient { try await server().client() }

    private static let shared = Task { try await RedisServer() }
    private static let counter = Atomic(0)
}

extension Logger {
    /// Says nothing.
    package static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
