import Foundation
import Jobs
import Logging
import Redis

/// How all queues stand at one moment, and who works on them.
struct QueueSnapshot: Sendable {
    var taken: ContinuousClock.Instant
    var stats: [QueueName: QueueStats]
    /// Connected workers; nil where the server does not show its connections.
    var workers: [QueueName: Int]?

    static func take(_ queues: JobQueue) async throws -> QueueSnapshot {
        var stats: [QueueName: QueueStats] = [:]
        let workers = try await queues.workers()
        for name in Set(try await queues.names()).union((workers ?? [:]).keys) {
            stats[name] = try await queues.stats(of: name)
        }
        return QueueSnapshot(taken: .now, stats: stats, workers: workers)
    }

    /// Every queue by name, with what happened a second since `before`.
    func entries(since before: QueueSnapshot? = nil) -> [QueueEntry] {
        stats.sorted { $0.key.text < $1.key.text }.map { name, now in
            var entry = QueueEntry(name, now, workers: workers.map { $0[name] ?? 0 })
            if let before, let old = before.stats[name] {
                entry.rates = QueueEntry.Rates(from: old, to: now, in: (taken - before.taken).inSeconds)
            }
            return entry
        }
    }
}

/// A queue in lists and documents.
struct QueueEntry: Encodable, Sendable {
    var queue: String
    /// Jobs that a free worker would take at once, and those that wait for their group.
    var ready: Int
    /// Jobs whose time has not come: delayed, snoozed, to be retried.
    var due: Int
    var running: Int
    var dead: Int
    /// Of kinds that no worker knows.
    var parked: Int
    /// Kept back because their kind has used up its rate.
    var limited: Int
    var paused: Bool
    /// How long the job at the front has waited since it was enqueued, in seconds; absent where none waits.
    var oldestSeconds: Int?
    /// How late the next delayed job is, in seconds: workers that keep up make it 0.
    var lagSeconds: Int
    /// Connected workers; absent where Redis does not show its connections.
    var workers: Int?
    /// What happened while we looked; absent where we looked once.
    var rates: Rates?

    /// Jobs a second.
    struct Rates: Encodable, Sendable {
        var enqueued: Double
        /// Done, discarded or expired: gone for good.
        var settled: Double
        /// Retried or crashed.
        var failed: Double
        /// Seconds until nothing waits any more, if all goes on like this; absent where it never ends.
        var clearsInSeconds: Int?

        init(from old: QueueStats, to new: QueueStats, in seconds: Double) {
            func rate(_ names: String...) -> Double {
                let count = names.reduce(0) { $0 + (new.totals[$1] ?? 0) - (old.totals[$1] ?? 0) }
                return seconds > 0 ? (max(0, Double(count)) / seconds * 10).rounded() / 10 : 0
            }
            enqueued = rate("enqueued")
            settled = rate("done", "discarded", "expired")
            failed = rate("retried", "crashed", "dead")
            let waiting = Double(new.ready.values.reduce(0, +) + new.waitingForGroup)
            let net = settled - enqueued
            let left = net > 0 ? waiting / net : .infinity
            clearsInSeconds = waiting == 0 ? 0 : left < 1e9 ? Int(left.rounded(.up)) : nil
        }
    }

    init(_ name: QueueName, _ stats: QueueStats, workers: Int?) {
        queue = name.text
        ready = stats.ready.values.reduce(0, +) + stats.waitingForGroup
        due = stats.due
        running = stats.running
        dead = stats.dead
        parked = stats.parked.values.reduce(0, +)
        limited = stats.limited.values.reduce(0, +)
        paused = stats.isPaused
        oldestSeconds = stats.oldestReady.map { Self.seconds(from: $0, to: stats.now) }
        lagSeconds = stats.nextDue.map { Self.seconds(from: $0, to: stats.now) } ?? 0
        self.workers = workers
    }

    private static func seconds(from start: Date, to end: Date) -> Int {
        Int(min(max(0, end.timeIntervalSince(start)), 1e9))
    }

    /// Jobs wait, or should run by now, and nobody is there to take them.
    var isDeserted: Bool { workers == 0 && (ready > 0 || running > 0 || lagSeconds > 0) }

    fileprivate var lag: Tone { lagSeconds > 10 ? .warning : .plain }

    var state: Table.Cell {
        if paused { return Table.Cell("paused", .warning) }
        if isDeserted { return Table.Cell("no worker", .bad) }
        return Table.Cell("open", .good)
    }
}

extension Table {
    /// Queues as `queues` and `top` show them.
    init(_ queues: [QueueEntry]) {
        self.init(
            "queue",
            .number("ready"),
            .number("due"),
            .number("running"),
            .number("dead"),
            .number("parked"),
            .number("limited"),
            .number("oldest"),
            .number("lag"),
            .number("in/s"),
            .number("out/s"),
            .number("failed/s"),
            .number("workers"),
            "state"
        )
        for queue in queues {
            row(
                Cell(queue.queue),
                Cell("\(queue.ready)"),
                Cell("\(queue.due)"),
                Cell("\(queue.running)"),
                Cell("\(queue.dead)", queue.dead > 0 ? .bad : .plain),
                Cell("\(queue.parked)", queue.parked > 0 ? .warning : .plain),
                Cell("\(queue.limited)"),
                Cell(queue.oldestSeconds.map { Span.text(.seconds($0)) }),
                Cell(queue.lagSeconds == 0 ? "0 s" : Span.text(.seconds(queue.lagSeconds)), queue.lag),
                Cell(queue.rates.map { Self.rate($0.enqueued) }),
                Cell(queue.rates.map { Self.rate($0.settled) }),
                Cell(queue.rates.map { Self.rate($0.failed) }, (queue.rates?.failed ?? 0) > 0 ? .warning : .plain),
                Cell(queue.workers.map { "\($0)" }),
                queue.state
            )
        }
    }

    private static func rate(_ rate: Double) -> String { rate >= 100 ? "\(Int(min(rate, 1e9)))" : "\(rate)" }
}

// MARK: Finding

extension Desk {
    var queues: JobQueue {
        get throws { JobQueue(redis: try redis, shards: shards, logger: .mute) }
    }
}

extension JobQueue {
    /// The queue that is meant, or its shards; or every queue that a job was ever put in or a worker ran.
    func names(_ wanted: QueueName? = nil) async throws -> [QueueName] {
        if let wanted { return shards(of: wanted) }
        return try await queueNames()
    }

    /// A job of that id, in the queue that is meant or in any.
    func find(_ id: JobID, on wanted: QueueName?) async throws -> (queue: QueueName, job: JobRecord)? {
        for queue in try await names(wanted) {
            if let job = try await show(id, on: queue) { return (queue, job) }
        }
        return nil
    }
}
