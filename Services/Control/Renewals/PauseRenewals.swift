import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

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
            try transaction.needMerchant(merchant)
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
        abstract: "End the pauses that hold for everybody, or those of one merchant, whoever made them.",
        discussion: """
            Violations that a pause was for are known from then on: only what is new pauses again.

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
            try transaction.needMerchant(merchant)
            let count = try transaction.resumeRenewals(of: merchant, at: .now)
            let left = try transaction.renewalPauses()
            let whose = merchant.map { "of merchant \($0)" } ?? "of everybody"
            let done =
                switch (count, left.isEmpty) {
                case (0, true): "Nothing was paused."
                case (0, false): "There was no pause \(whose) to end. What stands:"
                case (_, true): "Charging goes on."
                case (_, false): "The pause \(whose) is ended. What still stands:"
                }
            return PauseReply(done: done, pauses: left.map(PauseEntry.init))
        }
    }
}

extension Transaction {
    fileprivate func needMerchant(_ id: Merchant.ID?) throws {
        guard let id, try merchant(id) == nil else { return }
        throw CommandProblem.failure("there is no merchant \(id)")
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
            try transaction.needMerchant(merchant)
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
