import Logging
import Redis
import Synchronization
import TestKit
import Testing

/// What became of many calls.
private final class Tally: Sendable {
    private let counts = Mutex((answered: 0, unknown: 0, refused: 0))

    func note(_ result: Result<RedisValue, RedisError>) {
        counts.withLock { counts in
            switch result {
            case .success: counts.answered += 1
            case .failure(let error) where error.outcomeIsUnknown: counts.unknown += 1
            case .failure: counts.refused += 1
            }
        }
    }

    var answered: Int { counts.withLock { $0.answered } }
    var unknown: Int { counts.withLock { $0.unknown } }
    var refused: Int { counts.withLock { $0.refused } }
}

@Suite struct `Redis having a bad day` {
    private func open(
        _ server: RedisServer,
        _ change: (inout RedisConfiguration) -> Void = { _ in }
    ) throws -> RedisClient {
        var configuration = try server.configuration()
        change(&configuration)
        return RedisClient(configuration, logger: .silent)
    }

    @Test func `killed under load and started again, every call ends and what was answered is kept`() async throws {
        let server = try await RedisServer(.init(isDurable: true))
        let client = try open(server)
        let tally = Tally()
        try await withThrowingTaskGroup { group in
            for task in 0..<64 {
                group.addTask {
                    var round = 0
                    while !Task.isCancelled {
                        round += 1
                        do throws(RedisError) {
                            tally.note(.success(try await client.call(["RPUSH", "list\(task)", .int(round)])))
                        } catch {
                            tally.note(.failure(error))
                        }
                    }
                }
            }
            try await eventually { tally.answered > 500 }
            for _ in 1...2 {
                await server.kill()
                let unknown = tally.unknown
                let answered = tally.answered
                try await server.start()
                try await eventually { tally.answered > answered + 500 }
                #expect(tally.unknown >= unknown)
            }
            group.cancelAll()
        }
        #expect(tally.unknown > 0)
        // A cancelled call may have been counted as unknown and still be in the list, hence no upper bound but this one.
        var kept = 0
        for task in 0..<64 { kept += try await client.call(["LLEN", "list\(task)"]).int ?? 0 }
        #expect(kept >= tally.answered)
        #expect(kept <= tally.answered + tally.unknown)
    }

    @Test func `a call made while the server is away waits for it`() async throws {
        let server = try await RedisServer()
        let client = try open(server) { $0.commandTimeout = .seconds(30) }
        try await client.call(["PING"])
        await server.kill()
        try await eventually { !client.isConnected }
        async let answer = client.call(["ECHO", "patience"])
        try await server.start()
        #expect(try await answer.string == "patience")
        await server.kill()
    }

