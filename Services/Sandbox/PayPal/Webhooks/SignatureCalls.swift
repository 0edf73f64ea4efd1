internal import CryptoExtras
internal import Foundation
internal import HTTPTypes

extension Books {
    // MARK: GET /v1/notifications/certs/{id}

    func showCertificate(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard let leaf = authority?.leaves.first(where: { $0.id == ask.id }) else { throw .unknownEvent }
        var reply = PayPalReply(200)
        reply.body = .text(leaf.pem, type: "application/x-pem-file")
        reply.headers[.cacheControl] = "public,max-age=86400"
        return reply
    }

    // MARK: POST /v1/notifications/verify-webhook-signature

    /// Says whether a webhook came from us; the event is taken as it stands in the request.
    func verifySignature(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let json = try ask.json()
        for name in ["auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time", "webhook_id"]
        {
            guard json[name]?.text != nil else { throw .invalid("MISSING_REQUIRED_PARAMETER", field: "/" + name) }
        }
        guard let event = json["webhook_event"], event.isObject else {
            throw .invalid("MISSING_REQUIRED_PARAMETER", field: "/webhook_event")
        }
        let isGenuine = isGenuine(json, event, ask.body)
        return PayPalReply(200, .of(["verification_status": isGenuine ? "SUCCESS" : "FAILURE"]))
    }

    private func isGenuine(_ json: SandboxJSON, _ event: SandboxJSON, _ body: [UInt8]) -> Bool {
        guard json["auth_algo"]?.text == "SHA256withRSA", let webhook = json["webhook_id"]?.text,
            webhooks.contains(where: { $0.id == webhook }), let url = json["cert_url"]?.text,
            let leaf = authority?.leaves.first(where: { url.hasSuffix("/v1/notifications/certs/" + $0.id) }),
            let raw = try? JSONReader.raw("webhook_event", in: body)  // Because the body was read before.
        else { return false }
        return [Array(raw), event.bytes].contains { bytes in
            let message = WebhookSignature.message(
                id: json["transmission_id"]?.text ?? "",
                time: json["transmission_time"]?.text ?? "",
                webhook: webhook,
                body: bytes
            )
            return WebhookSignature.isValid(json["transmission_sig"]?.text ?? "", message, leaf.key.publicKey)
        }
    }
}
