import Hummingbird
import Logging
import TestKit
import Testing
import Web

@Suite struct `What every request gets` {
    struct Surprise: Error, CustomStringConvertible {
        var description: String { "the details" }
    }

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("things/:id") { _, context in Response.text(context.clientAddress) }
            .get("refuse") { _, _ -> Response in throw APIError(.conflict, "already_done", "It is done.") }
            .get("later") { _, _ -> Response in
                throw APIError.unavailable("queue_full", "Come back later.", retryAfter: .seconds(7))
            }
            .get("break") { _, _ -> Response in throw Surprise() }
    }

    func get(
        _ path: String,
        headers: String = "",
        proxies: TrustedProxies = .none,
        log: CapturedLog = CapturedLog(),
        metrics: PrometheusRegistry = PrometheusRegistry()
    ) async throws -> RawAnswer {
        try await withServer([routes], proxies: proxies, metrics: metrics, logger: log.logger) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\(headers)\r\n")
            let answer = try await client.answer()
            await client.close()
            return answer
        }
    }

    @Test func `a refusal has a status, a code and a sentence`() async throws {
        let answer = try await get("/refuse")
        #expect(answer.status == 409)
        #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
        #expect(answer.body == #"{"error":{"code":"already_done","message":"It is done."}}"#)
    }

    @Test func `who should come again is told when`() async throws {
        let answer = try await get("/later")
        #expect(answer.status == 503)
        #expect(answer.headers["retry-after"] == "7")
    }

    @Test func `a surprise of ours tells the client nothing and the operator everything`() async throws {
        let log = CapturedLog()
        let answer = try await get("/break", log: log)
        #expect(answer.status == 500)
        #expect(answer.body.contains("internal_error"))
        #expect(!answer.body.contains("details"))
        #expect(log.lines.contains { $0.level == .error && $0.metadata["error"] == "the details" })
    }

    @Test func `an unknown path is not found, in the same envelope`() async throws {
        let answer = try await get("/nowhere")
        #expect(answer.status == 404)
        #expect(answer.body.contains(#""code":"not_found""#))
    }

    @Test func `the log has the route and never the path, the query or a header`() async throws {
        let log = CapturedLog()
        let metrics = PrometheusRegistry()
        _ = try await get(
            "/things/secret-id?token=secret-token",
            headers: "Authorization: Bearer secret-bearer\r\nCookie: secret=1\r\n",
            log: log,
            metrics: metrics
        )
        let line = try #require(log.lines.first { $0.message == "request answered" })
        #expect(line.level == .info)
        #expect(line.metadata["route"] == "/things/{id}")
        #expect(line.metadata["method"] == "GET")
        #expect(line.metadata["status"] == "200")
        #expect(line.metadata["client"] == "127.0.0.1")
        #expect(!log.text.contains("secret"))
        #expect(metrics.text().contains(#"http_requests_total{method="GET",route="/things/{id}",status="200"} 1"#))
        #expect(!metrics.text().contains("secret"))
    }

    @Test func `unknown paths and methods do not make series`() async throws {
        let metrics = PrometheusRegistry()
        try await withServer([routes], metrics: metrics) { port in
            for number in 0..<50 {
                let client = try await RawConnection.open(port: port)
                try await client.send("GET /random/\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await client.answer().status == 404)
                try await client.send(
                    "\(["LOCK", "PURGE", "M\(number)"][number % 3]) /refuse HTTP/1.1\r\nHost: x\r\n\r\n"
                )
                // Because the parser hangs up on methods that it doesn't know.
                _ = try? await client.answer()
                await client.close()
            }
        }
        let series = metrics.text().split(separator: "\n").filter { $0.hasPrefix("http_requests_total{") }
        #expect(series.count <= 3)
    }

    @Test func `a request id is taken from our proxy and from nobody else`() async throws {
        let loopback = try TrustedProxies(parsing: "loopback")
        let given = "X-Request-Id: proxy-0001\r\nX-Forwarded-For: 203.0.113.9\r\n"
        let trusted = try await get("/things/1", headers: given, proxies: loopback)
        #expect(trusted.headers["x-request-id"] == "proxy-0001")
        #expect(trusted.body == "203.0.113.9")

        let direct = try await get("/things/1", headers: given)
        #expect(direct.headers["x-request-id"]?.wholeMatch(of: /[0-9a-f]{16}/) != nil)
        #expect(direct.body == "127.0.0.1")

        let odd = try await get("/things/1", headers: "X-Request-Id: <script>alert(1)\r\n", proxies: loopback)
        #expect(odd.headers["x-request-id"]?.wholeMatch(of: /[0-9a-f]{16}/) != nil)
    }
}
