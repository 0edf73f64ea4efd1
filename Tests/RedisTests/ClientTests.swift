import Redis
import TestKit
import Testing

@Suite struct `Calling Redis` {
    @Test func `what was set is there`() async throws {
        let redis = try await TestRedis()
        try await redis.client.call(["SET", "\(redis.prefix):a", "hello"])
        #expect(try await redis.client.call(["GET", "\(redis.prefix):a"]).string == "hello")
        #expect(try await redis.client.call(["GET", "\(redis.prefix):none"]).isNull)
    }
}
