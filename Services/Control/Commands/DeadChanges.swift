import ArgumentParser
import Foundation
import FulfillmentJobs
import Jobs
import Postgres
import Store

// Replaying and discarding dead letters: one, some, or all that fit.

struct ReplayDead: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Run dead letters again.",
        discussion: """
            Attempts and errors are forgotten. Many at once, by --all, --kind, --error, --since or --until, are shown \
            first and replayed after a yes, or with --yes. With --archived those that were moved to Postgres. Exit \
            status 3 when none of them was dead.

            EXAMPLE
              gatehouse dead replay 01K0example0000000000
              gatehouse dead replay --kind fulfillment.apply --error "timed out" --since 2h
              gatehouse dead replay --all --queue fulfillment --yes
            """
    )

    static let needs: Set<Need> = [.redis, .database]

    @OptionGroup var which: WhichDead
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var replayed: [String] = []
        var missing: [String] = []
        /// Jobs whose place another job has taken meanwhile.
        var superseded: [String] = []
        /// What would be replayed; absent once it was.
        var preview: DeadPreview?

        var exitStatus: ExitStatus {
            preview.map { $0.count == 0 ? .no : .ok } ?? (replayed.isEmpty ? .no : .ok)
        }

        func show(on page: inout Page) {
            if let preview { return preview.show(on: &page, verb: "replay") }
            if replayed.count > 20 {
                page.line("\(replayed.count) replayed", .good)
            } else {
                for id in replayed { page.line("replayed  \(id)", .good) }
            }
            for id in missing { page.line("not dead  \(id)", .warning) }
            for id in superseded { page.line("superseded by a newer job  \(id)", .warning) }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let queues = try desk.queues
        let chosen = try await which.choose(at: desk)
        guard try which.confirms(chosen, "Replay", quietly: output.json) else {
            return Reply(preview: DeadPreview(chosen.letters))
        }
        if which.filter.archived { return try await replayArchived(chosen, at: desk) }
        var reply = Reply(missing: chosen.missing)
        try await chosen.inPages("replaying") { ids, queue in
            for (id, result) in zip(ids, try await queues.replay(ids, on: queue)) {
                switch result {
                case .replayed: reply.replayed.append(id.text)
                case .missing: reply.missing.append(id.text)
                case .superseded: reply.superseded.append(id.text)
                }
            }
        }
        return reply
    }

    /// A letter of the archive that was not put back in line since: the latest of the job.
    static func kept(_ id: String, of queue: String?, in store: Store) async throws -> KeptDeadLetter? {
        var search = DeadLetterSearch()
        search.queue = queue
        search.job = id
        search.isWaiting = true
        search.limit = 1
        let wanted = search
        return try await store.read { try $0.search(wanted) }.first
    }

    /// From the archive each goes back in line, and that is noted there.
    private func replayArchived(_ chosen: ChosenDead, at desk: Desk) async throws -> Reply {
        let (queues, store) = (try desk.queues, try desk.store)
        var reply = Reply(missing: chosen.missing)
        let progress = ProgressLine("replaying")
        defer { progress.finish() }
        for (number, entry) in chosen.letters.enumerated() {
            progress.show(number, of: chosen.letters.count)
            guard let kept = try await Self.kept(entry.id, of: entry.queue, in: store) else {
                reply.missing.append(entry.id)
                continue
            }
            let (letter, queue) = try kept.letter()
            switch try await queues.replay(archived: [letter], on: queue).first {
            case .duplicate(let other) where other != letter.id: reply.superseded.append(entry.id)
            default: reply.replayed.append(entry.id)
            }
            let now = Date.now
            try await store.transaction { _ = try $0.markReplayed(kept.key, at: now) }
        }
        return reply
    }
}

