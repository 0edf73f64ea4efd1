import ArgumentParser
import Domain
import Foundation
import Jobs
import Postgres
import RenewalJobs
import Store

// What a person decides about one subscription.

/// What was done, how it stands now, and what follows.
struct RenewalOutcome: Answer {
    var subscription: String
    var done: String
    var status: String
    var nextActionAt: Date?
    var next: [String]

    func show(on page: inout Page) {
        page.line(done, .good)
        page.fields(["status": Table.Cell(status)])
        page.heading("What happens next")
        next.forEach { page.line($0) }
    }
}

extension Transaction {
    fileprivate func outcome(_ done: String, of id: VaultSubscription.ID) throws -> RenewalOutcome {
        let renewal = try neededRenewal(id)
        let story = RenewalStory(
            renewal,
            periods: try chargePeriods(of: id),
            pauses: try renewalPauses(),
            at: .now
        )
        return RenewalOutcome(
            subscription: id.description,
            done: done,
            status: renewal.state.status.rawValue,
            nextActionAt: renewal.state.wakeAt,
            next: story.next
        )
    }
}

struct ResolveRenewal: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Say what became of a charge that waits for a person.",
        discussion: """
            Look at PayPal's own pages first: --unpaid lets a charge that nobody could prove go, and the current period is \
            charged again.

            EXAMPLE
              gatehouse renewals resolve 0190f6e2-… --period 3 --paid 2GG279541U471931P
              gatehouse renewals resolve 0190f6e2-… --period 3 --unpaid
              gatehouse renewals resolve 0190f6e2-… --period 3 --waive
            """
    )

    @Argument(help: "The subscription's id.", transform: RenewalReading.subscription) var subscription:
        VaultSubscription.ID
    @Option(help: "The number of the period.") var period: Int
    @Option(help: ArgumentHelp("It is paid, by this capture.", valueName: "capture")) var paid: String?
    @Flag(help: "Nothing was taken: charge it again.") var unpaid = false
    @Flag(help: "Let the period go.") var waive = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let said = [paid != nil, unpaid, waive].count { $0 }
        guard said == 1 else { throw ValidationError("say one of --paid CAPTURE, --unpaid, --waive") }
        guard paid != "" else { throw ValidationError("--paid needs PayPal's id of the capture") }
    }

    func answer(at desk: Desk) async throws -> RenewalOutcome {
        let (id, period) = (subscription, period)
        let decision: RenewalDecision = paid.map { .paid(captureID: $0) } ?? (unpaid ? .unpaid : .waive)
        do {
            return try await desk.store.transaction { try $0.resolve(period, of: id, decision) }
        } catch let error as PostgresError where error.isUniqueViolation("charge_periods_capture_id_key") {
            throw CommandProblem.failure("capture \(paid ?? "") has paid another period already")
        }
    }
}

extension Transaction {
    fileprivate func resolve(
        _ period: Int,
        of id: VaultSubscription.ID,
        _ decision: RenewalDecision
    ) throws -> RenewalOutcome {
        _ = try neededRenewal(id)
        let (before, charges) = (try chargePeriods(of: id), try chargeAttempts(of: id, in: [period]))
        try advance(id, .resolve(period: period, decision), from: .byOperator, at: .now)
        let (after, settled) = (try chargePeriods(of: id), try chargeAttempts(of: id, in: [period]))
        guard before != after || charges != settled else {
            throw CommandProblem.failure(
                Self.whyNot(period, before.first { $0.number == period }, charges, decision, id)
            )
        }
        try markAlarmsSeen(of: id, period: period, at: .now)
        let done =
            switch decision {
            case .paid(let capture): "Period \(period) is paid\(capture.map { " by \($0)" } ?? "")."
            case .unpaid: "Nothing was taken for period \(period) by the charge that waited."
            case .waive: "Period \(period) is let go: nobody is charged for it."
            }
        return try outcome(done, of: id)
    }

