package import Domain
internal import Foundation
package import Jobs
import Logging
package import PayPal
import Postgres
package import Sealing
package import Store

/// What the renewals' jobs work with.
package struct RenewalDependencies: Sendable {
    package let store: Store
    package let paypal: PayPalClient
    package let sealer: Sealer
    package let queue: JobQueue
    package let options: RenewalOptions
    let turns: GatheredTurns

    package init(
        store: Store,
        paypal: PayPalClient,
        sealer: Sealer,
        queue: JobQueue,
        options: RenewalOptions = RenewalOptions()
    ) {
        self.store = store
        self.paypal = paypal
        self.sealer = sealer
        self.queue = queue
        self.options = options
        turns = GatheredTurns(store, sealer, queue, options)
    }
}

/// What an operator may choose.
package struct RenewalOptions: Sendable, Hashable {
    package var form: RenewalState.Form
    /// Whether merchants let their transactions be searched: then what is found nowhere was not captured.
    package var searchesTransactions: Bool
    /// Charges begun in a second, by all processes together.
    package var ratePerSecond: Int
    package var times: RenewalTimes
    /// How far PayPal's clock and ours may be apart, in seconds.
    package var mostSkew: Double

    package init(
        form: RenewalState.Form = .oneStep,
        searchesTransactions: Bool = false,
        ratePerSecond: Int = 50,
        times: RenewalTimes = RenewalTimes(),
        mostSkew: Double = 300
    ) {
        self.form = form
        self.searchesTransactions = searchesTransactions
        self.ratePerSecond = ratePerSecond
        self.times = times
        self.mostSkew = mostSkew
    }

    package var reducer: RenewalReducer { RenewalReducer(times: times) }

    var limit: RateLimit {
        RateLimit("paypal.charges", Rate(max(1, ratePerSecond), per: .seconds(1), burst: max(1, ratePerSecond)))
    }
}

extension QueueName {
    package static let renewals: QueueName = "renewals"
}

extension RenewalDependencies {
    /// A database that is away spends no attempt: what is due is charged when it is back.
    func whileDatabaseAnswers(
        _ logger: Logger,
        _ body: () async throws -> JobOutcome
    ) async throws -> JobOutcome {
        do {
            return try await body()
        } catch let error as PostgresError where error.isTransient {
            logger.warning("the database is away", metadata: ["error": "\(error)"])
            return .snoozed(.seconds(Int.random(in: 5...15)))
        }
    }
}
