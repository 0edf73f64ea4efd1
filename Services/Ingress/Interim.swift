package import Domain
internal import Foundation
package import Jobs
package import Sealing

/// Stands in until fulfillment publishes its own: what the ingress needs to verify webhooks, sealed in Redis.
package struct IngressSettings: Codable, Sendable {
    package static let key = "gatehouse:ingress:settings"

    package struct SiteEntry: Codable, Sendable {
        package var id: Site.ID
        package var slug: Slug
        package var thriveCartAccount: String?
        package var thriveCartSecrets: [String]

        package init(id: Site.ID, slug: Slug, thriveCartAccount: String?, thriveCartSecrets: [String]) {
            self.id = id
            self.slug = slug
            self.thriveCartAccount = thriveCartAccount
            self.thriveCartSecrets = thriveCartSecrets
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

/// Stands in until fulfillment has its own.
package struct ApplyEvent: Job {
    package typealias Dependencies = Never?

    package var site: Site.ID
    package var provider: Provider
    package var body: [UInt8]

    package static let kind: JobKind = "fulfillment.apply"
    package static let queue: QueueName = "fulfillment"

    package func run(_ dependencies: Never?, _ context: JobContext) async throws -> JobOutcome { .done }
}
