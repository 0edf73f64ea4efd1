import Synchronization
import TestKit
import Testing
import Web

@Suite struct `Being asked how we are` {
    func get(_ path: String, health: Health) async throws -> RawAnswer {
        try await withServer(health: health) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try await client.answer()
            await client.close()
            return answer
        }
    }

    @Test func `with everything in order it is ready`() async throws {
        let health = Health([
            ReadinessCheck("redis") { .passed }, ReadinessCheck("postgres") { .unknown("nobody may ask") },
        ])
        let answer = try await get("/readyz", health: health)
        #expect(answer.status == 200)
        #expect(
            answer.body
                == #"{"checks":[{"name":"redis","state":"passed"},{"name":"postgres","reason":"nobody may ask","state":"unknown"}],"ready":true}"#
        )
    }

    @Test func `what is not ready is named, with the fix, and the process still lives`() async throws {
        let health = Health([
            ReadinessCheck("redis") { .failed("appendfsync is everysec", fix: "set appendfsync always") }
        ])
        let ready = try await get("/readyz", health: health)
        #expect(ready.status == 503)
        #expect(ready.body.contains(#""fix":"set appendfsync always""#))
        #expect(ready.body.contains(#""ready":false"#))
        #expect(try await get("/livez", health: health).status == 200)
    }

    @Test func `a check that does not answer is not ready`() async throws {
        let stuck = ReadinessCheck("stuck") {
            // Because only cancellation ends it.
            try? await Task.sleep(for: .seconds(3600))
            return .passed
        }
        let readiness = await Health([stuck, ReadinessCheck("other") { .passed }], deadline: .milliseconds(50))
            .readiness()
        #expect(!readiness.isReady)
        #expect(readiness.checks.map(\.name) == ["stuck", "other"])
        #expect(readiness.checks[1].state == .passed)
    }

    @Test func `many who ask at once share one look`() async throws {
        let looks = Mutex(0)
        let health = Health([
            ReadinessCheck("counted") {
                looks.withLock { $0 += 1 }
                return .passed
            }
        ])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { _ = await health.readiness() } }
        }
        #expect(looks.withLock { $0 } == 1)
    }

    @Test func `on the way out it is no longer ready`() async throws {
        let health = Health([ReadinessCheck("redis") { .passed }])
        #expect(await health.readiness().isReady)
        health.startDraining()
        #expect(await !health.readiness().isReady)
        #expect(try await get("/livez", health: health).status == 200)
    }

    @Test func `the numbers are served as Prometheus wants them`() async throws {
        let answer = try await get("/metrics", health: Health([]))
        #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(answer.body.contains("# TYPE metrics_refused_total counter\nmetrics_refused_total 0\n"))
    }
}
