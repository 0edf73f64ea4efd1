import ArgumentParser
import Foundation
import Jobs

/// `gatehouse schedule`: what happens because of the time.
struct Schedules: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "What happens because of the time.",
        subcommands: [ListSchedule.self, PauseSchedule.self, ResumeSchedule.self]
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
        var schedule: [Entry]

        struct Entry: Encodable {
            var name: String
            var queue: String
            var kind: String?
            var next: Date
            var paused: Bool
        }

        func show(on page: inout Page) {
            var table = Table("name", "queue", "kind", "next", "state")
            for entry in schedule {
                table.row(
                    Table.Cell(entry.name),
                    Table.Cell(entry.queue),
                    Table.Cell(entry.kind),
                    Table.Cell(Moment.text(entry.next)),
                    entry.paused ? Table.Cell("paused", .warning) : Table.Cell("on", .good)
                )
            }
            page.table(table, otherwise: "Nothing recurs yet: no worker has said what it runs.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let queues = try desk.queues
        var entries: [Reply.Entry] = []
        for queue in try await queues.names() {
            for entry in try await queues.schedule(of: queue) {
                entries.append(
                    Reply.Entry(
                        name: entry.name,
                        queue: queue.text,
                        kind: entry.kind?.text,
                        next: entry.nextFire,
                        paused: entry.isPaused
                    )
                )
            }
        }
        return Reply(schedule: entries.sorted { ($0.next, $0.name) < ($1.next, $1.name) })
    }
}

struct PauseSchedule: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Let recurring work pass until it is resumed.",
        discussion: """
            EXAMPLE
              gatehouse schedule pause fulfillment.sweep --queue fulfillment
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var entry: EntryArgument
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> ScheduleChange {
        _ = try await desk.queues.pauseEntry(entry.name, on: entry.queue.queue)
        return try await entry.change(at: desk)
    }
}

struct ResumeSchedule: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let paused recurring work go on.",
        discussion: """
            EXAMPLE
              gatehouse schedule resume fulfillment.sweep --queue fulfillment
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var entry: EntryArgument
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> ScheduleChange {
        _ = try await desk.queues.resumeEntry(entry.name, on: entry.queue.queue)
        return try await entry.change(at: desk)
    }
}

/// A recurring entry, as it stands after a change.
struct ScheduleChange: Answer {
    var name: String
    var queue: String
    var paused: Bool

    func show(on page: inout Page) { page.line("\(name) is \(paused ? "paused" : "on")", paused ? .warning : .good) }
}

/// Which recurring entry is meant.
struct EntryArgument: ParsableArguments {
    @Argument(help: "The entry's name.")
    var name: String

    @OptionGroup var queue: QueueOption

    func change(at desk: Desk) async throws -> ScheduleChange {
        let entries = try await desk.queues.schedule(of: queue.queue)
        guard let entry = entries.first(where: { $0.name == name }) else {
            throw CommandProblem.failure(
                "the queue \(queue.queue) has no entry \(name)",
                fix: entries.isEmpty
                    ? "gatehouse schedule list" : "one of: \(entries.map(\.name).joined(separator: ", "))"
            )
        }
        return ScheduleChange(name: name, queue: queue.queue.text, paused: entry.isPaused)
    }
}
