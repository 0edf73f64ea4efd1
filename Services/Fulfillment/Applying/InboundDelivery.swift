package import Domain
package import Foundation
import Postgres
package import Store
import ThriveCart

/// One verified body, on its way to being applied.
package struct InboundDelivery: Sendable {
    package var site: Site.ID
    package var provider: Provider
    package var source: InboundEvent.Source
    package var receivedAt: Date
    /// As it came, less the secret.
    package var body: [UInt8]
    /// By what it was known when it was accepted; nil where it is new. A later release may read another in the body.
    package var deliveryKey: String?

    package init(
        site: Site.ID,
        provider: Provider,
        source: InboundEvent.Source = .webhook,
        receivedAt: Date,
        body: [UInt8],
        deliveryKey: String? = nil
    ) {
        self.site = site
        self.provider = provider
        self.source = source
        self.receivedAt = receivedAt
        self.body = body
        self.deliveryKey = deliveryKey
    }

    /// The row that it becomes.
    func record(_ event: CheckoutEvent, at now: Date) -> InboundRecord {
        InboundRecord(
            id: .new(at: now),
            site: site,
            provider: provider,
            deliveryKey: event.deliveryKey,
            name: event.name,
            source: source,
            body: body,
            mode: event.mode,
            orderNumber: event.order?.number,
            email: event.buyer?.email?.normalized,
            occurredAt: event.occurredAt,
            receivedAt: receivedAt
        )
    }

    /// What it tells, in our words. Throws what no verified body does.
    func event(of site: Site) throws -> CheckoutEvent {
        switch provider {
        case .thriveCart:
            var event = try ThriveCartBody.parse(body).checkoutEvent(account: site.thriveCartAccount ?? "")
            if let deliveryKey { event.deliveryKey = deliveryKey }
            return event
        case .payPal, .stripe, .checkoutPage:
            throw UnreadableDelivery(provider: provider)
        }
    }
}

/// A provider whose bodies nobody here can read yet.
package struct UnreadableDelivery: Error, CustomStringConvertible {
    package var provider: Provider
    package var description: String { "no reader for bodies of \(provider.rawValue)" }
}

/// What became of a delivery.
package enum Applied: Sendable, Hashable {
    case kept(InboundEvent.ID, Verdict)
    /// The same delivery was applied before.
    case known
    case noSite
}
