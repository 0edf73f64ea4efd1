import Jobs
import Redis
import TestKit
import Testing

@Suite struct `The server's settings` {
    @Test func `a durable server has no problems`() async throws {
        let more = ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"]
        let server = try await RedisServer(.init(isDurable: true, more: more))
        let jobs = JobQueue(redis: try server.client(), logger: .silent)
        #expect(try await jobs.serverProblems() == [])
        try await jobs.redis.call(["CONFIG", "SET", "appendfsync", "everysec", "maxmemory-policy", "allkeys-lru"])
        let problems = try await jobs.serverProblems()
        #expect(problems.map(\.what) == ["appendfsync is everysec", "maxmemory-policy is allkeys-lru"])
        #expect(problems.allSatisfy { $0.severity == .loses })
    }

    @Test func `a server that forgets is said to`() async throws {
        let jobs = JobQueue(redis: try await TestRedis.client(), logger: .silent)
        #expect(try await jobs.serverProblems().map(\.what).contains("there is no append-only file"))
    }
}
