package import Domain
import Foundation
package import Sealing

/// All that the ingress needs to know whose a webhook is, so that it needs no Postgres.
///
/// Lies sealed in Redis under `key`; written by `PublishIngressSettings`, read by every ingress.
package struct IngressSettings: Codable, Sendable, Hashable {
    package static let key = "gatehouse:ingress:settings"

    package struct SiteEntry: Codable, Sendable, Hashable {
        package var id: Site.ID
        package var slug: Slug
        package var thriveCartAccount: String?
        /// The words that are good now: two while one replaces the other. Source: rule A6.
        package var thriveCartSecrets: [String]
        /// Set where there are words that whoever published this could not open: a webhook that carries none of the
        /// others may be good.
        package var hasUnreadableSecrets: Bool?

        package init(
            id: Site.ID,
            slug: Slug,
            thriveCartAccount: String?,
            thriveCartSecrets: [String],
            hasUnreadableSecrets: Bool? = nil
        ) {
            self.id = id
            self.slug = slug
            self.thriveCartAccount = thriveCartAccount
            self.thriveCartSecrets = thriveCartSecrets
            self.hasUnreadableSecrets = hasUnreadableSecrets
        }
    }

    package var sites: [SiteEntry]

    package init(sites: [SiteEntry]) {
        self.sites = sites
    }

    package init(opening sealed: [UInt8], with sealer: Sealer) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(try sealer.open(sealed, for: Self.key)))
    }

    package func sealed(with sealer: Sealer) throws -> [UInt8] {
        try sealer.seal(try JSONEncoder().encode(self), for: Self.key)
    }
}
