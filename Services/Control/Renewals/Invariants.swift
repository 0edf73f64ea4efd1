import ArgumentParser
import Foundation
import Postgres
import Store

/// `gatehouse invariants`: what must always hold of renewals, checked against everything that is kept.
struct Invariants: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "invariants",
        abstract: "Check what must always hold of renewals.",
        discussion: """
            The renewals process does the same every hour, and stops charging when a grave one is violated. Exit status 3 \
            when something is wrong.

            EXAMPLE
              gatehouse invariants
            """
    )

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        struct Checked: Encodable, Sendable {
            var invariant: String
            var says: String
            var grave: Bool
            var violations: [InvariantViolation]
        }

        var checked: [Checked]

        var exitStatus: ExitStatus { checked.allSatisfy(\.violations.isEmpty) ? .ok : .no }

        func show(on page: inout Page) {
            var table = Table("invariant", "says", "verdict")
            for check in checked {
                table.row(
                    Table.Cell(check.invariant),
                    Table.Cell(check.says),
                    check.violations.isEmpty
                        ? Table.Cell("holds", .good) : Table.Cell("\(check.violations.count) violated", .bad)
                )
            }
            page.table(table, otherwise: "")
            for violation in checked.flatMap(\.violations) {
                let whose = violation.subscription.map { "\($0)" } ?? "all"
                let period = violation.period.map { ".\($0)" } ?? ""
                page.line("\(violation.invariant) \(whose)\(period): \(violation.detail)", .bad)
            }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let now = Date.now
            return Reply(
                checked: try RenewalInvariant.all.map { invariant in
                    Reply.Checked(
                        invariant: invariant.name,
                        says: invariant.says,
                        grave: invariant.isGrave,
                        violations: try transaction.violations(of: invariant, at: now)
                    )
                }
            )
        }
    }
}
