import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// Not an `OperatorCommand`, because it has no one answer: it writes a line for each attempt until it is stopped.
struct TailDeliveries: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Watch attempts as they are made, until Ctrl-C.",
        discussion: """
            With --json a document a line.

            EXAMPLE
              gatehouse deliveries tail
              gatehouse deliveries tail --since 10m --until-idle 2s
            """
    )

    @OptionGroup var owner: OwnerOption

    @Option(
        name: .long,
        help: ArgumentHelp("Begin with what was tried after this moment or age.", valueName: "time"),
        transform: Reading.moment
    )
    var since: Date?

    @Option(
        name: .long,
        help: ArgumentHelp("Stop when nothing happened for so long.", valueName: "time"),
        transform: Reading.span
    )
    var untilIdle: Duration?

    @OptionGroup var output: OutputOptions

    /// Two looks overlap by this, because what is recorded first is not always seen first.
    private static let overlap: TimeInterval = 3

    mutating func run() async throws {
        let desk = try Desk.open([.database])
        let store = try desk.store
        let owner = try await store.read { [owner] in try $0.owner(owner) }
        var position = since ?? .now
        var shown: [String: Date] = [:]
        var lastNews = ContinuousClock.now
        while untilIdle.map({ ContinuousClock.now - lastNews < $0 }) ?? true {
            let from = position.addingTimeInterval(-Self.overlap)
            let found = try await store.read { try $0.attempts(of: owner, recordedAfter: from, limit: 500) }
            for (attempt, url, event) in found where attempt.recordedAt > (since ?? .distantPast) {
                let key = "\(attempt.delivery)/\(attempt.number)"
                guard shown[key] == nil else { continue }
                shown[key] = attempt.recordedAt
                write(AttemptEntry(attempt), url, event)
                lastNews = .now
            }
            position = max(position, found.last?.attempt.recordedAt ?? position)
            shown = shown.filter { $0.value >= position.addingTimeInterval(-2 * Self.overlap) }
            if found.count < 500 { try await Task.sleep(for: .milliseconds(300)) }
        }
        await desk.close()
    }

    private func write(_ attempt: AttemptEntry, _ url: String, _ event: String) {
        if output.json {
            let line = TailLine(attempt: attempt, url: url, event: event)
            // Because nothing in a line can fail to be JSON.
            if let text = try? JSONDocument.line(line) { Terminal.output.write(text + "\n") }
            return
        }
        var page = Page(style: Terminal.output.style, width: Terminal.output.width)
        page.line(
            "\(Moment.text(attempt.at))  \(attempt.result)  \(attempt.latencyMilliseconds) ms  #\(attempt.number)  "
                + "\(event)  \(url)  \(attempt.delivery)",
            attempt.tone
        )
        Terminal.output.write(page.text)
    }
}

private struct TailLine: Encodable {
    var attempt: AttemptEntry
    var url: String
    var event: String
}
