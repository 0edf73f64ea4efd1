import Foundation
import Hummingbird
import NIOHTTP1
import PayPal
import SandboxKit
import SandboxPages
import Synchronization
import TestKit
import Testing
import Web

/// A server that takes webhooks with their headers.
final class PayPalListener: Sendable {
    struct Heard: Sendable {
        var headers: [String: String]
        var body: [UInt8]

        var type: String { SandboxJSON.read(String(decoding: body, as: UTF8.self))?["event_type"]?.text ?? "" }
        var id: String { SandboxJSON.read(String(decoding: body, as: UTF8.self))?["id"]?.text ?? "" }
    }

    private let state = Mutex<(heard: [Heard], answers: [Int])>(([], []))

    var heard: [Heard] { state.withLock { $0.heard } }

    func answer(_ statuses: Int...) { state.withLock { $0.answers += statuses } }

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self).post("hook") { request, _ in
            let body = try await request.bytes(limit: 1 << 20)
            var headers: [String: String] = [:]
            for field in request.headers { headers[field.name.canonicalName] = field.value }
            let heard = Heard(headers: headers, body: body)
            let status = self.state.withLock { state in
                state.heard.append(heard)
                return state.answers.isEmpty ? 200 : state.answers.removeFirst()
            }
            return Response(status: .init(code: status))
        }
    }
}

/// Runs a pretended PayPal that tells a listener of everything.
func withListener(_ body: @Sendable (RunningPayPal, PayPalListener, _ webhook: String) async throws -> Void)
    async throws
{
    let listener = PayPalListener()
    try await withServer([listener.routes]) { port in
        try await withPayPal { paypal in
            let url = "http://127.0.0.1:\(port)/hook"
            let made = try await paypal.call(
                .POST,
                "/v1/notifications/webhooks",
                #"{"url":"\#(url)","event_types":[{"name":"*"}]}"#
            )
            #expect(made.status == 201)
            try await body(paypal, listener, made.id)
        }
    }
}

@Suite struct `Webhooks of the pretended PayPal` {
    @Test func `a capture is told, signed so that our own verifier believes it`() async throws {
        try await withListener { paypal, listener, webhook in
            let order = try await paypal.approvedOrder()
            _ = try await paypal.capture(order)
            try await eventually { listener.heard.count >= 3 }
            let types = listener.heard.map(\.type).sorted()
            #expect(types == ["CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED", "PAYMENT.CAPTURE.COMPLETED"])
            for heard in listener.heard {
                #expect(try await ourVerdict(heard, webhook, paypal) == .genuine(by: .chain))
                #expect(try await verify(heard, webhook, paypal) == "SUCCESS")
            }
            var forged = try #require(listener.heard.first)
            forged.body[7] = UInt8(ascii: "V")  // of its id
            #expect(try await ourVerdict(forged, webhook, paypal) == .forged(.signature))
            #expect(try await verify(forged, webhook, paypal) == "FAILURE")
        }
    }

    /// As our ingress sees it.
    private func ourVerdict(_ heard: PayPalListener.Heard, _ webhook: String, _ paypal: RunningPayPal) async throws
        -> WebhookVerifier.Verdict
    {
        let keeper = CertificateKeeper(logger: CapturedLog().logger) { url in
            // Because a certificate that can't be had makes the verdict undecided, and the test fails.
            .success(Array((try? await paypal.ask(.GET, url.text).text)?.utf8 ?? "".utf8))
        }
        let verifier = WebhookVerifier(
            settings: PayPalSettings(
                environment: .sandbox,
                pretendedAt: paypal.address,
                clientID: RunningPayPal.clientID,
                clientSecret: RunningPayPal.clientSecret,
                partnerMerchantID: RunningPayPal.partner,
                attributionID: "SAMPLE_BN"
            ),
            webhookID: webhook,
            trusted: try #require(TrustedCertificates(pem: try paypal.sandbox.rootsPEM)),
            certificates: keeper,
            postback: nil
        )
        let transmission = try #require(Transmission { heard.headers[$0] })
        return await verifier.verdict(on: transmission, body: heard.body)
    }

    /// By PayPal's own call.
    private func verify(_ heard: PayPalListener.Heard, _ webhook: String, _ paypal: RunningPayPal) async throws
        -> String?
    {
        let names = [
            "auth_algo": "auth-algo", "cert_url": "cert-url", "transmission_id": "transmission-id",
            "transmission_sig": "transmission-sig", "transmission_time": "transmission-time",
        ]
        let fields = names.map { #""\#($0.key)":"\#(heard.headers["paypal-\($0.value)"] ?? "")""# }.joined(
            separator: ","
        )
        let event = String(decoding: heard.body, as: UTF8.self)
        let body = #"{\#(fields),"webhook_id":"\#(webhook)","webhook_event":\#(event)}"#
        let answer = try await paypal.call(.POST, "/v1/notifications/verify-webhook-signature", body)
        return answer.json["verification_status"]?.text
    }

