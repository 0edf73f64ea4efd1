import ArgumentParser
import Domain
import Foundation
import Jobs
import Postgres
import RenewalJobs
import Store

// What a person decides about one subscription.

/// What was done, and how it stands now.
struct RenewalOutcome: Answer {
    var subscription: String
    var done: String
    var status: String
    var nextActionAt: Date?

    func show(on page: inout Page) {
        page.line(done, .good)
        page.fields(["status": Table.Cell(status), "looked at": Table.Cell(nextActionAt.map(Moment.text))])
    }
}

struct ResolveRenewal: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Say what became of a charge that waits for a person.",
        discussion: """
            Look at PayPal's own pages first: --unpaid charges the period again.

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
    }

    func answer(at desk: Desk) async throws -> RenewalOutcome {
        let (id, period) = (subscription, period)
        let decision: RenewalDecision = paid.map { .paid(captureID: $0) } ?? (unpaid ? .unpaid : .waive)
        return try await desk.store.transaction { transaction in
            let before = try transaction.neededRenewal(id)
            guard
                let turn = try transaction.advance(
                    id,
                    .resolve(period: period, decision),
                    from: .byOperator,
                    at: .now
                )
            else { throw CommandProblem.failure("there is no activated subscription \(id)") }
            guard turn.renewal.state != before.state || !turn.commands.isEmpty else {
                throw CommandProblem.failure(
                    "period \(period) does not wait for a person; see: gatehouse renewals explain \(id)"
                )
            }
            try transaction.markAlarmsSeen(of: id, at: .now)
            return RenewalOutcome(
                subscription: id.description,
                done: "Period \(period) is resolved.",
                status: turn.renewal.state.status.rawValue,
                nextActionAt: turn.renewal.state.wakeAt
            )
        }
    }
}

struct ChargeRenewalNow: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "charge-now",
        abstract: "Charge a due period now, without waiting for day 3 or day 7.",
        discussion: """
            A decline of it spends no step of dunning. A period in review is charged by naming it.

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
        let id = subscription
        let renewal = try await desk.store.read { try $0.neededRenewal(id) }
        let number = period ?? renewal.state.current
        guard renewal.state.status.renews else {
            throw CommandProblem.failure("the subscription has ended: nothing is charged any more")
        }
        // A period that no try was made for yet is charged by an ordinary look.
        let hasBegun = try await desk.store.read { transaction in
            try transaction.chargePeriods(of: id).contains { $0.number == number }
        }
        try await desk.queues.enqueue(
            ChargeRenewal(
                subscription: id,
                merchant: renewal.subscription.merchant,
                period: number,
                isWanted: hasBegun
            )
        )
        return RenewalOutcome(
            subscription: id.description,
            done: "Period \(number) is charged by the next free worker.",
            status: renewal.state.status.rawValue,
            nextActionAt: renewal.state.wakeAt
        )
    }
}

// MARK: Stopping everything

struct PauseReply: Answer {
    var done: String
    var pauses: [PauseEntry]

    func show(on page: inout Page) {
        page.line(done)
        PauseEntry.show(pauses, on: &page)
    }
}

struct PauseRenewals: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Charge nobody until resumed.",
        discussion: """
            What was sent already is still followed up when it is resumed; webhooks go on to be applied.

            EXAMPLE
              gatehouse renewals pause --reason "PayPal is being migrated"
              gatehouse renewals pause --merchant 0190f6e2-… --reason "chargebacks"
            """
    )

    @Option(help: "Why, for whoever finds it paused.") var reason: String
    @Option(help: "Only this merchant.", transform: RenewalReading.merchant) var merchant: Merchant.ID?
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> PauseReply {
        let (merchant, reason) = (merchant, reason)
        return try await desk.store.transaction { transaction in
            let isNew = try transaction.pauseRenewals(of: merchant, by: .byOperator, reason: reason, at: .now)
            return PauseReply(
                done: isNew ? "Charging is paused." : "It was paused already.",
                pauses: try transaction.renewalPauses().map(PauseEntry.init)
            )
        }
    }
}

struct ResumeRenewals: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "End all pauses, whoever made them.",
        discussion: """
            EXAMPLE
              gatehouse renewals resume
              gatehouse renewals resume --merchant 0190f6e2-…
            """
    )

    @Option(help: "Only the pauses of this merchant.", transform: RenewalReading.merchant) var merchant: Merchant.ID?
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> PauseReply {
        let merchant = merchant
        return try await desk.store.transaction { transaction in
            let count = try transaction.resumeRenewals(of: merchant, at: .now)
            return PauseReply(
                done: count == 0 ? "Nothing was paused." : "Charging goes on.",
                pauses: try transaction.renewalPauses().map(PauseEntry.init)
            )
        }
    }
}

// MARK: What a merchant chooses

struct ChooseRenewals: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "choose",
        abstract: "Set what differs from merchant to merchant.",
        discussion: """
            --guards-invoices says that the merchant's PayPal setting "Block accidental payments" was seen to work: then \
            a charge that nobody could look up is replaced instead of waiting for a person.

            EXAMPLE
              gatehouse renewals choose 0190f6e2-… --dunning-mail owner@example.com
              gatehouse renewals choose 0190f6e2-… --guards-invoices
            """
    )

    @Argument(help: "The merchant's id.", transform: RenewalReading.merchant) var merchant: Merchant.ID
    @Option(help: "Who is written to when a renewal is declined; '-' for nobody.") var dunningMail: String?
    @Flag(inversion: .prefixedNo, help: "PayPal refuses a second payment of one invoice.") var guardsInvoices: Bool?
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var merchant: String
        var dunningMail: String?
        var guardsInvoices: Bool

        func show(on page: inout Page) {
            page.fields([
                "merchant": Table.Cell(merchant),
                "dunning mail": Table.Cell(dunningMail),
                "guards invoices": Table.Cell(guardsInvoices ? "yes" : "no"),
            ])
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (merchant, mail, guards) = (merchant, dunningMail, guardsInvoices)
        return try await desk.store.transaction { transaction in
            guard try transaction.merchant(merchant) != nil else {
                throw CommandProblem.failure("there is no merchant \(merchant)")
            }
            var choices = try transaction.renewalChoices(of: merchant)
            if let guards { choices.guardsInvoices = guards }
            if let mail {
                choices.dunningMail = mail == "-" ? nil : EmailAddress(mail)
                if mail != "-", choices.dunningMail == nil { throw ValidationError("'\(mail)' is no address") }
            }
            try transaction.save(choices, of: merchant)
            return Reply(
                merchant: merchant.description,
                dunningMail: choices.dunningMail?.original,
                guardsInvoices: choices.guardsInvoices
            )
        }
    }
}
