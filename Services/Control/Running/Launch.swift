import ArgumentParser
import Glibc

extension Gatehouse {
    /// Runs the command line and ends the process with its exit status.
    package static func launch(_ open: @escaping Desk.Opening) async -> Never {
        signal(SIGPIPE, SIG_IGN)  // `gatehouse … | head` ends in `Terminal.write`, quietly
        do {
            var command = try await asyncParseAsRoot()
            Desk.opens(by: open)
            if var asking = command as? any AsyncParsableCommand {
                try await asking.run()
            } else {
                try command.run()
            }
            Glibc.exit(ExitStatus.ok.rawValue)
        } catch {
            if let problem = CommandProblem(explaining: error) {
                report(problem)
                Glibc.exit(problem.status.rawValue)
            }
            if exitCode(for: error) == .validationFailure { reportForScripts(.usage(message(for: error))) }
            exit(withError: error)  // help, versions, and what the parser has to say about the command line
        }
    }

    /// Says on the error output what is wrong and how to put it right.
    private static func report(_ problem: CommandProblem) {
        let terminal = Terminal.errors
        var page = Page(style: terminal.style, width: terminal.width)
        page.paragraph("error: \(problem.what)", .bad)
        if let fix = problem.fix { page.paragraph("  fix: \(fix)") }
        terminal.write(page.text)
        reportForScripts(problem)
    }

    /// With `--json`, standard output gets its one document even so.
    private static func reportForScripts(_ problem: CommandProblem) {
        guard CommandLine.arguments.contains("--json") else { return }
        // Because a problem holds text only, which always has a JSON form.
        if let document = try? JSONDocument.text(problem) { Terminal.output.write(document + "\n") }
    }
}
