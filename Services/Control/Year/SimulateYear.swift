import ArgumentParser
import Foundation
import PayPal
import RenewalJobs
import Store

/// `gatehouse simulate year`: what a year of renewals comes to, and whether all that must hold does.
struct SimulateYear: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "year",
        abstract: "Live through a year of renewals against a pretended PayPal, and judge it.",
        discussion: """
            The jobs, rules and tables of production, a PayPal of its own, and a clock that is put forward: buyers join, \
            pay, are declined, leave and want their money back; PayPal is away for up to 50 hours, our own machines for up \
            to 9 days; requests, answers and webhooks are lost. It works in a database of its own on the server of \
            DATABASE_URL, which is dropped at the end; its role needs CREATEDB. The same seed gives the same year. Exit \
            status 3 when something that must hold does not.

            EXAMPLE
              gatehouse simulate year
              gatehouse simulate year --subscriptions 1000 --seed 7
            """
    )

    static let needs: Set<Need> = [.database, .redis]

    @Option(name: .long, help: "How many subscriptions, 1 to 4000.") var subscriptions = 200
    @Option(name: .long, help: "Which year.") var seed: UInt64 = 1
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...4000).contains(subscriptions) else {
            throw ValidationError("--subscriptions must be between 1 and 4000.")
        }
    }

    struct Reply: Answer {
        var subscriptions: Int
        var seed: UInt64
        var books: YearBooks
        var verdicts: [Invariants.Reply.Checked]

        var exitStatus: ExitStatus { verdicts.allSatisfy(\.violations.isEmpty) ? .ok : .no }

        func show(on page: inout Page) {
            page.line("A year of \(subscriptions) subscriptions, seed \(seed)", .heading)
            page.line()
            var table = Table("what", .number("how many"), "")
            for row in books.rows { table.row(Table.Cell(row.what), Table.Cell("\(row.count)"), Table.Cell(row.note)) }
            page.table(table, otherwise: "")
            page.heading("What must hold")
            var checks = Table("invariant", "says", "verdict")
            for check in verdicts {
                checks.row(Table.Cell(check.invariant), Table.Cell(check.says), check.verdict)
            }
            page.table(checks, otherwise: "")
            for check in verdicts {
                for violation in check.violations {
                    let whose = violation.subscription.map { "\($0)" } ?? "all"
                    let period = violation.period.map { ".\($0)" } ?? ""
                    page.line("\(violation.invariant) \(whose)\(period): \(violation.detail)", .bad)
                }
            }
            let all = verdicts.allSatisfy(\.violations.isEmpty)
            page.line(all ? "All of it holds." : "NOT all of it holds.", all ? .good : .bad)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let plan = YearPlan(subscriptions: subscriptions, seed: seed)
        let progress = TimedProgress("living through hour")
        let reply = try await YearGround.open(plan, beside: try desk.database, redis: try desk.redis) { ground in
            let run = YearRun(ground)
            try await run.live(progress)
            let judge = YearJudge(ground: ground)
            return Reply(
                subscriptions: plan.buyers.count,
                seed: plan.seed,
                books: try await judge.books(await run.tally),
                verdicts: try await judge.verdicts().map(Invariants.Reply.Checked.init)
            )
        }
        progress.finish()
        return reply
    }
}
