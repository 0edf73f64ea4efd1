import Redis
import TestKit
import Testing

@Suite struct `Waiting at the server` {
    @Test func `a pop waits for a push and does not keep others waiting`() async throws {
        let redis = try await TestRedis()
        let key = RedisArgument.text("\(redis.prefix):list")
        let blocking = try await redis.client.blockingConnection()
        async let popped = blocking.call(["BLPOP", key, 10], timeout: .seconds(10))
        try await redis.client.call(["RPUSH", key, "x"])
        #expect(try await popped.array?.last?.string == "x")
        #expect(try await blocking.call(["BLPOP", key, "0.01"], timeout: .milliseconds(10)).isNull)
    }

    @Test func `a cancelled pop ends at once, with its connection`() async throws {
        let redis = try await TestRedis()
        let key = RedisArgument.text("\(redis.prefix):list")
        let blocking = try await redis.client.blockingConnection()
        let id = try await blocking.call(["CLIENT", "ID"], timeout: .zero)
        let task = Task { try await blocking.call(["BLPOP", key, 0], timeout: nil) }
        try await eventually { try await redis.client.isBlocked(id) }
        let clock = ContinuousClock()
        let start = clock.now
        task.cancel()
        await #expect(throws: RedisError.outcomeUnknown) { try await task.value }
        #expect(clock.now - start < .seconds(1))
        // The server has seen it go, so what is pushed now is not lost to it.
        try await eventually { try await !redis.client.isBlocked(id) }
        try await redis.client.call(["RPUSH", key, "kept"])
        #expect(try await redis.client.call(["LPOP", key]).string == "kept")
        await #expect(throws: RedisError.closed) { try await blocking.call(["PING"], timeout: .zero) }
    }

    @Test func `closing ends a pop, be it the connection or the client that is closed`() async throws {
        let redis = try await TestRedis()
        let key = RedisArgument.text("\(redis.prefix):list")
        for closesClient in [false, true] {
            let blocking = try await redis.client.blockingConnection()
            let id = try await blocking.call(["CLIENT", "ID"], timeout: .zero)
            let task = Task { try await blocking.call(["BLPOP", key, 0], timeout: nil) }
            try await eventually { try await redis.client.isBlocked(id) }
            if closesClient { await redis.client.close() } else { blocking.close() }
            await #expect(throws: RedisError.outcomeUnknown) { try await task.value }
        }
    }

    @Test func `a server that sleeps past the time and the grace is left`() async throws {
        let proxy = try await Proxy(to: TestRedis.server().socket)
        var configuration = try RedisConfiguration(url: "unix://\(proxy.socket)")
        configuration.commandTimeout = .milliseconds(300)
        let client = RedisClient(configuration, logger: .silent)
        let blocking = try await client.blockingConnection()
        try await proxy.holdAnswers()
        await #expect(throws: RedisError.outcomeUnknown) {
            try await blocking.call(["PING"], timeout: .milliseconds(300))
        }
        await #expect(throws: RedisError.closed) { try await blocking.call(["PING"], timeout: .zero) }
    }

    @Test func `a killed server ends the wait`() async throws {
        let server = try await RedisServer()
        let client = try server.client()
        let blocking = try await client.blockingConnection()
        let id = try await blocking.call(["CLIENT", "ID"], timeout: .zero)
        let task = Task { try await blocking.call(["BLPOP", "list", 0], timeout: nil) }
        try await eventually { try await client.isBlocked(id) }
        await server.kill()
        await #expect(throws: RedisError.outcomeUnknown) { try await task.value }
    }

    @Test func `an error of the server leaves the connection usable`() async throws {
        let redis = try await TestRedis()
        let blocking = try await redis.client.blockingConnection()
        await #expect(throws: RedisError.self) { try await blocking.call(["NOSUCH"], timeout: .zero) }
        #expect(try await blocking.call(["PING"], timeout: .zero) == .status("PONG"))
    }

    @Test func `a dropped connection is closed`() async throws {
        let proxy = try await Proxy(to: TestRedis.server().socket)
        let client = RedisClient(try RedisConfiguration(url: "unix://\(proxy.socket)"), logger: .silent)
        try await client.call(["PING"])
        do {
            let blocking = try await client.blockingConnection()
            try await blocking.call(["PING"], timeout: .zero)
            #expect(try await proxy.connections == 2)
        }
        try await eventually { try await proxy.connections == 1 }
    }
}

extension RedisClient {
    /// The server holds a blocking command of this client.
    fileprivate func isBlocked(_ id: RedisValue) async throws -> Bool {
        let list = try await call(["CLIENT", "LIST", "ID", .int(id.int ?? 0)]).string ?? ""
        return list.split(separator: " ").contains { $0.hasPrefix("flags=") && $0.contains("b") }
    }
}
