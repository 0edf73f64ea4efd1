import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SandboxPages
import Sealing
import TestKit
import Testing

/// Source of the vector: the specification of Standard Webhooks, "Signature scheme".
@Suite struct `Whether a delivery proves itself` {
    static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    static let body = Array(#"{"test": 2432232314}"#.utf8)
    static let signedAt = Date(timeIntervalSince1970: 1_614_265_330)
    static let headers = [
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ]

    private func finding(
        _ change: (inout [String: String]) -> Void = { _ in },
        body: [UInt8] = Self.body,
        secrets: [String] = [Self.secret],
        after seconds: TimeInterval = 0
    ) -> HookSignature {
        var headers = Self.headers
        change(&headers)
        return HookSignature(of: body, headers, secrets: secrets, at: Self.signedAt.addingTimeInterval(seconds))
    }

    @Test func `the specification's own example does`() {
        #expect(finding().standard == .good)
        #expect(finding().isProof)
    }

    @Test func `a changed byte, id or time does not`() {
        #expect(finding(body: Self.body + [0x20]).standard == .bad)
        #expect(finding({ $0["webhook-id"] = "msg_other" }).standard == .bad)
        #expect(finding({ $0["webhook-timestamp"] = "1614265331" }).standard == .bad)
        #expect(finding({ $0["webhook-signature"] = "v1,AAAA" }).standard == .bad)
        #expect(finding({ $0["webhook-timestamp"] = "soon" }).standard == .bad)
        #expect(!finding(body: Self.body + [0x20]).isProof)
    }

    @Test func `what is played back after five minutes does not`() {
        #expect(finding(after: 299).standard == .good)
        #expect(finding(after: 301).standard == .stale)
        #expect(finding(after: -301).standard == .stale)
        #expect(!finding(after: 301).isProof)
    }

    @Test func `one of two signatures is enough while a secret is rotated`() {
        let two = "v1,AAAA " + (Self.headers["webhook-signature"] ?? "")
        #expect(finding({ $0["webhook-signature"] = two }).standard == .good)
        #expect(finding(secrets: ["whsec_AAAA", Self.secret]).standard == .good)
        #expect(finding(secrets: ["whsec_AAAA"]).standard == .bad)
        #expect(finding(secrets: []).standard == .unknown)
    }

    @Test func `a merchant's is the hex HMAC of the bytes, and its algorithm must be named`() {
        let code = Digest.hex(Digest.hmacSHA256(Self.body, key: Array("shop-secret".utf8)))
        func merchant(_ code: String, _ algorithm: String? = "HMAC-SHA256") -> HookSignature {
            var headers = ["x-thrive-webhook-signature": code]
            headers["x-thrive-webhook-algorithm"] = algorithm
            return HookSignature(of: Self.body, headers, secrets: ["shop-secret"], at: Self.signedAt)
        }
        #expect(merchant(code).isProof)
        #expect(merchant(code.uppercased()).isProof)
        #expect(merchant(code, "HMAC-MD5").merchant == .bad)
        #expect(merchant(code, nil).merchant == .bad)
        #expect(merchant(String(code.dropLast())).merchant == .bad)
        #expect(merchant("").merchant == .bad)
    }

    @Test func `nothing signed proves nothing, and a wrong one beside a right one is no proof`() {
        let none = HookSignature(of: Self.body, [:], secrets: [Self.secret], at: Self.signedAt)
        #expect(none.isUnsigned && !none.isProof)
        let mixed = finding { $0["x-thrive-webhook-signature"] = "00" }
        #expect(mixed.standard == .good && mixed.merchant == .bad && !mixed.isProof)
    }
}

@Suite struct `The shop that receives` {
    private static func signed(_ body: String, id: String, with secret: String = "shop-secret") -> HTTPHeaders {
        [
            "X-Thrive-Webhook-Signature": Digest.hex(Digest.hmacSHA256(Array(body.utf8), key: Array(secret.utf8))),
            "X-Thrive-Webhook-Algorithm": "HMAC-SHA256", "webhook-id": id, "x-gatehouse-event": "order.paid",
        ]
    }

