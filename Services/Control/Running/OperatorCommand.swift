import ArgumentParser

/// A command of the operator: asked with options, answered with one `Answer`.
///
/// A command's file reads top to bottom: what it is called, what is asked, what is answered, what is done.
protocol OperatorCommand: AsyncParsableCommand {
    associatedtype Reply: Answer
    static var needs: Set<Need> { get }
    var output: OutputOptions { get }
    func answer(at desk: Desk) async throws -> Reply
}

extension OperatorCommand {
    static var needs: Set<Need> { [.database] }

    mutating func run() async throws { try await runOnce() }

    /// Answers and writes the answer.
    func runOnce() async throws {
        let desk = Self.needs.isEmpty ? Desk.empty : try Desk.open(Self.needs)
        let reply: Reply
        do {
            reply = try await answer(at: desk)
        } catch {
            await desk.close()
            throw error
        }
        await desk.close()
        if output.json {
            Terminal.output.write(try JSONDocument.text(reply) + "\n")
        } else {
            var page = Page(style: Terminal.output.style, width: Terminal.output.width)
            reply.show(on: &page)
            Terminal.output.write(page.text)
        }
        if reply.exitStatus != .ok { throw ExitCode(reply.exitStatus.rawValue) }
    }
}

/// What every command can be told about its answer.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Answer with one JSON document, for scripts.")
    var json = false
}
