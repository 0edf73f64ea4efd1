import Domain
import Foundation
import FulfillmentJobs
import IngressRoutes
import Jobs
import Redis
import Sealing
import TestKit
import Testing

/// The executable as it is deployed.
@Suite struct `The ingress as a process` {
    let keys = SealingKeys.newEntry(id: "k1")
    let body = "event=order.success&thrivecart_secret=TESTSECRET00&order_id="

    func launch(_ environment: [String: String]) throws -> ServerProcess {
        let log = try TestDirectory.make("ingress") + "/log"
        return try ServerProcess(.init(builtProgram("ingress"), [], environment: environment, log: log))
    }

    func log(of process: ServerProcess) -> String {
        String(decoding: FileManager.default.contents(atPath: process.launch.log) ?? Data(), as: UTF8.self)
    }

    func running(on server: RedisServer) async throws -> (process: ServerProcess, port: Int) {
        let port = try freePort()
        let process = try launch(["REDIS_URL": server.url, "APP_KEYS": keys, "INGRESS_PORT": "\(port)"])
        let redis = try server.client()
        let sealed = try IngressSettings(sites: [IngressUnderTest.demo])
            .sealed(with: Sealer(try SealingKeys(parsing: keys)))
        try await redis.call(["SET", .text(IngressSettings.key), .bytes(sealed)])
        await redis.close()
        try await eventually { try await ask("GET /readyz", port: port).status == 200 }
        return (process, port)
    }

    func ask(_ line: String, port: Int, body: String = "") async throws -> RawAnswer {
        let client = try await RawConnection.open(port: port)
        try await client.send("\(line) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        let answer = try await client.answer()
        await client.close()
        return answer
    }

    func durable() async throws -> RedisServer {
        try await RedisServer(.init(isDurable: true, more: ["--maxmemory-policy", "noeviction"]))
    }

    @Test func `settings that can not be used are all told at once, and it ends with 78`() async throws {
        let process = try launch(["REDIS_URL": "rodis://:secret-word@x", "APP_KEYS": "", "INGRESS_PORT": "x"])
        #expect(await process.exit() == .code(78))
        let log = log(of: process)
        #expect(log.contains("3 settings need attention"))
        #expect(log.contains("REDIS_URL"))
        #expect(log.contains("APP_KEYS is not set"))
        #expect(log.contains("INGRESS_PORT"))
        #expect(!log.contains("secret-word"))
    }

    @Test func `it needs no Postgres, accepts, and ends at SIGTERM with what it has accepted on disk`() async throws {
        let server = try await durable()
        let (process, port) = try await running(on: server)
        #expect(try await ask("POST /webhooks/thrivecart/demo", port: port, body: body + "1").status == 200)
        #expect(try await ask("GET /livez", port: port).status == 200)
        #expect(
            try await ask("GET /metrics", port: port).body.contains(#"outcome="accepted",provider="thrivecart"} 1"#)
        )
        #expect(await process.stop(SIGTERM, within: .seconds(20)) == .code(0))

        for line in log(of: process).split(separator: "\n") {
            #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) != nil, "\(line)")
        }
        #expect(!log(of: process).contains("TESTSECRET00"))
        #expect(!log(of: process).contains(keys))
        try await server.restart()
        let redis = try server.client()
        #expect(try await JobQueue(redis: redis, logger: .silent).stats(of: ApplyInboundEvent.queue).held == 1)
        await redis.close()
        await server.stop()
    }

    @Test func `what is being received at SIGTERM is still accepted, and nothing new is`() async throws {
        let server = try await durable()
        let (process, port) = try await running(on: server)
        let body = body + "1"
        let client = try await RawConnection.open(port: port)
        try await client.send(
            "POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\nevent"
        )
        // This one, and the one that asks.
        try await eventually { try await ask("GET /metrics", port: port).body.contains("http_requests_in_flight 2\n") }
        process.signal(SIGTERM)
        // Because connecting fails, which is what is waited for.
        try await eventually { (try? await ask("GET /livez", port: port)) == nil }
        try await client.send(body.utf8.dropFirst(5))
        #expect(try await client.answer().status == 200)
        #expect(await process.exit() == .code(0))
        let redis = try server.client()
        #expect(try await JobQueue(redis: redis, logger: .silent).stats(of: ApplyInboundEvent.queue).held == 1)
        await redis.close()
        await server.stop()
    }

    @Test func `killed in the middle, everything that was acknowledged is there`() async throws {
        let server = try await durable()
        let (process, port) = try await running(on: server)
        let acknowledged = await withTaskGroup(of: Int.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    var count = 0
                    // Because the kill breaks the connections, which ends the loop.
                    while let answer = try? await ask(
                        "POST /webhooks/thrivecart/demo",
                        port: port,
                        body: body + "\(worker)-\(count)"
                    ), answer.status == 200 {
                        count += 1
                        if worker == 0, count == 20 { process.signal(SIGKILL) }
                    }
                    return count
                }
            }
            return await group.reduce(0, +)
        }
        await server.kill()
        try await server.start()
        let redis = try server.client()
        let held = try await JobQueue(redis: redis, logger: .silent).stats(of: ApplyInboundEvent.queue).held
        #expect(acknowledged >= 20)
        #expect(held >= acknowledged)
        #expect(held <= acknowledged + 8)  // those whose answers the kill cut off
        await redis.close()
        await server.stop()
    }

    @Test func `a hundred megabytes, many slow senders and a million keys do not fill its memory`() async throws {
        let server = try await durable()
        let (process, port) = try await running(on: server)
        #expect(try await ask("POST /webhooks/thrivecart/demo", port: port, body: body + "1").status == 200)
        let before = try peakMemory(of: process)

        for header in ["Content-Length: 104857600", "Transfer-Encoding: chunked"] {
            let client = try await RawConnection.open(port: port)
            try await client.send("POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\n\(header)\r\n\r\n")
            let isChunked = header.hasPrefix("T")
            let part =
                (isChunked ? "10000\r\n" : "") + String(repeating: "x", count: 0x10000) + (isChunked ? "\r\n" : "")
            for _ in 0..<1600 {
                // Because sending fails when the server has hung up.
                guard (try? await client.send(part)) != nil else { break }
            }
            #expect(try await client.answer().status == 413)
            await client.close()
        }
        let keys = (0..<100_000).map { "\($0)=" }.joined(separator: "&")
        for _ in 0..<5 {
            #expect(try await ask("POST /webhooks/thrivecart/demo", port: port, body: keys).status == 400)
        }
        var slow: [RawConnection] = []
        for _ in 0..<200 {
            let client = try await RawConnection.open(port: port)
            try await client.send(
                "POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx"
            )
            slow.append(client)
        }
        #expect(try await ask("POST /webhooks/thrivecart/demo", port: port, body: body + "2").status == 200)
        for client in slow { await client.close() }

        #expect(try peakMemory(of: process) - before < 64 << 20)
        #expect(await process.stop(SIGTERM, within: .seconds(20)) == .code(0))
        await server.stop()
    }

    /// Bytes. Source: proc(5), VmHWM.
    func peakMemory(of process: ServerProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        let kilobytes = try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return kilobytes * 1024
    }
}
