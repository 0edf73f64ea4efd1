import Domain
import Foundation
import PayPal
import Sealing
import Store

/// One verified event of PayPal, on its way to being applied.
struct PayPalDelivery: Sendable {
    var id: String
    var type: String
    /// Nil where the body can't be read: it is kept for a person to look at.
    var event: PayPalEvent?
    var environment: Merchant.Environment
    var receivedAt: Date
    var record: PayPalEventRecord

    init(_ job: ApplyPayPalEvent, environment: Merchant.Environment) {
        let body = Array(job.body)
        event = PayPalEvent(body)
        id = event?.id ?? "unread-" + Digest.hex(Digest.sha256(body).prefix(16))
        type = event?.type ?? "UNREADABLE"
        self.environment = environment
        receivedAt = job.receivedAt
        let headers = job.transmission.map { [$0.id, $0.time, $0.algorithm, $0.certificateURL, $0.signature] }
        record = PayPalEventRecord(
            id: id,
            type: type,
            body: body,
            headers: headers ?? Array(repeating: nil, count: Forward.passedHeaders.count),
            source: job.source,
            occurredAt: event?.createdAt,
            receivedAt: job.receivedAt
        )
    }

    /// What is passed on: the bytes as they came, with the shop's order id spliced in.
    func forward(to audience: Audience) -> Result<Forward, Forward.Quarantine> {
        Result { () throws(Forward.Quarantine) in
            try Forward(
                event: id,
                type: type,
                body: record.body,
                order: audience.isAnnotated ? audience.subscription?.thriveOrderID : nil,
                subject: audience.subject,
                paypal: record.headersByName,
                isSigned: audience.isSigned
            )
        }
    }

    /// PayPal's time of it, ours where PayPal's is none.
    var happenedAt: Date { event?.createdAt ?? receivedAt }
}
