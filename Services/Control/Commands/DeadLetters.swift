import ArgumentParser
import Foundation
import Jobs
import Postgres

/// `gatehouse dead`: jobs that gave up and wait for a person.
struct DeadLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "Jobs that gave up and wait for a person.",
        subcommands: [ListDead.self, ShowDead.self, ReplayDead.self, DiscardDead.self]
    )
}

/// Which queue is meant.
struct QueueOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The queue's name (default: fulfillment).", valueName: "queue"),
        transform: Reading.queue
    )
    var queue: QueueName = "fulfillment"
}

struct ListDead: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List dead letters, the oldest first.",
        discussion: """
            EXAMPLE
              gatehouse dead list --queue fulfillment
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var queue: QueueOption

    @Option(name: .long, help: "How many to show, 1 to 1000.")
    var limit = 50

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(limit) else { throw ValidationError("--limit must be between 1 and 1000.") }
    }

    struct Reply: Answer {
        var queue: String
        var dead: [DeadEntry]

        func show(on page: inout Page) {
            var table = Table("id", "since", "kind", .number("attempts"), "why")
            for letter in dead {
                table.row(
                    Table.Cell(letter.id),
                    Table.Cell(Moment.text(letter.since)),
                    Table.Cell(letter.kind),
                    Table.Cell("\(letter.attempts)"),
                    Table.Cell(letter.why, .bad)
                )
            }
            page.table(table, otherwise: "No dead letters in \(queue).")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let letters = try await desk.queues.dead(on: queue.queue, count: limit).letters
        return Reply(queue: queue.queue.text, dead: letters.map { DeadEntry($0) })
    }
}

/// A dead letter in lists and documents.
struct DeadEntry: Encodable, Sendable {
    var id: String
    var kind: String
    var since: Date
    var attempts: Int
    var crashes: Int
    var reason: String
    var lastError: String?

    init(_ letter: DeadLetter) {
        id = letter.id.text
        kind = letter.kind.text
        since = letter.since
        attempts = letter.attempt
        crashes = letter.crashes
        reason = letter.reason
        lastError = letter.lastError.isEmpty ? nil : letter.lastError
    }

    var why: String { reason + (lastError.map { ": \($0)" } ?? "") }
}

struct ShowDead: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a dead letter.",
        discussion: """
            The payload stays unshown: it may hold what a buyer told us; the inbound event shows it. Exit status 3 when \
            the job is not dead.

            EXAMPLE
              gatehouse dead show 01K0example0000000000 --queue fulfillment
            """
    )

    static let needs: Set<Need> = [.redis]

    @Argument(help: "The job's id.")
    var id: String

    @OptionGroup var queue: QueueOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var queue: String
        var job: Entry?

        struct Entry: Encodable {
            var id: String
            var kind: String
            var deadSince: Date?
            var enqueuedAt: Date?
            var firstFailedAt: Date?
            var attempts: Int
            var crashes: Int
            var reason: String
            var lastError: String
            var payloadBytes: Int
        }

        var exitStatus: ExitStatus { job == nil ? .no : .ok }

        func show(on page: inout Page) {
            guard let job else { return page.line("No dead letter in \(queue) has this id.") }
            page.fields([
                "Kind": Table.Cell(job.kind),
                "Why": Table.Cell(job.reason, .bad),
                "Last error": Table.Cell(job.lastError.isEmpty ? nil : job.lastError),
                "Attempts": Table.Cell("\(job.attempts), \(job.crashes) crashes"),
                "Enqueued": Table.Cell(job.enqueuedAt.map(Moment.text)),
                "First failed": Table.Cell(job.firstFailedAt.map(Moment.text)),
                "Dead since": Table.Cell(job.deadSince.map(Moment.text)),
                "Payload": Table.Cell("\(job.payloadBytes) bytes"),
            ])
            page.line()
            page.line("gatehouse dead replay \(job.id) --queue \(queue)", .faint)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let name = queue.queue
        guard let job = try await desk.queues.show(JobID(id), on: name), job.place == .dead else {
            return Reply(queue: name.text)
        }
        return Reply(
            queue: name.text,
            job: Reply.Entry(
                id: job.id.text,
                kind: job.envelope.kind.text,
                deadSince: job.at,
                enqueuedAt: job.envelope.enqueuedAt,
                firstFailedAt: job.firstFailedAt,
                attempts: job.attempt,
                crashes: job.crashes,
                reason: job.reason,
                lastError: job.lastError,
                payloadBytes: job.envelope.payload.count
            )
        )
    }
}

struct ReplayDead: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Run dead letters again.",
        discussion: """
            Attempts and errors are forgotten. Exit status 3 when none of them was dead.

            EXAMPLE
              gatehouse dead replay 01K0example0000000000 --queue fulfillment
              gatehouse dead replay --all --queue fulfillment
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var which: WhichDead
    @OptionGroup var queue: QueueOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var queue: String
        var replayed: [String]
        var missing: [String]
        /// Jobs whose place another job has taken meanwhile.
        var superseded: [String]

        var exitStatus: ExitStatus { replayed.isEmpty ? .no : .ok }

        func show(on page: inout Page) {
            for id in replayed { page.line("replayed  \(id)", .good) }
            for id in missing { page.line("not dead  \(id)", .warning) }
            for id in superseded { page.line("superseded by a newer job  \(id)", .warning) }
            if replayed.isEmpty && missing.isEmpty && superseded.isEmpty { page.line("No dead letters in \(queue).") }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (queues, name) = (try desk.queues, queue.queue)
        var reply = Reply(queue: name.text, replayed: [], missing: [], superseded: [])
        let ids = try await which.ids(in: queues, on: name)
        for (id, result) in zip(ids, try await queues.replay(ids, on: name)) {
            switch result {
            case .replayed: reply.replayed.append(id.text)
            case .missing: reply.missing.append(id.text)
            case .superseded: reply.superseded.append(id.text)
            }
        }
        return reply
    }
}

struct DiscardDead: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Delete dead letters for good.",
        discussion: """
            What they were to do is not done. Exit status 3 when none of them was dead.

            EXAMPLE
              gatehouse dead discard 01K0example0000000000 --queue fulfillment
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var which: WhichDead
    @OptionGroup var queue: QueueOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var queue: String
        var discarded: Int

        var exitStatus: ExitStatus { discarded == 0 ? .no : .ok }

        func show(on page: inout Page) { page.line("\(discarded) discarded") }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (queues, name) = (try desk.queues, queue.queue)
        let ids = try await which.ids(in: queues, on: name)
        return Reply(queue: name.text, discarded: try await queues.discard(ids, on: name))
    }
}

/// Which dead letters are meant.
struct WhichDead: ParsableArguments {
    @Argument(help: "The jobs' ids.")
    var ids: [String] = []

    @Flag(name: .long, help: "All of the queue.")
    var all = false

    func validate() throws {
        guard ids.isEmpty == all else { throw ValidationError("Name the jobs, or say --all.") }
    }

    func ids(in queues: JobQueue, on name: QueueName) async throws -> [JobID] {
        guard all else { return ids.map { JobID($0) } }
        var found: [JobID] = []
        while true {
            let page = try await queues.dead(on: name, from: found.count, count: 500)
            found += page.letters.map(\.id)
            if page.looked < 500 { return found }
        }
    }
}
