import ArgumentParser
import Glibc

extension Gatehouse {
    /// Runs the command line and ends the process with its exit status.
    package static func launch(_ open: @escaping Desk.Opening) async -> Never {
        signal(SIGPIPE, SIG_IGN)  // `gatehouse … | head` ends in `Terminal.write`, quietly
        do {
            var command = try await asyncParseAsRoot()
            try await Desk.$open.withValue(open) {
                if var asking = command as? any AsyncParsableCommand {
                    try await asking.run()
                } else {
                    try command.run()
                }
            }
            Glibc.exit(ExitStatus.ok.rawValue)
        } catch {
            guard let problem = CommandProblem(explaining: error) else { exit(withError: error) }
            report(problem)
            Glibc.exit(problem.status.rawValue)
        }
    }

    /// Says on the error output what is wrong and how to put it right; with `--json`, standard output gets the document.
    private static func report(_ problem: CommandProblem) {
        let terminal = Terminal.errors
        var page = Page(style: terminal.style, width: terminal.width)
        page.paragraph("error: \(problem.what)", .bad)
        if let fix = problem.fix { page.paragraph("  fix: \(fix)") }
        terminal.write(page.text)
        guard CommandLine.arguments.contains("--json") else { return }
        // Because a problem holds text only, which always has a JSON form.
        if let document = try? JSONDocument.text(problem) { Terminal.output.write(document + "\n") }
    }
}
