extension PayPalClient {
    /// Asks PayPal whether it sent a webhook: what is left when its certificate's chain can't be built here.
    ///
    /// The event goes back as the bytes that came: read and written again it would be another one.
    package func verify(_ transmission: Transmission, body: [UInt8], webhookID: String) async -> PayPalReply<Bool> {
        var call = PayPalCall("webhooks.verify", .post, "/v1/notifications/verify-webhook-signature")
        let fields: JSON = [
            "auth_algo": .string(transmission.algorithm),
            "cert_url": .string(transmission.certificateURL),
            "transmission_id": .string(transmission.id),
            "transmission_sig": .string(transmission.signature),
            "transmission_time": .string(transmission.time),
            "webhook_id": .string(webhookID),
        ]
        call.body = fields.bytes.dropLast() + Array(",\"webhook_event\":".utf8) + body + Array("}".utf8)
        return await send(call).reading { answer in
            switch answer.json?["verification_status"].string {
            case "SUCCESS": true
            case "FAILURE": false
            default: nil
            }
        }
    }
}
