import Redis
import TestKit
import Testing

@Suite struct `Calling Redis` {
    @Test func `what was set is there`() async throws {
        let redis = try await TestRedis()
        #expect(try await redis.client.call(["SET", "\(redis.prefix):a", "hello"]) == .status("OK"))
        #expect(try await redis.client.call(["GET", "\(redis.prefix):a"]).string == "hello")
        #expect(try await redis.client.call(["GET", "\(redis.prefix):none"]).isNull)
        #expect(redis.client.isConnected)
    }

    @Test func `sixty-four tasks each get their own answers`() async throws {
        let redis = try await TestRedis()
        try await withThrowingTaskGroup { group in
            for task in 0..<64 {
                group.addTask {
                    for round in 0..<200 {
                        let sent = "\(task)/\(round)"
                        let answer = try await redis.client.call(["ECHO", .text(sent)])
                        #expect(answer.string == sent)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `calls of one task that do not wait keep their order`() async throws {
        let redis = try await TestRedis()
        let key = RedisArgument.text("\(redis.prefix):list")
        let commands: [[RedisArgument]] = (0..<500).map { ["RPUSH", key, .int($0)] }
        let answers = try await redis.client.pipeline(commands)
        #expect(try answers.map { try $0.get().int } == (1...500).map(Optional.some))
        let list = try await redis.client.call(["LRANGE", key, 0, -1])
        #expect(list.array?.map(\.int) == (0..<500).map(Optional.some))
    }

    @Test func `one refused command of a pipeline fails alone`() async throws {
        let redis = try await TestRedis()
        let key = RedisArgument.text("\(redis.prefix):text")
        let answers = try await redis.client.pipeline([["SET", key, "x"], ["LPUSH", key, "y"], ["GET", key]])
        #expect(answers[0] == .success(.status("OK")))
        #expect(throws: RedisError.self) { try answers[1].get() }
        #expect(try answers[2].get().string == "x")
        #expect(try await redis.client.pipeline([]).isEmpty)
    }

    @Test func `an error of the server is thrown with its code`() async throws {
        let redis = try await TestRedis()
        try await redis.client.call(["SET", "\(redis.prefix):text", "x"])
        let error = await #expect(throws: RedisError.self) {
            try await redis.client.call(["LPUSH", "\(redis.prefix):text", "y"])
        }
        #expect(error?.code == "WRONGTYPE")
    }

    @Test func `a transaction in one pipeline is whole`() async throws {
        let redis = try await TestRedis()
        let key = RedisArgument.text("\(redis.prefix):n")
        let answers = try await redis.client.pipeline([["MULTI"], ["INCR", key], ["INCR", key], ["EXEC"]])
        #expect(try answers[3].get() == .array([.int(1), .int(2)]))
    }

    @Test func `eight megabytes go and come back`() async throws {
        let redis = try await TestRedis()
        let bytes = (0..<8 << 20).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        try await withThrowingTaskGroup { group in
            for task in 0..<3 {
                group.addTask {
                    let key = RedisArgument.text("\(redis.prefix):big\(task)")
                    try await redis.client.call(["SET", key, .bytes(bytes)], deadline: .seconds(60))
                    let back = try await redis.client.call(["GET", key], deadline: .seconds(60))
                    #expect(back.bytes == bytes)
                    try await redis.client.call(["DEL", key])
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `keys and values may be any bytes`() async throws {
        let redis = try await TestRedis()
        let evil = Array("\(redis.prefix):\r\n\0*1\r\n$8\r\nFLUSHALL\r\n".utf8) + Array(0...255)
        try await redis.client.call(["SET", .bytes(evil), .bytes(evil)])
        #expect(try await redis.client.call(["GET", .bytes(evil)]).bytes == evil)
        #expect(try await redis.client.call(["EXISTS", .bytes(evil)]) == .int(1))
    }

    @Test func `a command needs a word`() async throws {
        let redis = try await TestRedis()
        await #expect(throws: RedisError.emptyCommand) { try await redis.client.call([]) }
        await #expect(throws: RedisError.emptyCommand) { try await redis.client.pipeline([["PING"], []]) }
    }

    @Test func `a cancelled task does not call`() async throws {
        let redis = try await TestRedis()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await redis.client.call(["SET", "\(redis.prefix):never", 1])
        }
        await #expect(throws: RedisError.cancelled) { try await task.value }
        #expect(try await redis.client.call(["EXISTS", "\(redis.prefix):never"]) == .int(0))
    }

    @Test func `a closed client refuses and says so`() async throws {
        let client = try await TestRedis.client()
        async let last = client.call(["ECHO", "last"])
        _ = try await last
        await client.close()
        #expect(!client.isConnected)
        await #expect(throws: RedisError.closed) { try await client.call(["PING"]) }
        await #expect(throws: RedisError.closed) { try await client.blockingConnection() }
        await client.close()
    }

    @Test func `closing lets calls under way finish`() async throws {
        let client = try await TestRedis.client()
        let calls = (0..<100).map { number in
            Task { try await client.call(["EVAL", "for i = 1, 20000 do end return ARGV[1]", 0, .int(number)]).int }
        }
        try await eventually { client.isConnected }
        await client.close()
        for (number, call) in calls.enumerated() {
            switch await call.result {
            case .success(let answer): #expect(answer == number)
            case .failure(let error): #expect(error as? RedisError == .closed)
            }
        }
    }
}

@Suite struct `Running a script` {
    @Test func `the server learns it and keeps it`() async throws {
        let server = try await RedisServer()
        let client = try server.client()
        let script = RedisScript("return {KEYS[1], ARGV[1], #ARGV}")
        for _ in 1...2 {
            let answer = try await client.evaluate(script, keys: ["k"], arguments: ["a", 2])
            #expect(answer == .array([.bytes([107]), .bytes([97]), .int(2)]))
        }
        #expect(try await client.call(["SCRIPT", "EXISTS", .text(script.sha1)]) == .array([.int(1)]))
        await server.kill()
    }

    @Test func `a server that forgot it is told again`() async throws {
        let server = try await RedisServer()
        let client = try server.client()
        let script = RedisScript("return redis.call('INCR', KEYS[1])")
        try await client.evaluate(script, keys: ["n"])
        try await client.call(["SCRIPT", "FLUSH"])
        try await withThrowingTaskGroup { group in
            for _ in 0..<64 { group.addTask { try await client.evaluate(script, keys: ["n"]) } }
            try await group.waitForAll()
        }
        #expect(try await client.call(["GET", "n"]).int == 65)
        try await client.call(["FLUSHALL"])
        #expect(try await client.evaluate(script, keys: ["n"]) == .int(1))
        await server.kill()
    }

    @Test func `an error inside it is thrown with its code`() async throws {
        let redis = try await TestRedis()
        let script = RedisScript("return redis.error_reply('FULL no room')")
        let error = await #expect(throws: RedisError.self) { try await redis.client.evaluate(script, keys: []) }
        #expect(error == .server(code: "FULL", message: "no room"))
    }
}
