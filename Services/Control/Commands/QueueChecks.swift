import ArgumentParser
import Jobs
import Redis

// Whether a queue's indexes and bodies agree, and putting them right.

/// Looking alone, or looking and putting right.
protocol Checking: Sendable {
    static var name: String { get }
    static var abstract: String { get }
    static var discussion: String { get }
    static var repairs: Bool { get }
}

enum Verifying: Checking {
    static let name = "verify"
    static let abstract = "Compare every job's body with the places that should mention it, and the reverse."
    static let discussion = """
        One atomic look that changes nothing and holds Redis for about 4 µs a job. Exit status 3 when something is wrong.

        EXAMPLE
          gatehouse queue verify fulfillment
        """
    static let repairs = false
}

enum Repairing: Checking {
    static let name = "repair"
    static let abstract = "Rebuild a queue's indexes from the bodies of its jobs."
    static let discussion = """
        Puts right what verify finds, in the same look. Nothing is deleted but what has no body. Harmless to repeat.

        EXAMPLE
          gatehouse queue repair fulfillment
        """
    static let repairs = true
}

struct CheckQueue<Way: Checking>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: Way.name, abstract: Way.abstract, discussion: Way.discussion)
    }

    static var needs: Set<Need> { [.redis] }

    @Argument(help: "The queue's name.", transform: Reading.queue)
    var queue: QueueName

    @Option(name: .long, help: "Don't look at a queue with more jobs than this: Redis answers nobody meanwhile.")
    var limit = 250_000

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...100_000_000).contains(limit) else {
            throw ValidationError("--limit must be between 1 and 100000000.")
        }
    }

    func answer(at desk: Desk) async throws -> QueueCheck {
        let queues = try desk.queues
        try await queues.mustKnow(queue)
        do {
            let verdict = try await queues.verify(queue, repairs: Way.repairs, limit: limit)
            return QueueCheck(verdict, of: queue, repaired: Way.repairs)
        } catch {
            throw explained(error)
        }
    }

    // Because the compiler (Swift 6.3.1) crashes on this pattern in a `catch` of a generic type.
    private func explained(_ error: any Error) -> any Error {
        guard let problem = error as? JobsError, case .redis(let cause) = problem, cause.code == "LARGE" else {
            return error
        }
        return CommandProblem.failure(
            "\(queue) has more than \(limit) jobs, and looking would hold Redis too long",
            fix: "gatehouse queue \(Way.name) \(queue) --limit MORE, at a quiet hour"
        )
    }
}

/// What was found in a queue.
struct QueueCheck: Answer {
    var queue: String
    var jobs: Int
    /// Whether what was found is put right.
    var repaired: Bool
    /// How often, by what is wrong; empty where nothing is.
    var faults: [String: Int]
    /// The first 200.
    var findings: [Entry]

    struct Entry: Encodable, Sendable {
        var fault: String
        /// Of a job, a group or a kind.
        var name: String
        var more: String?
    }

    init(_ verdict: QueueVerdict, of queue: QueueName, repaired: Bool) {
        self.queue = queue.text
        jobs = verdict.jobs
        self.repaired = repaired && !verdict.isClean
        faults = Dictionary(uniqueKeysWithValues: verdict.counts.map { ($0.key.rawValue, $0.value) })
        findings = verdict.findings.map {
            Entry(fault: $0.fault.rawValue, name: $0.name, more: $0.more.isEmpty ? nil : $0.more)
        }
    }

    var exitStatus: ExitStatus { faults.isEmpty || repaired ? .ok : .no }

    func show(on page: inout Page) {
        guard !faults.isEmpty else {
            return page.line("\(jobs.counted("job")), and every index agrees with them", .good)
        }
        var table = Table(.number("count"), "fault", "for example")
        for (fault, count) in faults.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            let example = findings.first { $0.fault == fault }
            table.row(
                Table.Cell("\(count)"),
                Table.Cell(fault, .bad),
                Table.Cell(example.map { "\($0.name) \($0.more ?? "")" })
            )
        }
        page.table(table, otherwise: "")
        page.line()
        page.line(
            repaired ? "All of it is put right." : "gatehouse queue repair \(queue) puts it right.",
            repaired ? .good : .warning
        )
    }
}
