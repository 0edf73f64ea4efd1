import ArgumentParser
import Domain
import Foundation
import NotificationJobs
import Postgres
import Store

struct RecoverDeliveries: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Send an endpoint everything that it missed since a time.",
        discussion: """
            What failed, what was canceled, and what was never sent because the endpoint was off, in the order of the \
            messages. Safe to stop and to repeat: what is on its way is not taken twice.

            EXAMPLE
              gatehouse deliveries recover 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e --since 5d --preview
              gatehouse deliveries recover 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e --since 5d --rate 50
            """
    )

    static let needs: Set<Need> = [.database, .redis]

    @Argument(help: ArgumentHelp("The endpoint's id.", valueName: "endpoint"), transform: Reading.id)
    var id: Endpoint.ID

    @Option(
        name: .long,
        help: ArgumentHelp("Messages after this moment or age.", valueName: "time"),
        transform: Reading.moment
    )
    var since: Date

    @Option(name: .long, help: "How many a second, 1 to 1000.")
    var rate = 20

    @Flag(name: .long, help: "Only count them.")
    var preview = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(rate) else { throw ValidationError("--rate must be between 1 and 1000.") }
    }

    struct Reply: Answer {
        var endpoint: String
        /// Messages that were found missing.
        var missed: Int
        /// Of them planned; 0 in a preview.
        var planned: Int
        /// When the last of them is due.
        var until: Date?

        private static func messages(_ count: Int) -> String {
            switch count {
            case 0: "No message was"
            case 1: "1 message was"
            default: "\(count) messages were"
            }
        }

        func show(on page: inout Page) {
            guard planned > 0 else { return page.line("\(Self.messages(missed)) missed.") }
            page.line("\(Self.messages(planned)) planned, the last at \(until.map(Moment.text) ?? "once").", .good)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (store, queue) = (try desk.store, try desk.queues)
        let (id, since, spacing) = (id, since, 1 / Double(rate))
        let missed = try await store.read { transaction in
            let endpoint = try transaction.knownEndpoint(id)
            guard endpoint.state == .enabled || preview else {
                throw CommandProblem.failure("the endpoint is switched off", fix: "gatehouse endpoint enable \(id)")
            }
            return try transaction.countRecoverable(of: id, since: since)
        }
        var reply = Reply(endpoint: id.description, missed: missed, planned: 0)
        guard !preview else { return reply }
        let progress = ProgressLine("recovering")
        var start = Date.now
        while true {
            let from = start
            let page = try await store.transaction { transaction in
                try transaction.recover(
                    to: id,
                    since: since,
                    startingAt: from,
                    spacing: spacing,
                    limit: 500,
                    now: Date.now
                )
            }
            try await queue.enqueue(page)
            reply.planned += page.count
            reply.until = page.last?.dueAt ?? reply.until
            progress.show(reply.planned, of: max(missed, reply.planned))
            guard page.count == 500, let last = page.last else { break }
            start = last.dueAt.addingTimeInterval(spacing)
        }
        progress.finish()
        return reply
    }
}
