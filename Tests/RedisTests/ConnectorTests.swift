import NIOCore
import Redis
import TestKit
import Testing

@Suite struct `Being let in` {
    private func open(_ url: String, _ change: (inout RedisConfiguration) -> Void = { _ in }) throws -> RedisClient {
        var configuration = try RedisConfiguration(url: url)
        change(&configuration)
        return RedisClient(configuration, logger: .silent)
    }

    @Test func `the right password opens and a wrong one is told at once`() async throws {
        let server = try await RedisServer(.init(password: "correct"))
        #expect(try await open("unix://:correct@\(server.socket)").call(["PING"]) == .status("PONG"))
        for url in ["unix://:wrong@\(server.socket)", "unix://nobody:correct@\(server.socket)"] {
            let error = await #expect(throws: RedisError.self) {
                try await open(url).call(["PING"], deadline: .seconds(60))
            }
            #expect(error?.code == "WRONGPASS")
        }
        let error = await #expect(throws: RedisError.self) {
            try await open("unix://\(server.socket)").call(["PING"], deadline: .seconds(60))
        }
        #expect(error?.code == "NOAUTH")
        await server.kill()
    }

    @Test func `a user of the access list is let in as far as the list goes`() async throws {
        let server = try await RedisServer()
        let admin = try server.client()
        try await admin.call(["ACL", "SETUSER", "app", "on", ">pw:x", "~app:*", "+set"])
        let user = try open("unix://app:pw%3Ax@\(server.socket)") { $0.clientName = "gatehouse-test" }
        #expect(try await user.call(["SET", "app:a", 1]) == .status("OK"))
        let error = await #expect(throws: RedisError.self) { try await user.call(["SET", "other", 1]) }
        #expect(error?.code == "NOPERM")
        await server.kill()
    }

    @Test func `a password that is mended at the server lets the client in`() async throws {
        let server = try await RedisServer()
        let admin = try server.client()
        let late = try open("unix://late:pw@\(server.socket)") { $0.maximumBackoff = .milliseconds(50) }
        await #expect(throws: RedisError.self) { try await late.call(["PING"]) }
        try await admin.call(["ACL", "SETUSER", "late", "on", ">pw", "allkeys", "allcommands"])
        try await eventually { try await late.call(["PING"]) == .status("PONG") }
        await server.kill()
    }

    @Test func `the database is the one that was asked for, also after a new connection`() async throws {
        let server = try await RedisServer()
        let (first, second) = (try open("unix://\(server.socket)?db=1"), try open("unix://\(server.socket)?db=2"))
        try await first.call(["SET", "a", "one"])
        try await second.call(["SET", "a", "two"])
        #expect(try await first.call(["GET", "a"]).string == "one")
        try await second.call(["CLIENT", "KILL", "TYPE", "normal"])
        try await eventually { try await first.call(["GET", "a"]).string == "one" }
        #expect(try await open("unix://\(server.socket)").call(["GET", "a"]).isNull)
        let error = await #expect(throws: RedisError.self) {
            try await open("unix://\(server.socket)?db=99").call(["PING"], deadline: .seconds(60))
        }
        #expect(error?.code == "ERR")
        await server.kill()
    }

    @Test func `a port works like a socket, and the client has its name`() async throws {
        let server = try await RedisServer(.init(hasPort: true))
        let client = try open(server.portURL) { $0.clientName = "gatehouse-test" }
        #expect(try await client.call(["CLIENT", "GETNAME"]).string == "gatehouse-test")
        await server.kill()
    }

    @Test func `nobody there and no such host are told`() async throws {
        let port = try freePort()
        for url in ["redis://127.0.0.1:\(port)", "redis://nowhere.invalid", "unix:///nowhere/s"] {
            let error = await #expect(throws: RedisError.self) {
                try await open(url).blockingConnection()
            }
            guard case .connect = error else {
                Issue.record("\(url) gave \(String(describing: error))")
                continue
            }
        }
    }

    @Test func `a server that accepts and says nothing is given up`() async throws {
        let server = try await RedisServer()
        try await server.pause()
        let client = try open("unix://\(server.socket)") { $0.connectTimeout = .milliseconds(100) }
        let error = await #expect(throws: RedisError.self) { try await client.blockingConnection() }
        #expect(error == .connect("no answer within 0.1 seconds"))
        server.resume()
        try await eventually { try await client.call(["PING"]) == .status("PONG") }
        await server.kill()
    }

    @Test func `the log tells what happens and no password`() async throws {
        let server = try await RedisServer(.init(password: "hunter2"))
        let log = LogRecorder()
        var configuration = try server.configuration()
        configuration.maximumBackoff = .milliseconds(50)
        let client = RedisClient(configuration, logger: log.logger)
        try await client.call(["PING"])
        await server.kill()
        try await eventually { log.lines.contains { $0.hasPrefix("warning cannot connect to Redis") } }
        #expect(log.lines.contains { $0.hasPrefix("info connected to Redis") })
        #expect(log.lines.contains { $0.hasPrefix("warning lost the connection to Redis") })

        try await server.start()
        configuration.password = "hunter3"
        let stranger = RedisClient(configuration, logger: log.logger)
        await #expect(throws: RedisError.self) { try await stranger.call(["PING"]) }
        #expect(log.lines.contains { $0.contains("WRONGPASS") })
        #expect(!log.lines.contains { $0.contains("hunter") })
        await server.kill()
    }

    @Test func `a full house is tried again`() async throws {
        let server = try await RedisServer(.init(more: ["--maxclients", "1"]))
        let first = try server.client()
        try await eventually { try await first.call(["PING"]) == .status("PONG") }
        let second = try open("unix://\(server.socket)") { $0.maximumBackoff = .milliseconds(50) }
        async let answer = second.call(["PING"], deadline: .seconds(30))
        await #expect(throws: RedisError.self) { try await second.blockingConnection() }
        await first.close()
        #expect(try await answer == .status("PONG"))
        await server.kill()
    }
}

