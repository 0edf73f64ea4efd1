import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse renewals`: what is charged, what happened to it, and what a person decides.
struct RenewalsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renewals",
        abstract: "Charges of vault subscriptions: what is due, what happened, what a person decides.",
        subcommands: [
            DueRenewalsCommand.self, ShowRenewal.self, ExplainRenewal.self, ResolveRenewal.self, ChargeRenewalNow.self,
            SeeRenewalAlarms.self, PauseRenewals.self, ResumeRenewals.self, ChooseRenewals.self,
        ]
    )
}

enum RenewalReading {
    @Sendable static func subscription(_ text: String) throws -> VaultSubscription.ID {
        guard let id = VaultSubscription.ID(text) else {
            throw ValidationError("'\(text)' is no id of a subscription: it looks like 0190f6e2-…")
        }
        return id
    }

    @Sendable static func merchant(_ text: String) throws -> Merchant.ID {
        guard let id = Merchant.ID(text) else { throw ValidationError("'\(text)' is no id of a merchant") }
        return id
    }
}

extension Transaction {
    func neededRenewal(_ id: VaultSubscription.ID) throws -> LockedRenewal {
        guard let renewal = try renewal(id) else {
            throw CommandProblem.failure("there is no activated subscription \(id)")
        }
        return renewal
    }
}

// MARK: due

struct DueRenewalsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "due",
        abstract: "What is due, and what waits for a person.",
        discussion: """
            EXAMPLE
              gatehouse renewals due --limit 20
            """
    )

    @Option(help: "How many to show.") var limit = 50
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        struct Due: Encodable, Sendable {
            var subscription: String
            var period: Int
            var at: Date
        }

        struct Alarm: Encodable, Sendable {
            var subscription: String
            var period: Int
            var kind: String
            var detail: String
            var at: Date
        }

        struct Waiting: Encodable, Sendable {
            var subscription: String
            var period: Int
            var why: String
            var since: Date
        }

        var pauses: [PauseEntry]
        var due: Int
        var unsent: Int
        var indeterminate: Int
        var settling: Int
        var review: Int
        var next: [Due]
        var waiting: [Waiting]
        var alarms: [Alarm]

        func show(on page: inout Page) {
            PauseEntry.show(pauses, on: &page)
            page.fields([
                "due now": Table.Cell("\(due)"),
                "could not be sent": Table.Cell("\(unsent)", unsent > 0 ? .warning : .plain),
                "outcome unknown": Table.Cell("\(indeterminate)", indeterminate > 0 ? .warning : .plain),
                "settling at PayPal": Table.Cell("\(settling)"),
                "wait for a person": Table.Cell("\(review)", review > 0 ? .bad : .plain),
            ])
            page.heading("Due")
            var table = Table("subscription", .number("period"), "since")
            for due in next {
                table.row(Table.Cell(due.subscription), Table.Cell("\(due.period)"), Table.Cell(Moment.text(due.at)))
            }
            page.table(table, otherwise: "Nothing is due.")
            if !waiting.isEmpty {
                page.heading("Waits for a person")
                var undecided = Table("subscription", .number("period"), "why", "since")
                for one in waiting {
                    undecided.row(
                        Table.Cell(one.subscription),
                        Table.Cell("\(one.period)"),
                        Table.Cell(one.why, .bad),
                        Table.Cell(Moment.text(one.since))
                    )
                }
                page.table(undecided, otherwise: "")
                page.line("To decide: gatehouse renewals explain SUBSCRIPTION")
            }
            guard !alarms.isEmpty else { return }
            page.heading("To look at")
            var open = Table("subscription", .number("period"), "what", "detail", "since")
            for alarm in alarms {
                open.row(
                    Table.Cell(alarm.subscription),
                    Table.Cell("\(alarm.period)"),
                    Table.Cell(alarm.kind, .bad),
                    Table.Cell(alarm.detail),
                    Table.Cell(Moment.text(alarm.at))
                )
            }
            page.table(open, otherwise: "")
            page.line("When you have seen to it: gatehouse renewals seen SUBSCRIPTION")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let limit = limit
        return try await desk.store.read { transaction in
            let now = Date.now
            let figures = try transaction.renewalFigures(at: now)
            return Reply(
                pauses: try transaction.renewalPauses().map(PauseEntry.init),
                due: figures.due,
                unsent: figures.unsent,
                indeterminate: figures.indeterminate,
                settling: figures.settling,
                review: figures.review,
                next: try transaction.dueRenewals(by: now, limit: limit).map {
                    Reply.Due(subscription: $0.subscription.description, period: $0.period, at: $0.at)
                },
                waiting: try transaction.undecidedRenewals(limit: limit).map {
                    Reply.Waiting(
                        subscription: $0.subscription.description,
                        period: $0.period,
                        why: $0.isCharge
                            ? "nobody can prove what became of its charge" : "came due beside an older one",
                        since: $0.since
                    )
                },
                alarms: try transaction.chargeAlarms(limit: limit).map {
                    Reply.Alarm(
                        subscription: $0.subscription.description,
                        period: $0.period,
                        kind: $0.kind,
                        detail: $0.detail,
                        at: $0.at
                    )
                }
            )
        }
    }
}

// MARK: show

struct ShowRenewal: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "A subscription's periods and charges.",
        discussion: """
            EXAMPLE
              gatehouse renewals show 0190f6e2-…
            """
    )

    @Argument(help: "The subscription's id.", transform: RenewalReading.subscription) var subscription:
        VaultSubscription.ID
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        struct Charge: Encodable, Sendable {
            var period: Int
            var number: Int
            var seq: Int
            var state: String
            var sends: Int
            var lastSentAt: Date?
            var captureID: String?
            var decline: String?
        }

        struct Period: Encodable, Sendable {
            var number: Int
            var dueAt: Date
            var status: String
            var step: Int
            var captureID: String?
        }

        var subscription: String
        var status: String
        var amount: String
        var nextPeriod: Int
        var nextActionAt: Date?
        var pauses: [PauseEntry]
        var periods: [Period]
        var charges: [Charge]

        func show(on page: inout Page) {
            PauseEntry.show(pauses, on: &page)
            page.fields([
                "subscription": Table.Cell(subscription),
                "status": Table.Cell(status),
                "amount": Table.Cell(amount),
                "next period": Table.Cell("\(nextPeriod)"),
                "next look": Table.Cell(nextActionAt.map(Moment.text) ?? "none"),
            ])
            page.heading("Periods")
            var table = Table(.number("period"), "due", "status", .number("declines"), "capture")
            for period in periods {
                table.row(
                    Table.Cell("\(period.number)"),
                    Table.Cell(Moment.text(period.dueAt)),
                    Table.Cell(period.status, period.status == "review" ? .bad : .plain),
                    Table.Cell("\(period.step)"),
                    Table.Cell(period.captureID)
                )
            }
            page.table(table, otherwise: "None has come due yet.")
            page.heading("Charges")
            var tries = Table("charge", "state", .number("sent"), "last sent", "outcome")
            for charge in charges {
                tries.row(
                    Table.Cell("\(charge.period).\(charge.number).\(charge.seq)"),
                    Table.Cell(charge.state, charge.state == "review" ? .bad : .plain),
                    Table.Cell("\(charge.sends)"),
                    Table.Cell(charge.lastSentAt.map(Moment.text)),
                    Table.Cell(charge.captureID ?? charge.decline)
                )
            }
            page.table(tries, otherwise: "None yet.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let id = subscription
        return try await desk.store.read { transaction in
            let renewal = try transaction.neededRenewal(id)
            let periods = try transaction.chargePeriods(of: id)
            return Reply(
                subscription: id.description,
                status: renewal.state.status.rawValue,
                amount: renewal.subscription.amount.description,
                nextPeriod: renewal.state.current,
                nextActionAt: renewal.state.wakeAt,
                pauses: try transaction.renewalPauses(for: renewal.subscription.merchant).map(PauseEntry.init),
                periods: periods.map {
                    Reply.Period(
                        number: $0.number,
                        dueAt: $0.dueAt,
                        status: $0.status.rawValue,
                        step: $0.step,
                        captureID: $0.captureID
                    )
                },
                charges: try transaction.chargeAttempts(of: id, in: periods.map(\.number)).map {
                    Reply.Charge(
                        period: $0.key.period,
                        number: $0.key.number,
                        seq: $0.key.seq,
                        state: $0.state.rawValue,
                        sends: $0.sends,
                        lastSentAt: $0.lastSentAt,
                        captureID: $0.captureID,
                        decline: $0.decline.map { $0.issue ?? "HTTP \($0.status)" }
                    )
                }
            )
        }
    }
}