    @Test func `what proves itself is taken, what is forged is not, and both are shown`() async throws {
        try await withShop { running in
            #expect(try await running.ask(.PUT, "/api/receiver", #"{"secrets":["shop-secret"]}"#).status == 204)
            let body = #"{"n":1.0}"#
            let good = try await running.ask(.POST, "/hooks/shop", body, headers: Self.signed(body, id: "m1"))
            #expect(good.status == 200)
            let again = try await running.ask(.POST, "/hooks/shop", body, headers: Self.signed(body, id: "m1"))
            #expect(again.status == 200)
            let forged = try await running.ask(.POST, "/hooks/x", body, headers: Self.signed("{}", id: "m2"))
            #expect(forged.status == 401)

            let list = try await running.ask(.GET, "/api/received")
            #expect(list["received", 0, "signature", "merchant"] as? String == "bad")
            #expect(list["received", 1, "isRepeated"] as? Bool == true)
            #expect(list["received", 2, "isRepeated"] as? Bool == false)
            #expect(list["received", 2, "body"] as? String == body)
            let page = try await running.ask(.GET, "/receiver").text
            for text in ["forged", "proven", "order.paid", "/hooks/x", "again"] {
                #expect(page.contains(text), "no \(text)")
            }
            let one = try await running.ask(.GET, "/receiver/1").text
            #expect(one.contains("x-thrive-webhook-algorithm"))
            #expect(try await running.ask(.GET, "/receiver/99").status == 404)
        }
    }

    @Test(arguments: [("fail", 500), ("redirect", 307), ("gone", 410)])
    func `it fails, redirects or is gone as often as it is told`(manner: String, status: Int) async throws {
        try await withShop { running in
            #expect(
                try await running.ask(.PUT, "/api/receiver", #"{"manner":"\#(manner)","remaining":2}"#).status == 204
            )
            var statuses: [Int] = []
            for _ in 0..<3 { statuses.append(try await running.ask(.POST, "/hooks/shop", "{}").status) }
            #expect(statuses == [status, status, 200])
        }
    }

    @Test func `it hangs, and what follows its redirect is caught`() async throws {
        try await withShop { running in
            #expect(try await running.ask(.POST, "/receiver/manner", "manner=hang&count=1").status == 303)
            var request = HTTPClientRequest(url: running.address + "/hooks/shop")
            request.method = .POST
            let hanging = request
            await #expect(throws: HTTPClientError.self) {
                _ = try await HTTPClient.shared.execute(hanging, timeout: .milliseconds(300))
            }
            #expect(try await running.ask(.POST, "/receiver/manner", "manner=redirect&count=").status == 303)
            let answer = try await running.ask(.POST, "/hooks/shop", "{}")
            #expect(answer.headers["Location"] == [HookInbox.trap])
            #expect(try await running.ask(.POST, HookInbox.trap, "{}").status == 200)
            #expect(try await running.ask(.GET, "/receiver").text.contains("followed a redirect"))
        }
    }

    @Test func `what comes is shown while one looks`() async throws {
        try await withShop { running in
            let response = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: running.address + "/receiver/live"),
                timeout: .seconds(30)
            )
            #expect(response.headers.first(name: "content-type") == "text/event-stream")
            var text = ""
            for try await part in response.body {
                text += String(buffer: part)
                // Only when it listens; then it hears of it.
                if text == ": listening\n\n" {
                    #expect(try await running.ask(.POST, "/hooks/%3Cb%3E", #"{"event_type":"A.<i>"}"#).status == 200)
                }
                if text.contains("</tr>") { break }
            }
            #expect(text.contains("data: <tr>"))
            #expect(text.contains("A.&lt;i&gt;"))
            #expect(!text.contains("<i>"))
        }
    }

    @Test func `its forms set what it knows, forget what came, and are nobody else's`() async throws {
        try await withShop { running in
            #expect(try await running.ask(.POST, "/receiver/secrets", "secrets=+one%0D%0A%0D%0Atwo").status == 303)
            let page = try await running.ask(.GET, "/receiver")
            #expect(page.text.contains("one\ntwo"))
            let policy = page.headers["Content-Security-Policy"].first ?? ""
            #expect(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"))
            #expect(try await running.ask(.GET, "/receiver.js").text.contains("EventSource"))
            _ = try await running.ask(.POST, "/hooks/shop", "{}")
            let crossed = try await running.ask(
                .POST,
                "/receiver/clear",
                "a=b",
                headers: ["Sec-Fetch-Site": "cross-site"]
            )
            #expect(crossed.status == 403)
            #expect(try await running.ask(.POST, "/receiver/clear", "a=b").status == 303)
            #expect(try await running.ask(.GET, "/receiver").text.contains("Nothing came yet."))
        }
    }
}
