package import AsyncHTTPClient
package import Domain
import Foundation
package import FulfillmentJobs
package import Jobs
import Logging
package import PayPal
package import Redis
package import Sealing
package import Store
package import ThriveCart

/// What this process's jobs work with.
package struct ReconciliationDependencies: Sendable {
    package var store: Store
    package var sealer: Sealer
    package var http: HTTPClient
    package var pace: RequestPace
    package var jobs: JobQueue
    package var redis: RedisClient
    /// Nil where PayPal is not set up.
    package var payPal: PayPalClient?
    /// How often PayPal is asked; nil as often as there is something to ask.
    package var payPalPace: RequestPace?
    /// Where ThriveCart's read API is.
    package var thriveCart: String
    package var patience = ThriveCartAPI.Patience()

    package init(
        store: Store,
        sealer: Sealer,
        http: HTTPClient,
        pace: RequestPace,
        jobs: JobQueue,
        redis: RedisClient,
        thriveCart: String = ThriveCartAPI.address,
        payPal: PayPalClient? = nil,
        payPalPace: RequestPace? = nil
    ) {
        self.store = store
        self.sealer = sealer
        self.http = http
        self.pace = pace
        self.jobs = jobs
        self.redis = redis
        self.payPal = payPal
        self.payPalPace = payPalPace
        self.thriveCart = thriveCart
    }

    /// What applies what PayPal's books tell, the same way as what its webhooks tell; nil where PayPal is not set up.
    package var fulfillment: FulfillmentDependencies? {
        payPal.map { FulfillmentDependencies(store: store, redis: redis, sealer: sealer, payPal: $0) }
    }

    /// The books of a site; nil while nobody gave us a key to read them.
    package func books(of site: Site, in mode: Mode) async throws -> ThriveCartAPI? {
        guard let key = try await store.read({ try $0.apiKey(of: site.id, at: .thriveCart) }) else { return nil }
        return books(of: site, in: mode, by: try sealer.openText(key.sealed, for: key.place))
    }

    /// The same, once it is certain that they are the site's: another account's orders are nothing to it. Throws
    /// `ReconciliationProblem`, and what keeps the account from saying whose they are. Source: rule A8.
    package func ownBooks(of site: Site, in mode: Mode) async throws -> ThriveCartAPI {
        guard let books = try await books(of: site, in: mode) else { throw ReconciliationProblem.noKey }
        guard try await books.account() == site.thriveCartAccount else { throw ReconciliationProblem.otherAccount }
        return books
    }

    package func books(of site: Site, in mode: Mode, by key: String) -> ThriveCartAPI {
        let (pace, account) = (pace, site.thriveCartAccount ?? site.slug.text)
        return ThriveCartAPI(
            key: key,
            mode: mode,
            address: thriveCart,
            client: http,
            patience: patience,
            turn: { try await pace.turn(for: account) }
        )
    }
}

extension QueueName {
    package static let reconciliation: QueueName = "reconciliation"
}

/// Why books were not compared.
package enum ReconciliationProblem: Error, Sendable, Hashable, CustomStringConvertible {
    case noKey
    /// No merchant can be asked for: PayPal is not set up.
    case noPayPal
    /// The key opens the books of another account than the site's.
    case otherAccount
    /// Another process compares these books.
    case underway
    /// Another process went on with the run.
    case takenOver

    package var description: String {
        switch self {
        case .noKey: "the site has no API key"
        case .noPayPal: "PayPal is not set up"
        case .otherAccount: "the API key belongs to another account"
        case .underway: "another process is comparing these books"
        case .takenOver: "another process went on with the run"
        }
    }
}

extension ThriveCartAPIError: TransientError {}
