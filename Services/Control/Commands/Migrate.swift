import ArgumentParser
import Postgres
import Store

/// Brings the database to what this release needs.
struct Migrate: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database to what this release needs.",
        discussion: """
            Safe to repeat, and for several at once: each step happens once. With --check nothing is changed, and the \
            exit status is 3 when steps are missing.

            EXAMPLE
              gatehouse migrate
              gatehouse migrate --check --json
            """
    )

    @Flag(name: .long, help: "Only tell what is missing.")
    var check = false

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var applied: [String]
        var pending: [String]

        var exitStatus: ExitStatus { pending.isEmpty ? .ok : .no }

        func show(on page: inout Page) {
            for name in applied { page.line("applied  \(name)", .good) }
            for name in pending { page.line("missing  \(name)", .warning) }
            if applied.isEmpty && pending.isEmpty { page.line("The database is up to date.") }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let database = try desk.database
        if check { return Reply(applied: [], pending: try await Schema.migrations.pending(in: database)) }
        return Reply(applied: try await Schema.migrations.apply(to: database), pending: [])
    }
}
