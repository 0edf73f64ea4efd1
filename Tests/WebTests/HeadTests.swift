import Hummingbird
import TestKit
import Testing
import Web

@Suite struct `Answering HEAD` {
    @Test(arguments: ["/there", "/nowhere"])
    func `there are headers and no body, so the connection's next answer is whole`(path: String) async throws {
        let routes = RouteCollection(context: WebContext.self).head("there") { _, _ in Response.text("ok\n") }
        try await withServer([routes]) { port in
            let client = try await RawConnection.open(port: port)
            try await client.send("HEAD \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            let head = try await client.answer(toHEAD: true)
            #expect(head.headers["content-length"] != "0")
            try await client.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            let next = try await client.answer()
            #expect(next.status == 200)
            #expect(next.body == "ok\n")
            await client.close()
        }
    }
}
