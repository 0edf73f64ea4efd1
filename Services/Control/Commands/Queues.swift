import ArgumentParser
import Foundation
import Jobs

/// `gatehouse queues`: how much waits where, how fast it goes, and who works on it.
struct Queues: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "How many jobs wait, run and are dead in each queue, and how fast they go.",
        discussion: """
            Rates are measured while it looks: for a second, or as long as --over says; 0s looks once and tells none. \
            lag is how late the next delayed job is; oldest counts from when a job was enqueued.

            EXAMPLE
              gatehouse queues
              gatehouse queues --over 10s --json
            """
    )

    static let needs: Set<Need> = [.redis]

    @Option(
        name: .long,
        help: ArgumentHelp("How long to measure rates (default: 1s).", valueName: "time"),
        transform: Reading.span
    )
    var over: Duration = .seconds(1)

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var queues: [QueueEntry]
        /// Of charging; absent where Postgres does not answer.
        var chargingPauses: [PauseEntry]?

        func show(on page: inout Page) {
            page.table(Table(queues), otherwise: "No queue yet: nothing was ever enqueued.")
            PauseEntry.show(chargingPauses ?? [], on: &page)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let queues = try desk.queues
        let watch = PauseWatch()
        async let pauses = watch.pauses()
        let first = try await QueueSnapshot.take(queues)
        var entries = first.entries()
        if over > .zero, !first.stats.isEmpty {
            try await Task.sleep(for: over)
            entries = try await QueueSnapshot.take(queues).entries(since: first)
        }
        let reply = Reply(queues: entries, chargingPauses: await pauses)
        await watch.close()
        return reply
    }
}

// MARK: One queue

/// `gatehouse queue`: what is done to one queue.
struct QueueControl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Pause, resume, verify and repair one queue.",
        subcommands: [
            SwitchQueue<Pausing>.self, SwitchQueue<Resuming>.self, CheckQueue<Verifying>.self,
            CheckQueue<Repairing>.self,
        ]
    )
}

/// One of two ways of a switch: for queues and for recurring work.
protocol Switching: Sendable {
    static var name: String { get }
    static var pauses: Bool { get }
}

enum Pausing: Switching {
    static let name = "pause"
    static let pauses = true
}

enum Resuming: Switching {
    static let name = "resume"
    static let pauses = false
}

struct SwitchQueue<Way: Switching>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Way.name,
            abstract: Way.pauses
                ? "Start no more jobs of a queue until it is resumed." : "Start jobs of a paused queue again.",
            discussion: """
                \(Way.pauses
                    ? "What runs goes on to its end, and what is enqueued waits."
                    : "What waited is run, the oldest first.") Harmless to repeat.

                EXAMPLE
                  gatehouse queue \(Way.name) fulfillment
                """
        )
    }

    static var needs: Set<Need> { [.redis] }

    @Argument(help: "The queue's name.", transform: Reading.queue)
    var queue: QueueName

    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> QueueSwitched {
        let queues = try desk.queues
        try await queues.mustKnow(queue)
        var reply = QueueSwitched(queue: queue.text, paused: Way.pauses, changed: false, running: 0)
        for shard in queues.shards(of: queue) {
            let changed = try await Way.pauses ? queues.pause(shard) : queues.resume(shard)
            reply.changed = reply.changed || changed
            reply.running += try await queues.stats(of: shard).running
        }
        return reply
    }
}

/// A queue, as it stands after a change.
struct QueueSwitched: Answer {
    var queue: String
    var paused: Bool
    /// False where it stood like that before.
    var changed: Bool
    /// Jobs that are still running.
    var running: Int

    func show(on page: inout Page) {
        let again = changed ? "" : " already"
        page.line("\(queue) is \(paused ? "paused" : "open")\(again)", paused ? .warning : .good)
        if paused, running > 0 { page.line("Still running, to their end: \(running.counted("job")).") }
    }
}

extension JobQueue {
    /// A mistyped name must not pause a queue that nobody has.
    func mustKnow(_ queue: QueueName) async throws {
        let names = try await names()
        guard !shards(of: queue).contains(where: names.contains) else { return }
        throw CommandProblem.failure(
            "there is no queue \(queue)",
            fix: names.isEmpty ? "start a worker first" : "one of: \(names.map(\.text).joined(separator: ", "))"
        )
    }
}
