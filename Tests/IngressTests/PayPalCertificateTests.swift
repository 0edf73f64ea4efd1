import Foundation
import FulfillmentJobs
import IngressRoutes
import Jobs
import PayPal
import Redis
import Sealing
import TestKit
import Testing

/// Where the certificate of a webhook comes from, and what it has to lead to.
@Suite struct `The certificate of PayPal's webhooks` {
    let webhookID = "1JE4291016473214C"
    let body = #"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"C1"}}"#
    static let path = "/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"

    /// A pretended PayPal that has its certificate at `/real`, and at its usual address answers as the test says; nothing
    /// else, so that nobody vouches for anything.
    private func payPal(_ signer: PayPalSigner, at usual: @escaping @Sendable (String) -> Receiver.Answer) async throws
        -> TestKit.Receiver
    {
        let certificate = signer.certificates[PayPalSigner.sandboxName] ?? ""
        return try await TestKit.Receiver.start { request, _ in
            switch request.path {
            case "/real": .init(body: certificate)
            case Self.path: usual(certificate)
            default: .status(404)
            }
        }
    }

    private func headers(_ signer: PayPalSigner, _ payPal: TestKit.Receiver) throws -> String {
        try signer.headers(of: Array(body.utf8), webhookID: webhookID, certificateURL: payPal.url(Self.path))
            .map { "\($0): \($1)\r\n" }.joined()
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `is not looked for where its address redirects to`(status: Int) async throws {
        let signer = try await PayPalSigner.shared()
        let payPal = try await payPal(signer) { _ in .status(status, [("location", "/real")]) }
        let settings = PayPalSettings(
            environment: .sandbox,
            pretendedAt: payPal.url(""),
            clientID: "id",
            clientSecret: "word",
            partnerMerchantID: "PARTNER",
            attributionID: ""
        )
        let verifier = WebhookVerifier(
            settings: settings,
            webhookID: webhookID,
            trusted: try #require(TrustedCertificates(pem: signer.root + signer.intermediate)),
            certificates: .guarded(settings, allowing: [], logger: .silent),
            postback: nil
        )
        try await withIngress(payPal: verifier) { ingress in
            let answer = try await ingress.post(body, to: "/webhooks/paypal", headers: headers(signer, payPal))
            #expect(answer.status == 503, "nobody can judge it, and nobody may believe it")
            #expect(try await ingress.payPalEvents().isEmpty)
        }
        #expect(payPal.requests.map(\.path) == [Self.path])
        try await payPal.stop()
    }

    @Test func `leads to the roots that the operator names, and then to no others`() async throws {
        let signer = try await PayPalSigner.shared()
        let payPal = try await payPal(signer) { .init(body: $0) }
        let server = try await RedisServer(.init(isDurable: true, more: ["--maxmemory-policy", "noeviction"]))
        let folder = try TestDirectory.make("roots")
        let roots = folder + "/roots.pem"
        try (signer.root + signer.intermediate).write(toFile: roots, atomically: true, encoding: .utf8)
        let process = `The ingress as a process`()
        for (roots, status) in [("", 503), (roots, 200)] {
            let port = try freePort()
            let ingress = try process.launch([
                "REDIS_URL": server.url, "APP_KEYS": process.keys, "INGRESS_PORT": "\(port)", "PAYPAL_ENV": "sandbox",
                "PAYPAL_BASE_URL": payPal.url(""), "PAYPAL_CLIENT_ID": "id", "PAYPAL_CLIENT_SECRET": "word",
                "PAYPAL_PARTNER_MERCHANT_ID": "PARTNER", "PAYPAL_WEBHOOK_ID": webhookID, "PAYPAL_WEBHOOK_ROOTS": roots,
            ])
            try await eventually {
                try await process.ask("GET /livez", port: port).status == 200
            }
            var answer: RawAnswer?
            try await eventually {
                let client = try await RawConnection.open(port: port)
                try await client.send(
                    "POST /webhooks/paypal HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n"
                        + (try headers(signer, payPal)) + "\r\n" + body
                )
                answer = try await client.answer()
                await client.close()
                return answer?.status == status
            }
            #expect(answer?.status == status, "\(roots): \(process.log(of: ingress).suffix(1000))")
            await ingress.stop()
        }
        await server.stop()
        try await payPal.stop()
    }

    @Test func `a file of roots without a certificate keeps the ingress from starting`() async throws {
        let file = try TestDirectory.make("roots") + "/roots.pem"
        try "no certificate".write(toFile: file, atomically: true, encoding: .utf8)
        let process = `The ingress as a process`()
        let ingress = try process.launch([
            "REDIS_URL": "redis://127.0.0.1:1", "APP_KEYS": process.keys, "INGRESS_PORT": "\(try freePort())",
            "PAYPAL_CLIENT_ID": "id", "PAYPAL_CLIENT_SECRET": "word", "PAYPAL_PARTNER_MERCHANT_ID": "PARTNER",
            "PAYPAL_WEBHOOK_ID": webhookID, "PAYPAL_WEBHOOK_ROOTS": file,
        ])
        #expect(await ingress.exit() != .code(0))
        #expect(process.log(of: ingress).contains("PAYPAL_WEBHOOK_ROOTS"))
    }
}