@Suite struct `Talking to Redis over TLS` {
    @Test func `the right name and the right authority are trusted`() async throws {
        let server = try await RedisServer(.init(hasTLS: true, password: "p"))
        for host in ["localhost", "127.0.0.1"] {
            let client = RedisClient(try RedisConfiguration(url: server.tlsURL(host: host)), logger: .silent)
            try await withThrowingTaskGroup { group in
                for number in 0..<100 {
                    group.addTask {
                        let answer = try await client.call(["ECHO", .int(number)])
                        #expect(answer.int == number)
                    }
                }
                try await group.waitForAll()
            }
            let bytes = Array(repeating: UInt8(7), count: 1 << 20)
            try await client.call(["SET", "big", .bytes(bytes)])
            #expect(try await client.call(["GET", "big"]).bytes == bytes)
        }
        await server.kill()
    }

    @Test func `another authority and the system's authorities are not`() async throws {
        let server = try await RedisServer(.init(hasTLS: true))
        var other = try RedisConfiguration(url: server.tlsURL())
        other.tls?.trustRoots = server.certificates?.otherAuthority
        var system = try RedisConfiguration(url: server.tlsURL())
        system.tls?.trustRoots = nil
        for configuration in [other, system] {
            #expect(try await refusal(configuration).contains("CERTIFICATE_VERIFY_FAILED"))
        }
        system.tls?.verifiesServer = false
        #expect(try await RedisClient(system, logger: .silent).call(["PING"]) == .status("PONG"))
        await server.kill()
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func `a certificate of another host is not`(host: String) async throws {
        let server = try await RedisServer(.init(hasTLS: true, isMisnamed: true))
        let reason = try await refusal(try RedisConfiguration(url: server.tlsURL(host: host)))
        #expect(reason.contains("failedToValidateHostname") || reason.contains("Couldn't find \(host)"))
        await server.kill()
    }

    /// Why there is no connection; nothing when there is one.
    private func refusal(_ configuration: RedisConfiguration) async throws -> String {
        let client = RedisClient(configuration, logger: .silent)
        do throws(RedisError) {
            _ = try await client.blockingConnection()
            return ""
        } catch {
            guard case .connect(let reason) = error else { throw error }
            return reason
        }
    }

    @Test func `clear text to a TLS port and TLS to a clear one fail`() async throws {
        let server = try await RedisServer(.init(hasPort: true, hasTLS: true))
        let (port, tlsPort) = (try #require(server.port), try #require(server.tlsPort))
        for url in ["redis://127.0.0.1:\(tlsPort)", "rediss://127.0.0.1:\(port)"] {
            var configuration = try RedisConfiguration(url: url)
            configuration.connectTimeout = .seconds(2)
            let client = RedisClient(configuration, logger: .silent)
            await #expect(throws: RedisError.self) { try await client.blockingConnection() }
        }
        await server.kill()
    }

    @Test func `a file of authorities that is not there is told`() async throws {
        let configuration = try RedisConfiguration(url: "rediss://127.0.0.1:1?ca=/nowhere.pem")
        let client = RedisClient(configuration, logger: .silent)
        await #expect(throws: RedisError.self) { try await client.blockingConnection() }
    }
}
