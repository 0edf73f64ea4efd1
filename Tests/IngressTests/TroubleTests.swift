import Domain
import Foundation
import FulfillmentJobs
import IngressRoutes
import Jobs
import Logging
import Redis
import Sealing
import TestKit
import Testing
import Web

@Suite struct `When Redis is in trouble` {
    static let body = "event=order.success&thrivecart_secret=TESTSECRET00&order_id="

    func durable(_ more: String...) async throws -> RedisServer {
        try await RedisServer(.init(isDurable: true, more: ["--maxmemory-policy", "noeviction"] + more))
    }

    @Test func `killed, it is asked again later; back, nothing accepted is missing`() async throws {
        let server = try await durable()
        try await withIngress(on: server) { ingress async throws in
            for order in 0..<20 { #expect(try await ingress.post(Self.body + "\(order)").status == 200) }
            await server.kill()
            let answer = try await ingress.post(Self.body + "lost")
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "10")
            // Who has the secret wrong still hears so, from memory.
            #expect(try await ingress.post("event=x&thrivecart_secret=WRONG").status == 401)

            try await server.start()
            try await eventually { try await ingress.post(Self.body + "lost").status == 200 }
            #expect(try await ingress.jobs().count == 21)
            // The settings, too, were on disk: the process would find them after a restart of its own.
            #expect(await ingress.health.readiness().isReady)
        }
        await server.stop()
    }

    @Test func `silent, it does not keep us waiting for long`() async throws {
        let server = try await durable()
        try await withIngress(on: server) { ingress async throws in
            #expect(try await ingress.post(Self.body + "1").status == 200)
            try await server.pause()
            let start = ContinuousClock.now
            #expect(try await ingress.post(Self.body + "2").status == 503)
            #expect(start.duration(to: .now) < .seconds(8))
            server.resume()
            try await eventually { try await ingress.post(Self.body + "2").status == 200 }
            // The one whose answer was lost was kept or not, but it is there once.
            #expect(try await ingress.jobs().count == 2)
        }
        await server.stop()
    }

    @Test func `emptied, we remember the settings and keep accepting`() async throws {
        let server = try await durable()
        try await withIngress(on: server) { ingress async throws in
            #expect(try await ingress.post(Self.body + "1").status == 200)
            try await ingress.redis.call(["FLUSHALL"])
            try await eventually { ingress.log.lines.contains { $0.message == "no verification settings in Redis" } }
            #expect(try await ingress.post(Self.body + "2").status == 200)
            #expect(try await ingress.jobs().count == 1)
            #expect(await ingress.health.readiness().isReady)
        }
        await server.stop()
    }

    @Test func `no longer durable, nothing is acknowledged until it is again`() async throws {
        let server = try await durable()
        try await withIngress(on: server) { ingress async throws in
            #expect(try await ingress.post(Self.body + "1").status == 200)
            try await ingress.redis.call(["CONFIG", "SET", "appendfsync", "everysec"])
            try await eventually { try await ingress.post(Self.body + "2").status == 503 }
            #expect(ingress.metrics.text().contains(#"outcome="not_durable",provider="thrivecart"} 1"#))
            #expect(ingress.log.lines.contains { $0.level == .critical })
            try await ingress.redis.call(["CONFIG", "SET", "appendfsync", "always"])
            try await eventually { try await ingress.post(Self.body + "3").status == 200 }
        }
        await server.stop()
    }

    @Test func `out of memory, it is said, and nothing is half stored`() async throws {
        let server = try await durable()
        try await withIngress(on: server) { ingress async throws in
            #expect(try await ingress.post(Self.body + "1").status == 200)
            try await ingress.redis.call(["CONFIG", "SET", "maxmemory", "1"])
            #expect(try await ingress.post(Self.body + "2").status == 503)
            try await ingress.redis.call(["CONFIG", "SET", "maxmemory", "0"])
            #expect(try await ingress.post(Self.body + "2").status == 200)
            #expect(try await ingress.jobs().count == 2)
        }
        await server.stop()
    }

