import ArgumentParser
import Foundation
import Jobs
import Logging
import Redis

/// `gatehouse queues`: how much waits where.
struct Queues: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "How many jobs wait, run and are dead in each queue.",
        discussion: """
            EXAMPLE
              gatehouse queues
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var queues: [Entry]

        struct Entry: Encodable {
            var queue: String
            var ready: Int
            var due: Int
            var running: Int
            var dead: Int
            /// Of kinds that no worker knows.
            var parked: Int
            var paused: Bool
            /// How long the job at the front has waited, in seconds; absent where none waits.
            var oldestSeconds: Int?
        }

        func show(on page: inout Page) {
            var table = Table(
                "queue",
                .number("ready"),
                .number("due"),
                .number("running"),
                .number("dead"),
                .number("parked"),
                .number("oldest"),
                "state"
            )
            for queue in queues {
                table.row(
                    Table.Cell(queue.queue),
                    Table.Cell("\(queue.ready)"),
                    Table.Cell("\(queue.due)"),
                    Table.Cell("\(queue.running)"),
                    Table.Cell("\(queue.dead)", queue.dead > 0 ? .bad : .plain),
                    Table.Cell("\(queue.parked)", queue.parked > 0 ? .warning : .plain),
                    Table.Cell(queue.oldestSeconds.map { Span.text(.seconds($0)) }),
                    queue.paused ? Table.Cell("paused", .warning) : Table.Cell("open", .good)
                )
            }
            page.table(table, otherwise: "No queue yet: nothing was ever enqueued.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let queues = try desk.queues
        var entries: [Reply.Entry] = []
        for name in try await queues.names() {
            let stats = try await queues.stats(of: name)
            entries.append(
                Reply.Entry(
                    queue: name.text,
                    ready: stats.ready.values.reduce(0, +) + stats.waitingForGroup,
                    due: stats.due,
                    running: stats.running,
                    dead: stats.dead,
                    parked: stats.parked.values.reduce(0, +),
                    paused: stats.isPaused,
                    oldestSeconds: stats.oldestReady.map { max(0, Int(stats.now.timeIntervalSince($0))) }
                )
            )
        }
        return Reply(queues: entries)
    }
}

extension Desk {
    var queues: JobQueue {
        get throws { JobQueue(redis: try redis, logger: .silent) }
    }
}

extension JobQueue {
    /// Every queue that ever held a job, by name.
    ///
    /// Looks at all keys, of which there are a handful for each queue whatever it holds.
    func names() async throws -> [QueueName] {
        let (head, tail) = ("\(prefix):{", "}:meta")
        var names: Set<String> = []
        var cursor = "0"
        repeat {
            let answer = try await redis.call(["SCAN", .text(cursor), "MATCH", .text("\(head)*\(tail)"), "COUNT", 1000])
            guard let parts = answer.array, parts.count == 2, let next = parts[0].string, let keys = parts[1].array
            else {
                throw CommandProblem.failure("Redis answered SCAN with something else")
            }
            for key in keys.compactMap(\.string) {
                names.insert(String(key.dropFirst(head.count).dropLast(tail.count)))
            }
            cursor = next
        } while cursor != "0"
        return names.sorted().compactMap { QueueName($0) }
    }
}
