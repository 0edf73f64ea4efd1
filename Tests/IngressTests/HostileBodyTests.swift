import Foundation
import FulfillmentJobs
import IngressRoutes
import TestKit
import Testing
import Web

@Suite struct `Bodies that mean no good` {
    @Test(arguments: [
        ("bad.no-secret", 401), ("bad.wrong-secret", 401), ("bad.secret-as-array", 401), ("bad.secret-empty", 401),
        ("bad.deep-nesting", 400), ("bad.json-truncated", 400),
        ("bad.secret-twice", 200), ("bad.huge-index", 200), ("bad.scalar-then-array", 200), ("bad.no-email", 200),
        ("bad.invalid-utf8", 200), ("bad.json-with-form-content-type", 200), ("bad.literal-brackets", 200),
        ("bad.multipart", 200),
    ]) func `every hostile fixture gets its status, and only good ones are kept`(name: String, status: Int) async throws
    {
        try await withIngress { ingress async throws in
            let body = try Fixture.event(name + ".raw")
            #expect(try await ingress.post(body).status == status)
            #expect(try await ingress.post(body, to: "/api/webhooks/thrivecart/").status == status)
            let jobs = try await ingress.jobs()
            #expect(jobs.count == (status == 200 ? 1 : 0))
            for job in jobs { #expect(!String(decoding: job.body, as: UTF8.self).contains("TESTSECRET00")) }
        }
    }

    @Test func `the encoding is told by the bytes and never by the header`() async throws {
        try await withIngress { ingress async throws in
            let json = #"{"event":"order.success","thrivecart_secret":"TESTSECRET00","n":1}"#
            let form = "event=order.success&thrivecart_secret=TESTSECRET00&n=2"
            for type in ["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
                #expect(try await ingress.post(json, headers: "Content-Type: \(type)\r\n").status == 200)
                #expect(try await ingress.post(form, headers: "Content-Type: \(type)\r\n").status == 200)
            }
            #expect(try await ingress.jobs().count == 2)
        }
    }

    @Test func `a million keys are refused`() async throws {
        try await withIngress { ingress async throws in
            let short = (0..<200_000).map { "\($0)=" }.joined(separator: "&").utf8.prefix(1 << 20)
            #expect(try await ingress.post(short).status == 400)
            let million = (0..<1_000_000).map { "k\($0)=1" }.joined(separator: "&")
            let client = try await RawConnection.open(port: ingress.port)
            try await client.send(
                "POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nContent-Length: \(million.utf8.count)\r\n\r\n"
            )
            #expect(try await client.answer().status == 413)
            await client.close()
            #expect(try await ingress.jobs().isEmpty)
        }
    }

    @Test func `a body at the limit is read and one byte more is not`() async throws {
        try await withIngress { ingress async throws in
            let head = "event=order.success&thrivecart_secret=TESTSECRET00&x="
            let fits = head + String(repeating: "x", count: (1 << 20) - head.utf8.count)
            #expect(try await ingress.post(fits).status == 200)
            #expect(try await ingress.post(fits + "x").status == 413)
            #expect(try await ingress.jobs().count == 1)
        }
    }

    @Test func `a body without end is refused at the limit`() async throws {
        try await withIngress { ingress async throws in
            let client = try await RawConnection.open(port: ingress.port)
            try await client.send(
                "POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            let chunk = "10000\r\n" + String(repeating: "x", count: 0x10000) + "\r\n"
            var sent = 0
            // Because sending fails as soon as the server has hung up, which is what is waited for.
            while sent < 1 << 30, (try? await client.send(chunk)) != nil { sent += chunk.utf8.count }
            #expect(try await client.answer().status == 413)
            #expect(sent < 64 << 20)
            await client.close()
            #expect(ingress.metrics.text().contains(#"outcome="too_large",provider="thrivecart"} 1"#))
        }
    }

    @Test func `a body that trickles is given up, and what came of it is not kept`() async throws {
        var limits = WebLimits()
        limits.bodyDeadline = .milliseconds(300)
        try await withIngress(limits: limits) { ingress async throws in
            let client = try await RawConnection.open(port: ingress.port)
            try await client.send(
                "POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
                    + "event=order.success&thrivecart_secret=TESTSECRET00"
            )
            #expect(try await client.answer().status == 408)
            await client.close()
            #expect(try await ingress.jobs().isEmpty)
            #expect(ingress.metrics.text().contains(#"outcome="too_slow",provider="thrivecart"} 1"#))
        }
    }

    @Test func `half a webhook is never taken for a whole one`() async throws {
        try await withIngress { ingress async throws in
            let client = try await RawConnection.open(port: ingress.port)
            try await client.send(
                "POST /webhooks/thrivecart/demo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
                    + "event=order.success&thrivecart_secret=TESTSECRET00"
            )
            try await client.finishSending()
            #expect(try await client.answer().status == 400)
            #expect(try await ingress.jobs().isEmpty)
        }
    }
}
