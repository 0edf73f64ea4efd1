import ArgumentParser
import Foundation
import RenewalJobs
import Store

/// `gatehouse invariants`: what must always hold of renewals, in our books and PayPal's.
struct Invariants: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "invariants",
        abstract: "Check what must always hold of renewals, in our books and PayPal's.",
        discussion: """
            The renewals process does the same every hour. When a grave one is violated nobody is charged until: \
            gatehouse renewals resume. What was found by then is known, and pauses nobody again. Where PayPal's credentials are set, payments are looked up there. Exit status 3 \
            when something is wrong.

            EXAMPLE
              gatehouse invariants
              gatehouse invariants --since 7d --look-ups 5000 --look-only
            """
    )

    @Option(
        name: .long,
        help: ArgumentHelp("Which payments to look up at PayPal, by age (default: 25h).", valueName: "time"),
        transform: Reading.span
    )
    var since: Duration = .seconds(25 * 3600)
    @Option(name: .long, help: "At most so many, drawn by lot.") var lookUps = 300
    @Flag(name: .long, help: "Search the merchants' transactions too, where they let us.")
    var search = false
    @Flag(name: .long, help: "Pause nothing, whatever is found.") var lookOnly = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard lookUps >= 0 else { throw ValidationError("--look-ups can't be negative") }
    }

    struct Reply: Answer {
        struct Checked: Encodable, Sendable {
            var invariant: String
            var says: String
            var grave: Bool
            var violations: [InvariantViolation]
            var note: String?

            init(_ verdict: InvariantCheck.Verdict) {
                invariant = verdict.invariant
                says = verdict.says
                grave = verdict.isGrave
                violations = verdict.violations
                note = verdict.note
            }

            var verdict: Table.Cell {
                if !violations.isEmpty { return Table.Cell("\(violations.count) violated", .bad) }
                return note.map { Table.Cell($0) } ?? Table.Cell("holds", .good)
            }
        }

        var checked: [Checked]
        var pauses: [PauseEntry]
        /// Violations after which a person has resumed.
        var known: Set<String>

        var exitStatus: ExitStatus { checked.allSatisfy(\.violations.isEmpty) ? .ok : .no }

        func show(on page: inout Page) {
            PauseEntry.show(pauses, on: &page)
            var table = Table("invariant", "says", "verdict")
            for check in checked {
                table.row(Table.Cell(check.invariant), Table.Cell(check.says), check.verdict)
            }
            page.table(table, otherwise: "")
            for violation in checked.flatMap(\.violations) {
                let whose = violation.subscription.map { "\($0)" } ?? "all"
                let period = violation.period.map { ".\($0)" } ?? ""
                let isKnown = known.contains(violation.key) ? " (known: a person has resumed since)" : ""
                page.line("\(violation.invariant) \(whose)\(period): \(violation.detail)\(isKnown)", .bad)
            }
            guard exitStatus != .ok else { return }
            page.line("Look at each: gatehouse renewals explain SUBSCRIPTION")
            if !pauses.isEmpty { page.line("When they are made good: gatehouse renewals resume") }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let store = try desk.store
        let check = InvariantCheck(
            store: store,
            // Because our own books can be looked at without PayPal, and without the keys.
            paypal: try? desk.payPal,
            sealer: try? desk.sealer,
            reach: .init(seconds: since.inSeconds, lookUps: lookUps, searchesTransactions: search)
        )
        let verdicts = try await check.run(at: .now)
        if !lookOnly { try await check.pause(for: verdicts, at: .now) }
        let pauses = try await store.read { try $0.renewalPauses() }
        return Reply(
            checked: verdicts.map(Reply.Checked.init),
            pauses: pauses.map(PauseEntry.init),
            known: try await check.known()
        )
    }
}
