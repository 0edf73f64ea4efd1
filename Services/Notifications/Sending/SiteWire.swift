import Domain
package import Foundation
package import Outbound
package import Sealing
package import Store

/// How a message goes to a site: the bytes as they were staged, signed by Standard Webhooks, the event's name beside them.
package enum SiteWire {
    /// Errors: a secret that can't be opened, or none at all.
    package static func headers(
        for outgoing: OutgoingDelivery,
        openedBy sealer: Sealer,
        at now: Date
    ) throws -> [(String, String)] {
        let secrets = try outgoing.secrets.map { try sealer.open($0.sealed, for: EndpointSecret.place(of: $0.id)) }
        guard let signing = StandardWebhook(secrets: secrets) else { throw NoSecret() }
        return [
            ("content-type", "application/json"),
            ("user-agent", "Gatehouse"),
            ("x-gatehouse-event", outgoing.type),
        ] + signing.headers(id: outgoing.message.description, body: outgoing.body, at: now)
    }

    struct NoSecret: Error {}
}
