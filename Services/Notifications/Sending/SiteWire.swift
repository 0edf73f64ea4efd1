import Domain
import Foundation
import Outbound
import Store

/// How a message goes to a site: the bytes as they were staged, signed by Standard Webhooks, the event's name beside them.
enum SiteWire {
    static func headers(
        for outgoing: OutgoingDelivery,
        signedBy signing: StandardWebhook,
        at now: Date
    ) -> [(String, String)] {
        [
            ("content-type", "application/json"),
            ("user-agent", "Gatehouse"),
            ("x-gatehouse-event", outgoing.type),
        ] + signing.headers(id: outgoing.message.description, body: outgoing.body, at: now)
    }
}