    @Test func `what is refused is told again, with the same bytes and another signature, until three days are over`()
        async throws
    {
        try await withListener { paypal, listener, _ in
            listener.answer(500, 503)
            let order = try await paypal.call(.POST, "/v2/checkout/orders", Body.order())
            paypal.sandbox.approveOrder(order.id)
            try await eventually { listener.heard.count == 1 }
            for count in 2...3 {
                try await eventually { try await paypal.isWaiting }
                paypal.sandbox.advance(by: 130)
                try await eventually { listener.heard.count == count }
            }
            #expect(Set(listener.heard.map(\.body)).count == 1)
            #expect(Set(listener.heard.compactMap { $0.headers["paypal-transmission-id"] }).count == 3)
            try await eventually { try await paypal.deliveries("delivered") == 1 }
        }
    }

    @Test func `webhooks get lost, are doubled and come late on demand`() async throws {
        try await withListener { paypal, listener, _ in
            var double = PayPalFault(.duplicate, webhook: "PAYMENT.CAPTURE.*")
            double.copies = 2
            paypal.sandbox.add(double)
            paypal.sandbox.add(PayPalFault(.lose, webhook: "CHECKOUT.ORDER.APPROVED"))
            var late = PayPalFault(.delay, webhook: "CHECKOUT.ORDER.COMPLETED")
            late.seconds = 3600
            paypal.sandbox.add(late)
            let order = try await paypal.approvedOrder()
            _ = try await paypal.capture(order)
            try await eventually { listener.heard.count == 3 }
            #expect(Set(listener.heard.map(\.id)).count == 1)
            #expect(listener.heard.allSatisfy { $0.type == "PAYMENT.CAPTURE.COMPLETED" })
            paypal.sandbox.advance(by: 3600)
            try await eventually { listener.heard.count == 4 }
            #expect(listener.heard.last?.type == "CHECKOUT.ORDER.COMPLETED")
            #expect(try await paypal.deliveries("lost") == 1)
        }
    }

    @Test func `a lost event can be fetched, and asked for again`() async throws {
        try await withListener { paypal, listener, _ in
            paypal.sandbox.add(PayPalFault(.lose))
            let order = try await paypal.approvedOrder()
            _ = try await paypal.capture(order)
            paypal.sandbox.clearFaults()
            let found = try await paypal.call(
                .GET,
                "/v1/notifications/webhooks-events?event_type=PAYMENT.CAPTURE.COMPLETED"
            )
            #expect(found.json["count"]?.integer == 1)
            let id = found.json["events"]?[0]?["id"]?.text ?? ""
            #expect(try await paypal.call(.POST, "/v1/notifications/webhooks-events/\(id)/resend", "{}").status == 202)
            try await eventually { listener.heard.map(\.id) == [id] }
        }
    }

    @Test func `a new certificate signs, and the old one is still served`() async throws {
        try await withListener { paypal, listener, webhook in
            let first = try await paypal.call(.POST, "/v2/checkout/orders", Body.order())
            paypal.sandbox.approveOrder(first.id)
            try await eventually { listener.heard.count == 1 }
            let new = try paypal.sandbox.rotateCertificate()
            let second = try await paypal.call(.POST, "/v2/checkout/orders", Body.order())
            paypal.sandbox.approveOrder(second.id)
            try await eventually { listener.heard.count == 2 }
            let urls = listener.heard.compactMap { $0.headers["paypal-cert-url"] }
            #expect(urls[1].hasSuffix(new))
            #expect(urls[0] != urls[1])
            for (heard, url) in zip(listener.heard, urls) {
                let certificate = try await paypal.ask(.GET, url)
                #expect(certificate.text.hasPrefix("-----BEGIN CERTIFICATE-----"))
                #expect(try await verify(heard, webhook, paypal) == "SUCCESS")
            }
        }
    }

    @Test func `an address is taken once, and ten at most`() async throws {
        try await withPayPal { (paypal) async throws in
            func add(_ url: String) async throws -> RunningPayPal.Answer {
                let body = #"{"url":"\#(url)","event_types":[{"name":"*"}]}"#
                return try await paypal.call(.POST, "/v1/notifications/webhooks", body)
            }
            for number in 1...10 { #expect(try await add("https://shop.example.com/\(number)").status == 201) }
            #expect(try await add("https://shop.example.com/1").json["name"]?.text == "WEBHOOK_URL_ALREADY_EXISTS")
            #expect(try await add("https://shop.example.com/11").json["name"]?.text == "WEBHOOK_NUMBER_LIMIT_EXCEEDED")
            #expect(try await add("no address").json["name"]?.text == "VALIDATION_ERROR")
        }
    }
}

extension RunningPayPal {
    func deliveries(_ state: String) async throws -> Int? {
        try await ask(.GET, "/_sandbox/deliveries?state=\(state)").json["count"]?.integer
    }

    /// A delivery waits for its next try.
    var isWaiting: Bool {
        get async throws { try await deliveries("waiting") == 1 }
    }
}
