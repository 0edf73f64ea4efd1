import ArgumentParser
import Foundation
import Jobs

/// `gatehouse schedule`: what happens because of the time.
struct Schedules: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "What happens because of the time.",
        subcommands: [
            ListSchedule.self, SwitchEntry<Pausing>.self, SwitchEntry<Resuming>.self, RunEntry.self,
        ]
    )
}

struct ListSchedule: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List recurring work, what is next first.",
        discussion: """
            EXAMPLE
              gatehouse schedule list
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var schedule: [RecurringEntry]

        func show(on page: inout Page) {
            var table = Table("name", "queue", "kind", "when", "next", "state")
            for entry in schedule {
                table.row(
                    Table.Cell(entry.name),
                    Table.Cell(entry.queue),
                    Table.Cell(entry.kind),
                    Table.Cell(entry.when),
                    Table.Cell(Moment.text(entry.next)),
                    entry.state
                )
            }
            page.table(table, otherwise: "Nothing recurs yet: no worker has said what it runs.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let entries = try await desk.queues.recurring(on: nil)
        return Reply(schedule: entries.sorted { ($0.next, $0.name) < ($1.next, $1.name) })
    }
}

/// A recurring entry in lists and documents.
struct RecurringEntry: Encodable, Sendable {
    var name: String
    var queue: String
    var kind: String?
    /// A cron expression with its time zone, or `every 60 s`.
    var when: String?
    var next: Date
    var paused: Bool
    /// It should have fired over a minute ago: no worker looks.
    var overdue: Bool

    init(_ entry: ScheduleEntry, of queue: QueueName, at now: Date) {
        name = entry.name
        self.queue = queue.text
        kind = entry.kind?.text
        when =
            switch entry.timing {
            case .every(let interval): "every \(Span.text(interval))"
            case .cron(let expression, let zone): "\(expression) \(zone.identifier)"
            case nil: nil
            }
        next = entry.nextFire
        paused = entry.isPaused
        overdue = now.timeIntervalSince(entry.nextFire) > 60
    }

    var state: Table.Cell {
        if paused { return Table.Cell("paused", .warning) }
        return overdue ? Table.Cell("overdue", .bad) : Table.Cell("on", .good)
    }
}

extension JobQueue {
    /// The entries of one queue or of all; late by the queue's clock.
    func recurring(on wanted: QueueName?) async throws -> [RecurringEntry] {
        var entries: [RecurringEntry] = []
        for queue in try await names(wanted) {
            let now = try await stats(of: queue).now
            entries += try await schedule(of: queue).map { RecurringEntry($0, of: queue, at: now) }
        }
        return entries
    }
}

// MARK: One entry

struct SwitchEntry<Way: Switching>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Way.name,
            abstract: Way.pauses ? "Let recurring work pass until it is resumed." : "Let paused recurring work go on.",
            discussion: """
                EXAMPLE
                  gatehouse schedule \(Way.name) fulfillment.end-lapsed
                """
        )
    }

    static var needs: Set<Need> { [.redis] }

    @OptionGroup var entry: EntryArgument
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> ScheduleChange {
        let queues = try desk.queues
        let queue = try await entry.queue(in: queues)
        _ = try await Way.pauses ? queues.pauseEntry(entry.name, on: queue) : queues.resumeEntry(entry.name, on: queue)
        return ScheduleChange(name: entry.name, queue: queue.text, paused: Way.pauses)
    }
}

/// A recurring entry, as it stands after a change.
struct ScheduleChange: Answer {
    var name: String
    var queue: String
    var paused: Bool

    func show(on page: inout Page) { page.line("\(name) is \(paused ? "paused" : "on")", paused ? .warning : .good) }
}

struct RunEntry: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Fire recurring work now, besides its usual times.",
        discussion: """
            The next look of a worker fires it, within a second; a paused entry has to be resumed first. Exit status 69 \
            when no worker of its queue is connected.

            EXAMPLE
              gatehouse schedule run fulfillment.end-lapsed
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var entry: EntryArgument
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var name: String
        var queue: String

        func show(on page: inout Page) { page.line("\(name) fires at a worker's next look", .good) }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let queues = try desk.queues
        let queue = try await entry.queue(in: queues)
        if try await queues.schedule(of: queue).contains(where: { $0.name == entry.name && $0.isPaused }) {
            throw CommandProblem.failure(
                "\(entry.name) is paused and would only pass",
                fix: "gatehouse schedule resume \(entry.name)"
            )
        }
        try await queues.fireEntryNow(entry.name, on: queue)
        if let workers = try await queues.workers(), workers[queue] ?? 0 == 0 {
            throw CommandProblem.unavailable(
                "\(entry.name) is due now, but no worker of \(queue) is connected",
                fix: "start the process that runs \(queue)"
            )
        }
        return Reply(name: entry.name, queue: queue.text)
    }
}

/// Which recurring entry is meant.
struct EntryArgument: ParsableArguments {
    @Argument(help: "The entry's name.")
    var name: String

    @OptionGroup var queue: QueueOption

    /// The queue that has it, or what to do.
    func queue(in queues: JobQueue) async throws -> QueueName {
        let entries = try await queues.recurring(on: queue.queue)
        let matching = entries.filter { $0.name == name }
        if matching.count == 1, let queue = QueueName(matching[0].queue) { return queue }
        if matching.count > 1 {
            throw CommandProblem.usage(
                "several queues have an entry \(name)",
                fix: "--queue with one of: \(matching.map(\.queue).joined(separator: ", "))"
            )
        }
        throw CommandProblem.failure(
            queue.queue.map { "the queue \($0) has no entry \(name)" } ?? "there is no entry \(name)",
            fix: entries.isEmpty
                ? "gatehouse schedule list" : "one of: \(entries.map(\.name).sorted().joined(separator: ", "))"
        )
    }
}