    @Test func `with its queue full, it is asked again later`() async throws {
        try await withIngress(queueLimits: .init(jobs: 3)) { ingress async throws in
            for order in 0..<3 { #expect(try await ingress.post(Self.body + "\(order)").status == 200) }
            let answer = try await ingress.post(Self.body + "3")
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "10")
            // What is in the queue already is no more than what is in the queue already.
            #expect(try await ingress.post(Self.body + "0").status == 200)
            #expect(ingress.metrics.text().contains(#"outcome="queue_full",provider="thrivecart"} 1"#))
        }
    }
}

@Suite struct `The settings to verify with` {
    static let body = "event=order.success&thrivecart_secret=TESTSECRET00&order_id=1"

    @Test func `before there are any, nothing is accepted and nobody is turned away for good`() async throws {
        try await withIngress(nil) { ingress async throws in
            #expect(try await ingress.post(Self.body).status == 503)
            #expect(try await ingress.post("event=x&thrivecart_secret=WRONG").status == 503)
            #expect(try await ingress.ask("HEAD", "/webhooks/thrivecart/demo").status == 200)
            let ready = try await ingress.ask("GET", "/readyz")
            #expect(ready.status == 503)
            #expect(ready.body.contains("no settings have been published"))

            try await ingress.publish([IngressUnderTest.demo])
            try await eventually { try await ingress.post(Self.body).status == 200 }
        }
    }

    @Test func `a new site's first webhook does not wait for the next round`() async throws {
        try await withIngress([], pause: .seconds(3600)) { ingress async throws in
            #expect(try await ingress.post(Self.body).status == 401)
            try await ingress.publish([IngressUnderTest.demo])
            // At most one look a second is bought with a wrong secret.
            try await eventually { try await ingress.post(Self.body).status == 200 }
        }
    }

    @Test func `rubbish does not make us ask Redis each time`() async throws {
        let server = try await RedisServer(.init(isDurable: true))
        try await withIngress(on: server, pause: .seconds(3600)) { ingress async throws in
            func reads() async throws -> Int {
                let info = try await ingress.redis.call(["INFO", "commandstats"]).string ?? ""
                let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_get:calls=") }
                return line?.split(separator: ",").first.flatMap { Int($0.dropFirst(18)) } ?? 0
            }
            try await ingress.redis.call(["CONFIG", "RESETSTAT"])
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<200 {
                    group.addTask { try await ingress.post("event=x&thrivecart_secret=guess-\(number)").status }
                }
                for try await status in group { #expect(status == 401) }
            }
            // One for each second that it took.
            #expect(try await reads() < 50)
        }
        await server.stop()
    }

    @Test func `sealed with another key they are left alone, and readiness says which key is wrong`() async throws {
        try await withIngress { ingress async throws in
            let other = Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "k9")))
            let sealed = try IngressSettings(sites: []).sealed(with: other)
            try await ingress.redis.call(["SET", .text(IngressSettings.key), .bytes(sealed)])
            try await eventually { await !ingress.health.readiness().isReady }
            let ready = try await ingress.ask("GET", "/readyz")
            #expect(ready.body.contains("k9"))
            #expect(ready.body.contains("APP_KEYS"))
            #expect(try await ingress.post(Self.body).status == 200)
        }
    }

    @Test func `with a secret that could not be opened, nobody is turned away for good`() async throws {
        var site = IngressUnderTest.demo
        site.hasUnreadableSecrets = true
        let wanting = site
        try await withIngress([wanting]) { ingress async throws in
            #expect(try await ingress.post(Self.body).status == 200)
            // Whether the site exists is not told.
            for path in ["/webhooks/thrivecart/demo", "/webhooks/thrivecart/nobody", "/api/webhooks/thrivecart"] {
                let answer = try await ingress.post("event=x&thrivecart_secret=NEWSECRET", to: path)
                #expect(answer.status == 503)
                #expect(answer.headers["retry-after"] == "10")
            }
            #expect(try await ingress.post("event=x").status == 401)
            #expect(ingress.metrics.text().contains(#"outcome="settings_unknown",provider="thrivecart"} 3"#))
        }
    }

    @Test func `damaged they are left alone`() async throws {
        try await withIngress { ingress async throws in
            try await ingress.redis.call(["SET", .text(IngressSettings.key), "rubbish"])
            try await eventually { await !ingress.health.readiness().isReady }
            #expect(try await ingress.post(Self.body).status == 200)
        }
    }
}
