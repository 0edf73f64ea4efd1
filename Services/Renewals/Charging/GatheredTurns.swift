import Domain
import Foundation
import Jobs
import PayPal
import Postgres
import Sealing
import Store

/// What came of looking whether something is to be done.
enum Beginning: Sendable {
    case missing
    case paused(RenewalPause)
    /// Committed; `committed` is the boot clock's time before the commit.
    case turn(RenewalTurn, committed: Double)
}

/// The turns of charges that run side by side: what comes together is written together.
///
/// A charge is two transactions, each on disk before the next step, and they are most of its cost: a crowd shares them, those
/// that begin and those that end alike.
struct GatheredTurns: Sendable {
    private let permits: Gathering<Void, RateAnswer>
    private let turns: Gathering<(notice: RenewalNotice, begins: Bool), Beginning>

    init(_ store: Store, _ sealer: Sealer, _ queue: JobQueue, _ options: RenewalOptions) {
        permits = Gathering(lanes: 1) { try await Self.permits($0.count, queue, options.limit) }
        turns = Gathering { notices in
            try await store.transaction { try Self.take(notices, sealer, options, $0) }
        }
    }

    /// Whether one more charge may begin now, by the rate that all processes share.
    func mayBegin() async throws -> RateAnswer { try await permits(()) }

    /// The last look, and with the same commit the note that it is being sent.
    func begin(_ notice: RenewalNotice) async throws -> Beginning { try await turns((notice, begins: true)) }

    /// Writes down what is known now, pause or no pause; nil where there is no such subscription.
    func learn(_ notice: RenewalNotice) async throws -> RenewalTurn? {
        guard case .turn(let turn, _) = try await turns((notice, begins: false)) else { return nil }
        return turn
    }

    // MARK: Together

    /// Where not all may begin, each asks for itself: some may.
    private static func permits(
        _ count: Int,
        _ queue: JobQueue,
        _ limit: RateLimit
    ) async throws -> [RateAnswer] {
        let together = try await queue.take(limit, count: count)
        if together == .granted || count == 1 { return Array(repeating: together, count: count) }
        var answers: [RateAnswer] = []
        for _ in 0..<count { answers.append(try await queue.take(limit)) }
        return answers
    }

    private static func take(
        _ notices: [(notice: RenewalNotice, begins: Bool)],
        _ sealer: Sealer,
        _ options: RenewalOptions,
        _ transaction: Transaction
    ) throws -> [Beginning] {
        let committed = BootClock.seconds
        let paused = try transaction.renewalPauses(of: notices.filter(\.begins).map(\.notice.subscription))
        let mayRun = notices.indices.filter { !notices[$0].begins || paused[notices[$0].notice.subscription] == nil }
        let turns = try transaction.advance(
            mayRun.map { notices[$0].notice },
            reducer: options.reducer,
            form: options.form
        ) { renewal, attempt in
            try freeze(attempt, of: renewal, sealer)
        }
        var beginnings = notices.map { notice, _ in
            paused[notice.subscription].map { Beginning.paused($0) } ?? .missing
        }
        for (index, turn) in zip(mayRun, turns) {
            beginnings[index] = turn.map { .turn($0, committed: committed) } ?? .missing
        }
        return beginnings
    }

    private static func freeze(
        _ attempt: ChargeAttempt,
        of renewal: LockedRenewal,
        _ sealer: Sealer
    ) throws -> FrozenBody? {
        guard attempt.state.isOpen else { return nil }
        let subscription = renewal.subscription
        guard let sealed = renewal.vaultToken else { throw RenewalError.noVaultToken(subscription.id) }
        let token = try sealer.openText(sealed, for: VaultSubscription.place(ofTokenOf: subscription.id))
        let bytes = VaultCharge.body(
            VaultCharge.Terms(
                method: VaultCharge.Method(subscription.source),
                vaultToken: token,
                amount: subscription.amount,
                merchant: renewal.merchantPayPalID,
                description: subscription.description,
                customID: renewal.customID(attempt.key),
                invoiceID: renewal.names.invoiceID(period: attempt.key.period)
            )
        )
        let requestID = renewal.names.requestID(attempt)
        return FrozenBody(sealed: try sealer.seal(bytes, for: FrozenBody.place(of: requestID)), of: bytes)
    }
}
