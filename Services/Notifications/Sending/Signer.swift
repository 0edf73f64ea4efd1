import Domain
import Foundation
import Outbound
import Sealing
import Store
import Synchronization

/// Signs what goes to one endpoint. Its secrets are opened once for many messages, and forgotten with it.
final class Signer: Sendable {
    private let endpoint: OutgoingEndpoint
    private let sealer: Sealer
    private let opened = Mutex(Opened())

    private struct Opened {
        var site: StandardWebhook?
        /// A merchant's, by how it was sealed.
        var merchant: (sealed: [UInt8], wire: MerchantWire)?
    }

    init(for endpoint: OutgoingEndpoint, openedBy sealer: Sealer) {
        self.endpoint = endpoint
        self.sealer = sealer
    }

    /// Errors: a secret that can't be opened, or none at all.
    func headers(for outgoing: OutgoingDelivery, at now: Date) throws -> [(String, String)] {
        guard endpoint.merchant != nil else {
            return SiteWire.headers(for: outgoing, signedBy: try forSite(), at: now)
        }
        // Because a message to a merchant is staged together with its forward.
        guard let forward = outgoing.forward else { throw NoSecret() }
        return MerchantWire.headers(
            for: outgoing,
            forward,
            signedBy: forward.isSigned ? try forMerchant(forward) : nil,
            at: now
        )
    }

    private func forSite() throws -> StandardWebhook {
        try opened.withLock { opened in
            if let site = opened.site { return site }
            let secrets = try endpoint.secrets.map { try sealer.open($0.sealed, for: EndpointSecret.place(of: $0.id)) }
            guard let site = StandardWebhook(secrets: secrets) else { throw NoSecret() }
            opened.site = site
            return site
        }
    }

    private func forMerchant(_ forward: OutgoingForward) throws -> MerchantWire {
        guard let sealed = forward.secret else { throw NoSecret() }
        return try opened.withLock { opened in
            if let merchant = opened.merchant, merchant.sealed == sealed { return merchant.wire }
            let wire = MerchantWire(
                secret: try sealer.open(sealed, for: Merchant.place(ofSecretOf: forward.merchant))
            )
            opened.merchant = (sealed, wire)
            return wire
        }
    }

    struct NoSecret: Error {}
}
