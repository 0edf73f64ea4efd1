import Foundation
import Hummingbird
import Synchronization
import TestKit
import Testing
import Web

@Suite struct `Clients that are slow, large or rude` {
    /// Answers a body's length, and remembers the bodies that were read whole.
    final class Reader: Sendable {
        let read = Mutex<[String]>([])

        var routes: RouteCollection<WebContext> {
            RouteCollection(context: WebContext.self)
                .post("read") { request, _ in
                    let bytes = try await request.bytes(limit: 1000)
                    self.read.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
                    return Response.text(String(bytes.count))
                }
                .get("hello") { _, _ in Response.text("hello") }
        }
    }

    let reader = Reader()
    var impatient: WebLimits {
        var limits = WebLimits()
        limits.headerDeadline = .milliseconds(300)
        limits.bodyDeadline = .milliseconds(300)
        limits.idle = .milliseconds(600)
        return limits
    }

    @Test func `requests on one connection are answered one by one`() async throws {
        try await withServer([reader.routes]) { port in
            let client = try await RawConnection.open(port: port)
            for _ in 0..<3 {
                try await client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
                let answer = try await client.answer()
                #expect(answer.status == 200)
                #expect(answer.body == "5")
                #expect(answer.headers["connection"] == nil)
            }
            await client.close()
        }
    }

    @Test func `requests sent without waiting are answered in order`() async throws {
        try await withServer([reader.routes]) { port in
            let client = try await RawConnection.open(port: port)
            let bodies = (1...20).map { String(repeating: "x", count: $0) }
            try await client.send(
                bodies.map { "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: \($0.count)\r\n\r\n\($0)" }.joined()
            )
            for body in bodies {
                #expect(try await client.answer().body == String(body.count))
            }
            await client.close()
        }
    }

    @Test func `a body that says it is too large is refused unread`() async throws {
        try await withServer([reader.routes]) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.status == 413)
            #expect(answer.body.contains(#""code":"body_too_large""#))
            #expect(answer.headers["connection"] == "close")
            #expect(try await client.ends(within: .seconds(5)))
            await client.close()
        }
    }

    @Test func `a body without end is refused at the limit and hung up on`() async throws {
        try await withServer([reader.routes]) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            var sent = 0
            let chunk = "1000\r\n" + String(repeating: "x", count: 0x1000) + "\r\n"
            // Because sending fails as soon as the server has hung up, which is what is waited for.
            while sent < 1 << 30, (try? await client.send(chunk)) != nil { sent += chunk.utf8.count }
            let answer = try await client.answer()
            #expect(answer.status == 413)
            #expect(sent < 64 << 20)
            await client.close()
        }
        #expect(reader.read.withLock { $0 }.isEmpty)
    }

    @Test func `a body that trickles is told that it is too slow`() async throws {
        try await withServer([reader.routes], limits: impatient) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            let answer = try await client.answer()
            #expect(answer.status == 408)
            #expect(answer.body.contains(#""code":"body_too_slow""#))
            #expect(try await client.ends(within: .seconds(5)))
            await client.close()
        }
        #expect(reader.read.withLock { $0 }.isEmpty)
    }

    @Test func `half a body is never taken for a whole one`() async throws {
        try await withServer([reader.routes]) { port in
            let announced = try await RawConnection.open(port: port)
            try await announced.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            try await announced.finishSending()
            #expect(try await announced.answer().status == 400)

            let chunked = try await RawConnection.open(port: port)
            try await chunked.send("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            try await chunked.finishSending()
            #expect(try await chunked.answer().status == 400)

            let garbled = try await RawConnection.open(port: port)
            try await garbled.send(
                "POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n"
            )
            #expect(try await garbled.answer().status == 400)
        }
        #expect(reader.read.withLock { $0 }.isEmpty)
    }

    @Test func `an encoded body is not unpacked`() async throws {
        try await withServer([reader.routes]) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send(
                "POST /read HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
            )
            #expect(try await client.answer().status == 415)
            await client.close()
        }
    }

    @Test func `headers that trickle are hung up on`() async throws {
        try await withServer([reader.routes], limits: impatient) { port in
            let silent = try await RawConnection.open(port: port)
            let first = try await RawConnection.open(port: port)
            try await first.send("GET /hello HT")
            let second = try await RawConnection.open(port: port)
            try await second.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await second.answer().status == 200)
            try await second.send("GET /hello HT")
            for client in [silent, first, second] {
                #expect(try await client.ends(within: .seconds(5)))
                #expect(client.received == "")
            }
        }
    }

    @Test func `a connection without requests is closed after a while`() async throws {
        try await withServer([reader.routes], limits: impatient) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer().status == 200)
            #expect(try await client.ends(within: .seconds(5)))
        }
    }

    @Test func `a slow answer of ours is no reason to hang up`() async throws {
        let slow = RouteCollection(context: WebContext.self).get("slow") { _, _ in
            // Because the passing of time itself is what this is about: longer than every limit of the server.
            try await Task.sleep(for: .milliseconds(900))
            return Response.text("late")
        }
        try await withServer([slow], limits: impatient) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer().body == "late")
            await client.close()
        }
    }

    @Test(arguments: [
        "GET /hello HTTP/1.1\r\nHost: x\r\n" + (0..<101).map { "h\($0): x\r\n" }.joined() + "\r\n",
        "GET /hello HTTP/1.1\r\nHost: x\r\nbig: " + String(repeating: "x", count: 40_000) + "\r\n\r\n",
        "GET /hello?" + String(repeating: "x", count: 40_000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hello HTTP/1.1\r\n\r\n",
        "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: x\r\nbad\0name: y\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{FC}\r\n\r\n",
    ]) func `what is no proper request is refused and hung up on`(request: String) async throws {
        try await withServer([reader.routes]) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send(request)
            // Because hanging up without a word is as good a refusal as a 400.
            if let answer = try? await client.answer(within: .seconds(5)) { #expect(answer.status >= 400) }
            #expect(try await client.ends(within: .seconds(5)))
            let next = try await RawConnection.open(port: port)
            try await next.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await next.answer().status == 200)
            await next.close()
        }
        #expect(reader.read.withLock { $0 }.isEmpty)
    }

    @Test func `many connections at once leave room for one more`() async throws {
        try await withServer([reader.routes], limits: impatient) { port in
            var rude: [RawConnection] = []
            for _ in 0..<300 {
                let client = try await RawConnection.open(port: port)
                try await client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nx")
                rude.append(client)
            }
            let client = try await RawConnection.open(port: port)
            try await client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer().status == 200)
            for client in rude { #expect(try await client.ends(within: .seconds(10))) }
        }
    }
}
