import ArgumentParser
import Foundation
import Jobs
import Postgres
import Store

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
        help: ArgumentHelp("The queue's name (default: all queues).", valueName: "queue"),
        transform: Reading.queue
    )
    var queue: QueueName?

    /// For sentences.
    var named: String { queue?.text ?? "any queue" }
}

struct ListDead: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List dead letters, the oldest first.",
        discussion: """
            EXAMPLE
              gatehouse dead list
              gatehouse dead list --kind fulfillment.apply --error timed --since 2h
              gatehouse dead list --archived --since 30d
            """
    )

    static let needs: Set<Need> = [.redis, .database]

    @OptionGroup var filter: DeadFilter

    @Option(name: .long, help: "How many to show, 1 to 1000.")
    var limit = 50

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(limit) else { throw ValidationError("--limit must be between 1 and 1000.") }
    }

    struct Reply: Answer {
        var dead: [DeadEntry]
        /// Whether there are more than are shown.
        var more: Bool
        /// For the sentence where there are none.
        private var place: String

        private enum CodingKeys: String, CodingKey { case dead, more }

        init(_ dead: [DeadEntry], more: Bool, place: String) {
            self.dead = dead
            self.more = more
            self.place = place
        }

        func show(on page: inout Page) {
            var table = Table("id", "queue", "since", "kind", .number("attempts"), "why")
            for letter in dead {
                table.row(
                    Table.Cell(letter.id),
                    Table.Cell(letter.queue),
                    Table.Cell(Moment.text(letter.since)),
                    Table.Cell(letter.kind),
                    Table.Cell("\(letter.attempts)"),
                    Table.Cell(letter.why, .bad)
                )
            }
            page.table(table, otherwise: "No dead letters in \(place).")
            if more { page.line("There are more: --limit, or narrow it down with --kind, --error, --since.", .faint) }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let found = try await filter.letters(at: desk, limit: limit + 1)
        return Reply(Array(found.prefix(limit)), more: found.count > limit, place: filter.queue.named)
    }
}

/// A dead letter in lists and documents.
struct DeadEntry: Encodable, Sendable {
    var id: String
    var queue: String
    var kind: String
    var since: Date
    var attempts: Int
    var crashes: Int
    var reason: String
    var lastError: String?

    init(_ letter: DeadLetter, of queue: QueueName) {
        id = letter.id.text
        self.queue = queue.text
        kind = letter.kind.text
        since = letter.since
        attempts = letter.attempt
        crashes = letter.crashes
        reason = letter.reason
        lastError = letter.lastError.isEmpty ? nil : letter.lastError
    }

    init(_ kept: KeptDeadLetter) {
        id = kept.key.job
        queue = kept.key.queue
        kind = kept.kind
        since = kept.key.diedAt
        attempts = kept.attempt
        crashes = kept.crashes
        reason = kept.reason
        lastError = kept.lastError.isEmpty ? nil : kept.lastError
    }

    init(_ job: JobRecord, of queue: QueueName) {
        id = job.id.text
        self.queue = queue.text
        kind = job.envelope.kind.text
        since = job.at ?? .distantPast
        attempts = job.attempt
        crashes = job.crashes
        reason = job.reason
        lastError = job.lastError.isEmpty ? nil : job.lastError
    }

    var why: String { reason + (lastError.map { ": \($0)" } ?? "") }
}

/// Dead letters by queue, kind, error and time.
struct DeadFilter: ParsableArguments {
    @OptionGroup var queue: QueueOption

    @Option(name: .long, help: "Only jobs of this kind, such as fulfillment.apply.", transform: Reading.kind)
    var kind: JobKind?

    @Option(name: .long, help: ArgumentHelp("Only where the error contains this text.", valueName: "text"))
    var error: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Only those dead since this moment or age, or later.", valueName: "time"),
        transform: Reading.moment
    )
    var since: Date?

    @Option(
        name: .long,
        help: ArgumentHelp("Only those dead before this moment or age.", valueName: "time"),
        transform: Reading.moment
    )
    var until: Date?

    @Flag(name: .long, help: "Those that have lain so long that they were moved to Postgres.")
    var archived = false

    var isNarrow: Bool { kind != nil || error != nil || since != nil || until != nil }

    /// At most `limit` of those that fit: queue by queue, the oldest first; from the archive, the newest first.
    func letters(at desk: Desk, limit: Int = .max) async throws -> [DeadEntry] {
        if archived { return try await archivedLetters(at: desk, limit: limit) }
        let queues = try desk.queues
        var found: [DeadEntry] = []
        for name in try await queues.names(queue.queue) {
            var from = 0
            while found.count < limit {
                let page = try await queues.dead(
                    on: name,
                    kind: kind,
                    since: since ?? Date(timeIntervalSince1970: 0),
                    from: from,
                    count: 500
                )
                found += page.letters.map { DeadEntry($0, of: name) }.filter(fits)
                from += page.looked
                if page.looked < 500 { break }
            }
        }
        return Array(found.prefix(limit))
    }

    /// Those that were not put back in line since.
    private func archivedLetters(at desk: Desk, limit: Int) async throws -> [DeadEntry] {
        var search = DeadLetterSearch()
        search.queue = queue.queue?.text
        search.kind = kind?.text
        search.since = since
        search.until = until
        search.isWaiting = true
        search.limit = 500
        var found: [DeadEntry] = []
        while found.count < limit {
            let wanted = search
            let page = try await desk.store.read { try $0.search(wanted) }
            found += page.map { DeadEntry($0) }.filter(fits)
            guard page.count == 500, let last = page.last else { break }
            search.after = last.key
        }
        return Array(found.prefix(limit))
    }

    private func fits(_ letter: DeadEntry) -> Bool {
        if let until, letter.since >= until { return false }
        return error.map { letter.why.localizedCaseInsensitiveContains($0) } ?? true
    }
}

struct ShowDead: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a dead letter.",
        discussion: """
            The payload stays unshown: it may hold what a buyer told us; the inbound event shows it. Exit status 3 when \
            the job is not dead.

            EXAMPLE
              gatehouse dead show 01K0example0000000000
              gatehouse dead show 01K0example0000000000 --archived
            """
    )

    static let needs: Set<Need> = [.redis, .database]

    @Argument(help: "The job's id.")
    var id: String

    @OptionGroup var queue: QueueOption

    @Flag(name: .long, help: "One that was moved to Postgres.")
    var archived = false

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var job: JobEntry?
        private var again = ""

        private enum CodingKeys: String, CodingKey { case job }

        init(_ job: JobEntry? = nil, archived: Bool = false) {
            self.job = job
            again = archived ? " --archived" : ""
        }

        var exitStatus: ExitStatus { job == nil ? .no : .ok }

        func show(on page: inout Page) {
            guard let job else { return page.line("No dead letter has this id.") }
            job.show(on: &page)
            page.line()
            page.line("gatehouse dead replay \(job.id)\(again)", .faint)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        if archived {
            let kept = try await ReplayDead.kept(id, of: queue.queue?.text, in: desk.store)
            return Reply(try kept.map { try JobEntry($0) }, archived: true)
        }
        guard let (queue, job) = try await desk.queues.find(JobID(id), on: queue.queue), job.place == .dead else {
            return Reply()
        }
        return Reply(JobEntry(job, of: queue))
    }
}
