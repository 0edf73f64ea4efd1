import Foundation
import HTTPTypes
import Hummingbird
import TestKit
import Testing
import Web

/// docker/nginx.conf as it stands, but for its port, its folders and where the ingress is.
@Suite(.enabled(if: DeployedNginx.path != nil, "nginx is not installed")) struct `nginx as deployed` {
    /// Tells who nginx says the client is.
    private var echo: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("webhooks/**") { request, _ in
                _ = try await request.bytes(limit: 2 << 20)
                return Response.text(request.headers.map { "\($0.name.canonicalName)=\($0.value)\n" }.joined())
            }
            .post("api/webhooks/thrivecart") { _, _ in Response.text("shared\n") }
            .post("api/paypal/v1/webhooks") { _, _ in Response.text("paypal\n") }
            .post("api/paypal/v1/orders") { request, _ in
                Response.text("orders, \(request.headers[.authorization] ?? "-")\n")
            }
            .post("api/paypal/v1/webhooks/test") { _, _ in Response.text("test\n") }
    }

    private func withNginx(_ body: @Sendable (Int) async throws -> Void) async throws {
        try await withServer([echo]) { port in
            let nginx = try await DeployedNginx.start(before: port)
            try await body(nginx.port)
            await nginx.process.stop()
        }
    }

    private func ask(_ port: Int, _ method: String, _ path: String, headers: String = "", body: String = "")
        async throws -> RawAnswer
    {
        let client = try await RawConnection.open(port: port, from: "127.0.0.2")
        let head = "\(method) \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n"
        // Because nginx may hang up before all of a body is sent that it refuses.
        try? await client.send(head + body)
        let answer = try await client.answer()
        await client.close()
        return answer
    }

    @Test func `webhooks come through with the client's address, whatever the client claims`() async throws {
        try await withNginx { port in
            let claim = "X-Forwarded-For: 192.0.2.66\r\nX-Request-Id: mine\r\n"
            let answer = try await ask(port, "POST", "/webhooks/thrivecart/demo", headers: claim, body: "event=x")
            #expect(answer.status == 200)
            #expect(answer.body.contains("x-forwarded-for=127.0.0.2\n"))
            #expect(!answer.body.contains("192.0.2.66") && !answer.body.contains("=mine"))
            for path in ["/api/webhooks/thrivecart", "/api/webhooks/thrivecart/", "/api/paypal/v1/webhooks"] {
                #expect(try await ask(port, "POST", path).status == 200, "\(path)")
            }
        }
    }

    @Test func `shops come through to the Product API with what they bring`() async throws {
        try await withNginx { port in
            let answer = try await ask(port, "POST", "/api/paypal/v1/orders", headers: "Authorization: Bearer x\r\n")
            #expect(answer.status == 200 && answer.body == "orders, Bearer x\n")
            let test = try await ask(port, "POST", "/api/paypal/v1/webhooks/test")
            #expect(test.body == "test\n")
        }
    }

    @Test(arguments: ["/", "/readyz", "/metrics", "/api/orders", "/webhooks"])
    func `nothing else of the ingress is to be seen`(path: String) async throws {
        try await withNginx { port in
            let answer = try await ask(port, "GET", path)
            #expect(answer.status == 404)
        }
    }

    @Test func `a body over a mebibyte is refused, one just under it passes`() async throws {
        try await withNginx { port in
            let large = String(repeating: "x", count: (1 << 20) + 1)
            let refused = try await ask(port, "POST", "/webhooks/thrivecart/demo", body: large)
            #expect(refused.status == 413)
            let taken = try await ask(port, "POST", "/webhooks/thrivecart/demo", body: String(large.dropLast()))
            #expect(taken.status == 200)
        }
    }
}

private struct DeployedNginx {
    let process: ServerProcess
    let port: Int

    /// Debian keeps it where only root's PATH looks.
    static let path = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    static func start(before ingress: Int) async throws -> DeployedNginx {
        let folder = try TestDirectory.make("nginx")
        let port = try freePort()
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(folder)/\($0);" }.joined(separator: " ")
        let text = try Project.text("docker/nginx.conf")
            .replacing("listen 8080;", with: "listen 127.0.0.1:\(port);")
            .replacing("http://ingress:8080", with: "http://127.0.0.1:\(ingress)")
            .replacing("http://product-api:8081", with: "http://127.0.0.1:\(ingress)")
            .replacing("http {", with: "http { \(temporary)")
        try Data(text.utf8).write(to: URL(filePath: folder + "/nginx.conf"))
        let globals = "daemon off; pid \(folder)/pid; \(getuid() == 0 ? "user root;" : "")"
        let arguments = ["-p", folder, "-c", folder + "/nginx.conf", "-g", globals]
        let process = try ServerProcess(.init(path ?? "nginx", arguments, log: folder + "/log"))
        try await eventually {
            let client = try await RawConnection.open(port: port)
            await client.close()
            return true
        }
        return DeployedNginx(process: process, port: port)
    }
}