struct DiscardDead: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Delete dead letters for good.",
        discussion: """
            What they were to do is not done. Many at once, by --all, --kind, --error, --since or --until, are shown \
            first and deleted after a yes, or with --yes. Exit status 3 when none of them was dead.

            EXAMPLE
              gatehouse dead discard 01K0example0000000000
              gatehouse dead discard --error NoSuchSite --until 7d --yes
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var which: WhichDead
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var discarded = 0
        var missing: [String] = []
        /// What would be deleted; absent once it was.
        var preview: DeadPreview?

        var exitStatus: ExitStatus { preview.map { $0.count == 0 ? .no : .ok } ?? (discarded == 0 ? .no : .ok) }

        func show(on page: inout Page) {
            if let preview { return preview.show(on: &page, verb: "discard") }
            page.line("\(discarded) discarded")
            for id in missing { page.line("not dead  \(id)", .warning) }
        }
    }

    func validate() throws {
        guard !which.filter.archived else { throw ValidationError("What is in the archive stays there.") }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let queues = try desk.queues
        let chosen = try await which.choose(at: desk)
        guard try which.confirms(chosen, "Delete", quietly: output.json) else {
            return Reply(preview: DeadPreview(chosen.letters))
        }
        var reply = Reply(missing: chosen.missing)
        try await chosen.inPages("discarding") { ids, queue in
            reply.discarded += try await queues.discard(ids, on: queue)
        }
        return reply
    }
}

/// Which dead letters are meant.
struct WhichDead: ParsableArguments {
    @Argument(help: "The jobs' ids.")
    var ids: [String] = []

    @Flag(name: .long, help: "All of the queue, or of all queues.")
    var all = false

    @OptionGroup var filter: DeadFilter

    @Flag(name: .long, help: "Do it without asking.")
    var yes = false

    func validate() throws {
        guard ids.isEmpty == (all || filter.isNarrow) else {
            throw ValidationError("Name the jobs, or say --all, --kind, --error, --since or --until.")
        }
    }

    func choose(at desk: Desk) async throws -> ChosenDead {
        guard !ids.isEmpty else { return ChosenDead(letters: try await filter.letters(at: desk)) }
        let queues = try desk.queues
        var chosen = ChosenDead()
        for id in ids {
            if filter.archived {
                let kept = try await ReplayDead.kept(id, of: filter.queue.queue?.text, in: desk.store)
                if let kept { chosen.letters.append(DeadEntry(kept)) } else { chosen.missing.append(id) }
            } else if let (queue, job) = try await queues.find(JobID(id), on: filter.queue.queue), job.place == .dead {
                chosen.letters.append(DeadEntry(job, of: queue))
            } else {
                chosen.missing.append(id)
            }
        }
        return chosen
    }

    /// Named jobs need no yes. On a terminal a person is asked; elsewhere nothing is done without `--yes`.
    func confirms(_ chosen: ChosenDead, _ verb: String, quietly: Bool) throws -> Bool {
        if !ids.isEmpty || yes { return true }
        let terminal = Terminal.errors
        guard !chosen.letters.isEmpty, !quietly, terminal.isTerminal, Terminal.input.isTerminal else { return false }
        var page = Page(style: terminal.style, width: terminal.width)
        DeadPreview(chosen.letters).show(on: &page, verb: nil)
        terminal.write(page.text + "\(verb) \(chosen.letters.count) dead letters? [y/N] ")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}

/// The dead letters that something is to be done to.
struct ChosenDead {
    var letters: [DeadEntry] = []
    /// Ids that no dead letter has.
    var missing: [String] = []

    /// Hands them out queue by queue, some at a time, and shows how far that has come.
    func inPages(_ what: String, _ work: ([JobID], QueueName) async throws -> Void) async throws {
        let progress = ProgressLine(what)
        defer { progress.finish() }
        var done = 0
        for (name, letters) in Dictionary(grouping: letters, by: \.queue).sorted(by: { $0.key < $1.key }) {
            guard let queue = QueueName(name) else { continue }
            for start in stride(from: 0, to: letters.count, by: 200) {
                progress.show(done, of: self.letters.count)
                let page = letters[start..<min(start + 200, letters.count)]
                try await work(page.map { JobID($0.id) }, queue)
                done += page.count
            }
        }
    }
}

/// What a bulk change would be about: dead letters by queue, kind and reason, the most first.
struct DeadPreview: Encodable, Sendable {
    var count: Int
    var groups: [Group]

    struct Group: Encodable, Sendable {
        var queue: String
        var kind: String
        var why: String
        var count: Int
        var oldest: Date
        var newest: Date
    }

    init(_ letters: [DeadEntry]) {
        count = letters.count
        let grouped = Dictionary(grouping: letters) { [$0.queue, $0.kind, $0.why] }
        groups = grouped.map { key, letters in
            Group(
                queue: key[0],
                kind: key[1],
                why: key[2],
                count: letters.count,
                oldest: letters.map(\.since).min() ?? .distantPast,
                newest: letters.map(\.since).max() ?? .distantPast
            )
        }
        .sorted { ($1.count, $0.queue, $0.kind, $0.why) < ($0.count, $1.queue, $1.kind, $1.why) }
    }

    /// - Parameter verb: how to do it; nil where that is asked anyway.
    func show(on page: inout Page, verb: String?) {
        var table = Table(.number("count"), "queue", "kind", "oldest", "newest", "why")
        for group in groups {
            table.row(
                Table.Cell("\(group.count)"),
                Table.Cell(group.queue),
                Table.Cell(group.kind),
                Table.Cell(Moment.text(group.oldest)),
                Table.Cell(Moment.text(group.newest)),
                Table.Cell(group.why, .bad)
            )
        }
        page.table(table, otherwise: "No dead letters fit.")
        if let verb, count > 0 { page.line("Nothing was done. Add --yes to \(verb) these \(count).", .warning) }
    }
}
