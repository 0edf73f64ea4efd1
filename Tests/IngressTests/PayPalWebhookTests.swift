import Foundation
import FulfillmentJobs
import IngressRoutes
import Jobs
import PayPal
import TestKit
import Testing

@Suite struct `PayPal's webhooks` {
    let webhookID = "1JE4291016473214C"
    let url = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
    let body =
        #"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"C1","amount":{"value":"1.0"}}}"#

    /// The ingress over the test's authority; PayPal itself answers `postback`.
    func run(
        trusting: Bool = true,
        postback: Bool? = nil,
        _ test: @escaping @Sendable (IngressUnderTest, PayPalSigner) async throws -> Void
    ) async throws {
        let signer = try await PayPalSigner.shared()
        let served = Array(try #require(signer.certificates[PayPalSigner.sandboxName]).utf8)
        let verifier = WebhookVerifier(
            settings: ScriptedPayPal.settings(port: nil),
            webhookID: webhookID,
            trusted: try #require(trusting ? TrustedCertificates(pem: signer.root + signer.intermediate) : .bundled),
            certificates: CertificateKeeper(logger: .silent) { _ in .success(served) },
            postback: { _, _, _ in postback }
        )
        try await withIngress(payPal: verifier) { try await test($0, signer) }
    }

    func headers(_ signer: PayPalSigner, _ body: String, id: String = "t-1") throws -> String {
        try signer.headers(of: Array(body.utf8), webhookID: webhookID, certificateURL: url, id: id)
            .map { "\($0): \($1)\r\n" }.joined()
    }

    @Test(arguments: ["/webhooks/paypal", "/api/paypal/v1/webhooks"])
    func `row PayPal to Product API: POST webhooks keeps them byte for byte before it acknowledges`(path: String)
        async throws
    {
        try await run { ingress, signer in
            let answer = try await ingress.post(body, to: path, headers: headers(signer, body))
            #expect(answer.status == 200)
            #expect(answer.body == #"{"received":true}"#)
            let events = try await ingress.payPalEvents()
            #expect(events.count == 1)
            #expect(events.first.map { String(decoding: $0.body, as: UTF8.self) } == body)
            #expect(events.first?.event == "WH-1")
            #expect(events.first?.transmission?.certificateURL == url)
        }
    }

    @Test func `sent again are one job`() async throws {
        try await run { ingress, signer in
            for id in ["t-1", "t-2", "t-3"] {
                let answer = try await ingress.post(
                    body,
                    to: "/webhooks/paypal",
                    headers: headers(signer, body, id: id)
                )
                #expect(answer.status == 200)
            }
            #expect(try await ingress.payPalEvents().count == 1)
        }
    }

    @Test func `of anybody else get one answer, whatever is wrong`() async throws {
        try await run { ingress, signer in
            let good = try headers(signer, body)
            var answers: [String] = []
            for (headers, body) in [
                ("", body), (good, body + "\n"), (good.replacing("SHA256withRSA", with: "SHA1withRSA"), body),
                (good.replacing("api.sandbox.paypal.com", with: "api.sandbox.paypal.com.evil.example"), body),
                (try self.headers(signer, "another"), body),
            ] {
                let answer = try await ingress.post(body, to: "/webhooks/paypal", headers: headers)
                #expect(answer.status == 401)
                answers.append(answer.body)
            }
            #expect(Set(answers).count == 1)
            #expect(try await ingress.payPalEvents().isEmpty)
            let metrics = try await ingress.ask("GET", "/metrics").body
            #expect(metrics.contains(#"ingress_refused_total{provider="paypal",reason="signature"} 2"#))
        }
    }

    @Test func `nobody can judge come again`() async throws {
        try await run(trusting: false) { ingress, signer in
            let answer = try await ingress.post(body, to: "/webhooks/paypal", headers: headers(signer, body))
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] != nil)
            #expect(try await ingress.payPalEvents().isEmpty)
        }
    }

    @Test(arguments: [true, false]) func `PayPal vouches for are its own`(isOwn: Bool) async throws {
        try await run(trusting: false, postback: isOwn) { ingress, signer in
            let answer = try await ingress.post(body, to: "/webhooks/paypal", headers: headers(signer, body))
            #expect(answer.status == (isOwn ? 200 : 401))
            #expect(try await ingress.payPalEvents().count == (isOwn ? 1 : 0))
        }
    }

    @Test(arguments: [#"{"id":"WH-9","event_type":"SOMETHING.NEW"}"#, "no json at all", #"{"id":"a","id":"b"}"#])
    func `of unknown types and shapes are taken, once PayPal signed them`(body: String) async throws {
        try await run { ingress, signer in
            let answer = try await ingress.post(body, to: "/webhooks/paypal", headers: headers(signer, body))
            #expect(answer.status == 200)
            #expect(try await ingress.payPalEvents().count == 1)
        }
    }

    @Test func `can be looked for without effect`() async throws {
        try await run { ingress, _ in
            let found = try await ingress.ask("GET", "/webhooks/paypal")
            #expect(found.status == 200)
            #expect(try await ingress.ask("HEAD", "/api/paypal/v1/webhooks").status == 200)
            #expect(try await ingress.post("", to: "/webhooks/paypal").status == 200)
            #expect(try await ingress.payPalEvents().isEmpty)
        }
    }

    @Test func `are no larger than a mebibyte`() async throws {
        try await run { ingress, signer in
            let large = String(repeating: "x", count: (1 << 20) + 1)
            let client = try await RawConnection.open(port: ingress.port)
            try await client.send(
                "POST /webhooks/paypal HTTP/1.1\r\nHost: x\r\nContent-Length: \(large.utf8.count)\r\n\r\n"
            )
            #expect(try await client.answer().status == 413)
            await client.close()
        }
    }
}