    @Test func `a call that cannot be sent in time says why`() async throws {
        let server = try await RedisServer()
        let client = try open(server) { $0.maximumBackoff = .milliseconds(50) }
        try await client.call(["PING"])
        await server.kill()
        try await eventually { !client.isConnected }
        let error = await #expect(throws: RedisError.self) {
            try await client.call(["PING"], deadline: .milliseconds(300))
        }
        guard case .connect = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.outcomeIsUnknown == false)
    }

    @Test func `stopped, calls end at their deadline, and continued, they work again`() async throws {
        let server = try await RedisServer()
        let client = try open(server) {
            $0.commandTimeout = .milliseconds(400)
            $0.connectTimeout = .milliseconds(400)
            $0.maximumBackoff = .milliseconds(100)
        }
        try await client.call(["PING"], deadline: .seconds(10))
        try await server.pause()
        let clock = ContinuousClock()
        let waited = await clock.measure {
            await #expect(throws: RedisError.outcomeUnknown) { try await client.call(["INCR", "n"]) }
        }
        #expect(waited >= .milliseconds(400))
        #expect(waited < .seconds(5))
        // The silence ends the connection, and no new one is answered on.
        try await eventually { !client.isConnected }
        let error = await #expect(throws: RedisError.self) { try await client.call(["INCR", "n"]) }
        #expect(error?.outcomeIsUnknown == false)
        server.resume()
        try await eventually { try await client.call(["PING"]) == .status("PONG") }
        #expect(try await client.call(["GET", "n"]).int == 1)
        await server.kill()
    }

    @Test func `an answer that comes too late is dropped and the next ones are right`() async throws {
        let proxy = try await Proxy(to: TestRedis.server().socket)
        let redis = try await TestRedis()
        let key = RedisArgument.text("\(redis.prefix):n")
        let client = RedisClient(try RedisConfiguration(url: "unix://\(proxy.socket)"), logger: .silent)
        try await client.call(["PING"])

        try await proxy.holdAnswers()
        await #expect(throws: RedisError.outcomeUnknown) {
            try await client.call(["INCR", key], deadline: .milliseconds(50))
        }
        await #expect(throws: RedisError.outcomeUnknown) {
            try await client.pipeline([["INCR", key], ["INCR", key]], deadline: .milliseconds(50))
        }
        async let slow = client.call(["INCR", key])
        try await eventually { try await proxy.bytesHeld >= 16 }
        try await proxy.releaseAnswers()
        #expect(try await slow == .int(4))
        #expect(try await client.call(["ECHO", "in order"]).string == "in order")
        #expect(try await proxy.connections == 1)
    }

    @Test func `an answer lost with its connection leaves the outcome unknown and is not asked for again`() async throws
    {
        let proxy = try await Proxy(to: TestRedis.server().socket)
        let redis = try await TestRedis()
        let key = RedisArgument.text("\(redis.prefix):n")
        let client = RedisClient(try RedisConfiguration(url: "unix://\(proxy.socket)"), logger: .silent)
        try await client.call(["PING"])

        try await proxy.holdAnswers()
        let lost = Task { try await client.call(["INCR", key]) }
        try await eventually { try await proxy.bytesHeld > 0 }
        try await proxy.cut()
        await #expect(throws: RedisError.outcomeUnknown) { try await lost.value }
        try await proxy.releaseAnswers()
        #expect(try await client.call(["GET", key]).int == 1)
    }

    @Test func `a cancelled call ends at once and the connection stays`() async throws {
        let proxy = try await Proxy(to: TestRedis.server().socket)
        let client = RedisClient(try RedisConfiguration(url: "unix://\(proxy.socket)"), logger: .silent)
        let id = try await client.call(["CLIENT", "ID"])
        try await proxy.holdAnswers()
        let task = Task { try await client.call(["ECHO", "never heard"], deadline: .seconds(60)) }
        try await eventually { try await proxy.bytesHeld > 0 }
        task.cancel()
        await #expect(throws: RedisError.outcomeUnknown) { try await task.value }
        try await proxy.releaseAnswers()
        #expect(try await client.call(["CLIENT", "ID"]) == id)
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n", ":5\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    ])
    func `what the server may not say ends the connection and not the client`(words: String) async throws {
        let proxy = try await Proxy(to: TestRedis.server().socket)
        let client = RedisClient(try RedisConfiguration(url: "unix://\(proxy.socket)"), logger: .silent)
        let id = try await client.call(["CLIENT", "ID"])
        try await proxy.say(words)
        try await eventually { try await client.call(["CLIENT", "ID"]) != id }
    }

    @Test func `no more calls are accepted than may wait`() async throws {
        let server = try await RedisServer()
        let client = try open(server) {
            $0.maximumWaiting = 10
            $0.commandTimeout = .seconds(30)
        }
        try await client.call(["PING"])
        try await server.pause()
        let waiting = (0..<11).map { number in Task { try await client.call(["ECHO", .int(number)]) } }
        // The eleventh, whichever it is, is refused while the ten wait.
        try await withThrowingTaskGroup { group in
            for task in waiting { group.addTask { _ = try await task.value } }
            await #expect(throws: RedisError.queueFull) { try await group.next() }
            server.resume()
            for _ in 0..<10 { try await group.next() }
        }
        // What was answered takes no place any more.
        for number in 0..<100 { try await client.call(["ECHO", .int(number)]) }
        await server.kill()
    }

    @Test func `no more bytes are accepted than may wait, but a single large call is`() async throws {
        let server = try await RedisServer()
        let client = try open(server) {
            $0.maximumWaitingBytes = 10_000
            $0.commandTimeout = .seconds(30)
        }
        let large = RedisArgument.bytes(Array(repeating: 0, count: 50_000))
        for _ in 0..<10 { try await client.call(["SET", "large", large]) }
        try await server.pause()
        let waiting = (0..<2).map { _ in Task { try await client.call(["SET", "large", large]) } }
        try await withThrowingTaskGroup { group in
            for task in waiting { group.addTask { _ = try await task.value } }
            await #expect(throws: RedisError.queueFull) { try await group.next() }
            server.resume()
            try await group.next()
        }
        await server.kill()
    }

    @Test func `a server that became a replica is left for whoever answers to its name`() async throws {
        let server = try await RedisServer()
        let client = try open(server)
        let id = try await client.call(["CLIENT", "ID"])
        try await client.call(["SET", "a", 1])
        try await client.call(["REPLICAOF", "127.0.0.1", "1"])
        try await eventually {
            do throws(RedisError) {
                _ = try await client.call(["SET", "a", 2])
            } catch {
                guard error.code == "READONLY", error.isTransient else { throw error }
            }
            return try await client.call(["CLIENT", "ID"]) != id
        }
        try await client.call(["REPLICAOF", "NO", "ONE"])
        #expect(try await client.call(["SET", "a", 3]) == .status("OK"))
        await server.kill()
    }

    @Test func `a full server says OOM and a busy one BUSY`() async throws {
        let server = try await RedisServer(.init(more: ["--maxmemory", "2mb", "--lua-time-limit", "10"]))
        let client = try open(server)
        let full = await #expect(throws: RedisError.self) {
            for number in 0..<100 {
                try await client.call(["SET", "k\(number)", .bytes(Array(repeating: 1, count: 100_000))])
            }
        }
        #expect(full?.code == "OOM")
        #expect(full?.isTransient == true)

        let other = try open(server)
        try await other.call(["PING"])
        let busy = Task { try await client.call(["EVAL", "while true do end", 0], deadline: .seconds(30)) }
        try await eventually {
            do throws(RedisError) {
                _ = try await other.call(["PING"])
                return false
            } catch {
                return error.code == "BUSY" && error.isTransient
            }
        }
        try await other.call(["SCRIPT", "KILL"])
        await #expect(throws: RedisError.self) { try await busy.value }
        #expect(try await client.call(["PING"]) == .status("PONG"))
        await server.kill()
    }

    @Test func `a server that is loading its data is waited for`() async throws {
        // Every command of its log takes it a tenth of a millisecond more.
        let server = try await RedisServer(.init(isDurable: true, more: ["--key-load-delay", "100"]))
        let log = LogRecorder()
        var configuration = try server.configuration()
        configuration.commandTimeout = .seconds(60)
        let client = RedisClient(configuration, logger: log.logger)
        try await client.call(["EVAL", "for i = 1, 10000 do redis.call('SET', i, i) end", 0])
        await server.kill()
        async let size = client.call(["DBSIZE"])
        try await server.start()
        // It was on its way or waited for the server, and in no case was it answered LOADING.
        do {
            #expect(try await size.int == 10_000)
        } catch RedisError.outcomeUnknown {}
        #expect(try await client.call(["DBSIZE"]).int == 10_000)
        #expect(log.lines.contains { $0.contains("LOADING") })
        await server.kill()
    }

    @Test func `a client dropped without being closed ends its connection`() async throws {
        let proxy = try await Proxy(to: TestRedis.server().socket)
        do {
            let client = RedisClient(try RedisConfiguration(url: "unix://\(proxy.socket)"), logger: .silent)
            try await client.call(["PING"])
            #expect(try await proxy.connections == 1)
        }
        try await eventually { try await proxy.connections == 0 }
    }

    @Test func `closing while the server is away ends what waits`() async throws {
        let server = try await RedisServer()
        let client = try open(server) { $0.commandTimeout = .seconds(60) }
        try await client.call(["PING"])
        await server.kill()
        try await eventually { !client.isConnected }
        let waiting = (0..<10).map { _ in Task { try await client.call(["PING"]) } }
        let clock = ContinuousClock()
        let time = await clock.measure { await client.close() }
        #expect(time < .seconds(10))
        for task in waiting { await #expect(throws: RedisError.closed) { try await task.value } }
    }
}
