import ArgumentParser
import Foundation
import FulfillmentJobs
import Jobs
import Store

/// `gatehouse jobs`: one piece of work, wherever it is.
struct JobsControl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Look for one job, or take it out.",
        subcommands: [ShowJob.self, CancelJob.self]
    )
}

struct ShowJob: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show where a job is and what happened to it.",
        discussion: """
            Jobs that are done leave the queue, so exit status 3 means done, discarded or never there. The payload stays \
            unshown: it may hold what a buyer told us.

            EXAMPLE
              gatehouse jobs show 01K0example0000000000
            """
    )

    static let needs: Set<Need> = [.redis]

    @Argument(help: "The job's id.")
    var id: String

    @OptionGroup var queue: QueueOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var job: JobEntry?

        var exitStatus: ExitStatus { job == nil ? .no : .ok }

        func show(on page: inout Page) {
            guard let job else { return page.line("No queue has this job: it is done, or never was.") }
            job.show(on: &page)
            if job.place == "dead" {
                page.line()
                page.line("gatehouse dead replay \(job.id)", .faint)
            }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        guard let (queue, job) = try await desk.queues.find(JobID(id), on: queue.queue) else { return Reply() }
        return Reply(job: JobEntry(job, of: queue))
    }
}

/// A job in documents and on pages; never its payload.
struct JobEntry: Encodable, Sendable {
    var id: String
    var queue: String
    var kind: String
    /// `waiting`, `parked`, `due`, `running` or `dead`.
    var place: String
    var dueAt: Date?
    var leaseEndsAt: Date?
    var deadSince: Date?
    var enqueuedAt: Date?
    var firstFailedAt: Date?
    var attempts: Int
    var crashes: Int
    var reason: String?
    var lastError: String?
    var group: String?
    var uniqueKey: String?
    /// What ties it to the request that asked for it.
    var trace: String?
    var priority: String
    var payloadBytes: Int

    init(_ job: JobRecord, of queue: QueueName) {
        id = job.id.text
        self.queue = queue.text
        kind = job.envelope.kind.text
        place = job.place.rawValue
        dueAt = job.place == .due ? job.at : nil
        leaseEndsAt = job.place == .running ? job.at : nil
        deadSince = job.place == .dead ? job.at : nil
        enqueuedAt = job.envelope.enqueuedAt
        firstFailedAt = job.firstFailedAt
        attempts = job.attempt
        crashes = job.crashes
        reason = job.reason.isEmpty ? nil : job.reason
        lastError = job.lastError.isEmpty ? nil : job.lastError
        group = job.envelope.group
        uniqueKey = job.envelope.uniqueKey
        trace = job.envelope.trace
        priority = "\(job.envelope.priority)"
        payloadBytes = job.envelope.payload.count
    }

    /// One of the archive.
    init(_ kept: KeptDeadLetter) throws {
        let (letter, queue) = try kept.letter()
        self.init(JobRecord(letter), of: queue)
    }

    func show(on page: inout Page) {
        let tone: Tone =
            switch place {
            case "dead": .bad
            case "parked": .warning
            default: .plain
            }
        page.fields([
            "Kind": Table.Cell(kind),
            "Queue": Table.Cell("\(queue), \(priority) priority"),
            "State": Table.Cell(place, tone),
            "Due": dueAt.map { Table.Cell(Moment.text($0)) },
            "Lease ends": leaseEndsAt.map { Table.Cell(Moment.text($0)) },
            "Dead since": deadSince.map { Table.Cell(Moment.text($0)) },
            "Why": reason.map { Table.Cell($0, .bad) },
            "Last error": lastError.map { Table.Cell($0) },
            "Attempts": Table.Cell("\(attempts), \(crashes) crashes"),
            "Enqueued": enqueuedAt.map { Table.Cell(Moment.text($0)) },
            "First failed": firstFailedAt.map { Table.Cell(Moment.text($0)) },
            "Group": group.map { Table.Cell($0) },
            "Unique key": uniqueKey.map { Table.Cell($0) },
            "Trace": trace.map { Table.Cell($0) },
            "Payload": Table.Cell("\(payloadBytes) bytes"),
        ])
    }
}

struct CancelJob: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Take a job out of its queue; what it was to do is not done.",
        discussion: """
            A running job is cancelled at its worker's next heartbeat. Dead letters stay: discard them. Exit status 3 \
            when no queue has the job.

            EXAMPLE
              gatehouse jobs cancel 01K0example0000000000
            """
    )

    static let needs: Set<Need> = [.redis]

    @Argument(help: "The job's id.")
    var id: String

    @OptionGroup var queue: QueueOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var id: String
        /// Where it was taken from; absent where it was not.
        var canceled: String?

        var exitStatus: ExitStatus { canceled == nil ? .no : .ok }

        func show(on page: inout Page) {
            guard let canceled else { return page.line("No queue has this job: it is done, or never was.") }
            page.line("canceled while \(canceled)", .good)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let queues = try desk.queues
        guard let (queue, _) = try await queues.find(JobID(id), on: queue.queue) else { return Reply(id: id) }
        switch try await queues.cancel(JobID(id), on: queue) {
        case .missing: return Reply(id: id)
        case .dead: throw CommandProblem.failure("the job is dead", fix: "gatehouse dead discard \(id)")
        case let place: return Reply(id: id, canceled: place.rawValue)
        }
    }
}
