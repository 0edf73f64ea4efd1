import Foundation
import IngressRoutes
import TestKit
import Testing
import Web

@Suite(.enabled(if: Nginx.path != nil, "nginx is not installed")) struct `Behind nginx` {
    static let body = "event=order.success&thrivecart_secret=TESTSECRET00&order_id=1"

    @Test func `the log has the client's address, whatever the client claims`() async throws {
        try await withIngress(proxies: TrustedProxies(parsing: "127.0.0.1")) { ingress async throws in
            let nginx = try await Nginx.start(before: ingress.port)
            // From another address than nginx has, so that the two can be told apart.
            let client = try await RawConnection.open(port: nginx.port, from: "127.0.0.2")
            try await client.send(
                "POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nContent-Length: \(Self.body.utf8.count)\r\n"
                    + "X-Forwarded-For: 192.0.2.66\r\nForwarded: for=192.0.2.67\r\n\r\n\(Self.body)"
            )
            #expect(try await client.answer().status == 200)
            let line = try #require(ingress.log.lines.first { $0.message == "webhook received" })
            #expect(line.metadata["client"] == "127.0.0.2")
            #expect(!ingress.log.text.contains("192.0.2.6"))
            await client.close()
            await nginx.process.stop()
        }
    }

    @Test func `without trust in the proxy, the proxy is the client`() async throws {
        try await withIngress { ingress async throws in
            let nginx = try await Nginx.start(before: ingress.port)
            let client = try await RawConnection.open(port: nginx.port, from: "127.0.0.2")
            try await client.send("POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            #expect(try await client.answer().status == 200)
            let line = try #require(ingress.log.lines.first { $0.message == "webhook received" })
            #expect(line.metadata["client"] == "127.0.0.1")
            await client.close()
            await nginx.process.stop()
        }
    }

    @Test func `a body that is too large or too strange is refused through it as well`() async throws {
        try await withIngress(proxies: TrustedProxies(parsing: "127.0.0.1")) { ingress async throws in
            let nginx = try await Nginx.start(before: ingress.port)
            let client = try await RawConnection.open(port: nginx.port)
            try await client.send(
                "POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
            )
            // Because nginx may hang up before all is sent.
            try? await client.send(String(repeating: "x", count: 2_000_000))
            #expect(try await client.answer().status == 413)

            let next = try await RawConnection.open(port: nginx.port)
            try await next.send(
                "POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nContent-Length: \(Self.body.utf8.count)\r\n\r\n"
                    + Self.body
            )
            #expect(try await next.answer().status == 200)
            await next.close()
            await nginx.process.stop()
        }
    }
}

/// A private nginx in a directory of its own.
struct Nginx {
    let process: ServerProcess
    let port: Int

    static let path = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    static func start(before ingress: Int) async throws -> Nginx {
        let directory = try TestDirectory.make("nginx")
        let port = try freePort()
        let configuration = """
            daemon off;
            worker_processes 1;
            pid \(directory)/pid;
            error_log \(directory)/error.log;
            \(getuid() == 0 ? "user root;" : "")
            events { worker_connections 64; }
            http {
                access_log off;
                client_body_temp_path \(directory)/body;
                proxy_temp_path \(directory)/proxy;
                fastcgi_temp_path \(directory)/fastcgi;
                uwsgi_temp_path \(directory)/uwsgi;
                scgi_temp_path \(directory)/scgi;
                client_max_body_size 100m;
                upstream ingress { server 127.0.0.1:\(ingress); keepalive 4; }
                server {
                    listen 127.0.0.1:\(port);
                    location / {
                        proxy_pass http://ingress;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    }
                }
            }
            """
        try Data(configuration.utf8).write(to: URL(filePath: directory + "/nginx.conf"))
        let process = try ServerProcess(
            .init(path ?? "nginx", ["-p", directory, "-c", directory + "/nginx.conf"], log: directory + "/log")
        )
        try await eventually {
            let client = try await RawConnection.open(port: port)
            await client.close()
            return true
        }
        return Nginx(process: process, port: port)
    }
}
