package import Domain
package import Foundation
import Postgres
package import Store
import ThriveCart

/// One verified body, on its way to being applied.
package struct Delivery: Sendable {
    package var site: Site.ID
    package var provider: Provider
    package var source: InboundEvent.Source
    package var receivedAt: Date
    /// As it came, less the secret.
    package var body: [UInt8]

    package init(
        site: Site.ID,
        provider: Provider,
        source: InboundEvent.Source = .webhook,
        receivedAt: Date,
        body: [UInt8]
    ) {
        self.site = site
        self.provider = provider
        self.source = source
        self.receivedAt = receivedAt
        self.body = body
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
            try ThriveCartBody.parse(body).checkoutEvent(account: site.thriveCartAccount ?? "")
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