    private static func whyNot(
        _ number: Int,
        _ period: ChargePeriod?,
        _ charges: [ChargeAttempt],
        _ decision: RenewalDecision,
        _ id: VaultSubscription.ID
    ) -> String {
        let see = "see: gatehouse renewals explain \(id)"
        guard let period else { return "there is no period \(number) yet; \(see)" }
        if let open = charges.first(where: { $0.state.isOpen }) {
            return "period \(number) does not wait for a person: a charge of it is \(open.state.rawValue); \(see)"
        }
        if period.status.isOwed, decision == .unpaid {
            return
                "no charge of period \(number) waits; to charge it: gatehouse renewals charge-now \(id) --period \(number)"
        }
        return "period \(number) does not wait for a person: it is \(period.status.rawValue); \(see)"
    }
}

struct ChargeRenewalNow: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "charge-now",
        abstract: "Charge a due period now, without waiting for day 3 or day 7.",
        discussion: """
            Between two steps of dunning a decline of it spends none. A period in review is charged by naming it. Nothing \
            is charged before it is due.

            EXAMPLE
              gatehouse renewals charge-now 0190f6e2-…
              gatehouse renewals charge-now 0190f6e2-… --period 4
            """
    )
    static let needs: Set<Need> = [.database, .redis]

    @Argument(help: "The subscription's id.", transform: RenewalReading.subscription) var subscription:
        VaultSubscription.ID
    @Option(help: "The number of the period (default: the current one).") var period: Int?
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> RenewalOutcome {
        let (id, wanted) = (subscription, period)
        let (number, merchant, hasBegun, isPaused) = try await desk.store.read { transaction in
            let renewal = try transaction.neededRenewal(id)
            let number = wanted ?? renewal.state.current
            let row = try transaction.chargePeriods(of: id).first { $0.number == number }
            if let problem = Self.whyNot(number, row, renewal.state, id, at: .now) {
                throw CommandProblem.failure(problem)
            }
            let merchant = renewal.subscription.merchant
            return (number, merchant, row != nil, try !transaction.renewalPauses(for: merchant).isEmpty)
        }
        // A period that no try was made for yet is charged by an ordinary look.
        try await desk.queues.enqueue(
            ChargeRenewal(subscription: id, merchant: merchant, period: number, isWanted: hasBegun)
        )
        let when = isPaused ? "when charging is resumed" : "by the next free worker"
        return try await desk.store.read { try $0.outcome("Period \(number) is charged \(when).", of: id) }
    }

    private static func whyNot(
        _ number: Int,
        _ period: ChargePeriod?,
        _ state: RenewalState,
        _ id: VaultSubscription.ID,
        at now: Date
    ) -> String? {
        guard state.status.renews, state.endedAt == nil else {
            return state.status == .activating
                ? "its first charge is sent when the shop asks for it, and by nobody else"
                : "the subscription has ended: nothing is charged any more"
        }
        if let open = state.attempts.first(where: { $0.state.isOpen }) {
            return
                "a charge of period \(open.key.period) is \(open.state.rawValue): nothing else is charged meanwhile; see: gatehouse renewals explain \(id)"
        }
        if let period {
            return period.status.isOwed ? nil : "period \(number) is \(period.status.rawValue): it is not charged"
        }
        guard number == state.current, let due = state.due(number) else { return "there is no period \(number) yet" }
        return due <= now ? nil : "period \(number) comes due at \(Moment.text(due)): nothing is charged before"
    }
}

struct SeeRenewalAlarms: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "seen",
        abstract: "Say that you have looked at a subscription's alarms, and done what there was to do.",
        discussion: """
            They are no longer listed by: gatehouse renewals due. What waits for a decision is listed until it is resolved.

            EXAMPLE
              gatehouse renewals seen 0190f6e2-…
            """
    )

    @Argument(help: "The subscription's id.", transform: RenewalReading.subscription) var subscription:
        VaultSubscription.ID
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> RenewalOutcome {
        let id = subscription
        return try await desk.store.transaction { transaction in
            let count = try transaction.markAlarmsSeen(of: id, at: .now)
            guard count > 0 else { throw CommandProblem.failure("there is no alarm of \(id) that nobody has seen") }
            return try transaction.outcome(count == 1 ? "One alarm is seen." : "\(count) alarms are seen.", of: id)
        }
    }
}
