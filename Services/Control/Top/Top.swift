import ArgumentParser
import Foundation
import Jobs
import Redis

/// `gatehouse top`: what goes on, live.
struct Top: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch queues, workers and recurring work, live.",
        discussion: """
            Draws itself anew every second; q ends it. Where the output is no terminal, and with --once or --json, it \
            shows one frame and ends.

            EXAMPLE
              gatehouse top
              gatehouse top --once
            """
    )

    static let needs: Set<Need> = [.redis]

    @Option(
        name: .long,
        help: ArgumentHelp("How often to look, 100ms to 60s (default: 1s).", valueName: "time"),
        transform: Reading.span
    )
    var interval: Duration = .seconds(1)

    @Flag(name: .long, help: "Show one frame and end.")
    var once = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (.milliseconds(100) ... .seconds(60)).contains(interval) else {
            throw ValidationError("--interval must be between 100ms and 60s.")
        }
    }

    mutating func run() async throws {
        let isLive = !once && !output.json && Terminal.output.canMoveItsCursor
        guard isLive else { return try await runOnce() }
        let desk = try Desk.open(Self.needs)
        let watch = PauseWatch()
        await LiveView(on: Terminal.output, every: interval).show { before in
            try await TopFrame.take(at: desk, watch, since: before)
        }
        await watch.close()
        await desk.close()
    }

    func answer(at desk: Desk) async throws -> TopFrame {
        let watch = PauseWatch()
        let first = try await TopFrame.take(at: desk, watch, since: nil)
        try await Task.sleep(for: interval)
        let second = try await TopFrame.take(at: desk, watch, since: first)
        await watch.close()
        return second
    }
}

/// One look at everything.
struct TopFrame: Answer {
    var at: Date
    var redis: Server
    var queues: [QueueEntry]
    /// The next to fire.
    var schedule: [RecurringEntry]
    /// The latest, at most ten.
    var dead: [DeadEntry]
    /// Of charging; absent where Postgres does not answer.
    var chargingPauses: [PauseEntry]?
    /// For the rates of the next frame.
    private var snapshot: QueueSnapshot

    private enum CodingKeys: String, CodingKey { case at, redis, queues, schedule, dead, chargingPauses }

    struct Server: Encodable, Sendable {
        var version: String
        var usedMemoryBytes: Int
        var commandsPerSecond: Int
        var clients: Int
    }

    static func take(at desk: Desk, _ watch: PauseWatch, since before: TopFrame?) async throws -> TopFrame {
        let queues = try desk.queues
        async let pauses = watch.pauses()
        let info = RedisInfo(try await desk.redis.call(["INFO", "everything"]).string ?? "")
        func number(_ name: String) -> Int { info[name].flatMap(Int.init) ?? 0 }
        let snapshot = try await QueueSnapshot.take(queues)
        return TopFrame(
            at: .now,
            redis: Server(
                version: info["redis_version"] ?? "unknown",
                usedMemoryBytes: number("used_memory"),
                commandsPerSecond: number("instantaneous_ops_per_sec"),
                clients: number("connected_clients")
            ),
            queues: snapshot.entries(since: before?.snapshot),
            schedule: try await queues.recurring(on: nil).sorted { ($0.next, $0.name) < ($1.next, $1.name) },
            dead: try await latestDead(in: queues, snapshot),
            chargingPauses: await pauses,
            snapshot: snapshot
        )
    }

    private static func latestDead(in queues: JobQueue, _ snapshot: QueueSnapshot) async throws -> [DeadEntry] {
        var latest: [DeadEntry] = []
        for (name, stats) in snapshot.stats where stats.dead > 0 {
            let letters = try await queues.dead(on: name, from: max(0, stats.dead - 10), count: 20).letters
            latest += letters.map { DeadEntry($0, of: name) }
        }
        return Array(latest.sorted { ($1.since, $1.id) < ($0.since, $0.id) }.prefix(10))
    }

    func show(on page: inout Page) {
        page.line(
            "gatehouse  \(Moment.text(at))  Redis \(redis.version), \(Self.size(redis.usedMemoryBytes)), "
                + "\(redis.commandsPerSecond) commands/s, \(redis.clients) clients",
            .heading
        )
        PauseEntry.show(chargingPauses ?? [], on: &page)
        page.line()
        page.table(Table(queues), otherwise: "No queue yet: nothing was ever enqueued.")
        page.heading("Recurring")
        var recurring = Table("name", "when", .number("next in"), "state")
        for entry in schedule {
            let left = entry.next.timeIntervalSince(at)
            recurring.row(
                Table.Cell(entry.name),
                Table.Cell(entry.when),
                Table.Cell(left > 0 ? Span.text(.seconds(Int(min(left, 1e9)))) : "now"),
                entry.state
            )
        }
        page.table(recurring, otherwise: "Nothing recurs yet.")
        page.heading("Dead, the latest first")
        var letters = Table("since", "queue", "kind", "id", "why")
        for letter in dead {
            letters.row(
                Table.Cell(Moment.text(letter.since)),
                Table.Cell(letter.queue),
                Table.Cell(letter.kind),
                Table.Cell(letter.id),
                Table.Cell(letter.why, .bad)
            )
        }
        page.table(letters, otherwise: "None.")
    }

    /// `812 KB`, `1.4 GB`.
    private static func size(_ bytes: Int) -> String {
        var size = Double(max(0, bytes)) / 1000
        for unit in ["KB", "MB", "GB"] {
            if size < 1000 { return "\((size * 10).rounded() / 10) \(unit)" }
            size /= 1000
        }
        return "\((size * 10).rounded() / 10) TB"
    }
}
