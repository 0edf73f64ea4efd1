import ArgumentParser
import Foundation
import Jobs

/// `gatehouse policy`: how jobs are tried, by kind.
struct Policies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "How often and how long jobs are tried, by kind.",
        subcommands: [ListPolicies.self, SetPolicy.self, ResetPolicy.self]
    )
}

struct ListPolicies: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the policies that hold.",
        discussion: """
            EXAMPLE
              gatehouse policy list
            """
    )

    static let needs: Set<Need> = [.redis]

    @OptionGroup var queue: QueueOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var policies: [PolicyEntry]

        func show(on page: inout Page) {
            var table = Table(
                "kind",
                .number("attempts"),
                "backoff",
                "lease",
                "timeout",
                "expiry",
                "group",
                "rate",
                "set by"
            )
            for policy in policies {
                table.row(
                    Table.Cell(policy.kind),
                    Table.Cell("\(policy.attempts)"),
                    Table.Cell(policy.backoff),
                    Table.Cell(Span.text(.milliseconds(policy.leaseMs))),
                    Table.Cell(policy.timeoutMs.map { Span.text(.milliseconds($0)) }),
                    Table.Cell(policy.expiryMs.map { Span.text(.milliseconds($0)) }),
                    Table.Cell("\(policy.groupSlots) at a time" + (policy.holdsGroup ? ", held" : "")),
                    Table.Cell(policy.rate),
                    Table.Cell(policy.setBy, policy.setBy == "operator" ? .warning : .plain)
                )
            }
            page.table(table, otherwise: "No policies yet: no worker has said what it runs.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        Reply(policies: try await desk.queues.allPolicies(on: queue.queue).map { PolicyEntry($0) })
    }
}

/// A kind's policy in lists and documents.
struct PolicyEntry: Encodable, Sendable {
    var kind: String
    var queue: String
    var attempts: Int
    /// In words.
    var backoff: String
    var leaseMs: Int
    var timeoutMs: Int?
    var expiryMs: Int?
    var groupSlots: Int
    var holdsGroup: Bool
    /// `10/1 s`; absent without a limit.
    var rate: String?
    /// `code` or `operator`.
    var setBy: String

    init(_ found: FoundPolicy) {
        kind = found.kind.text
        queue = found.queue.text
        attempts = found.policy.attempts
        backoff = found.policy.backoff.words
        leaseMs = found.policy.lease.inWholeMilliseconds
        timeoutMs = found.policy.timeout?.inWholeMilliseconds
        expiryMs = found.policy.expiry?.inWholeMilliseconds
        groupSlots = found.policy.groupSlots
        holdsGroup = found.policy.holdsGroup
        rate = found.policy.rate.map { "\($0.count)/\(Span.text($0.period))" }
        setBy = found.isOperators ? "operator" : "code"
    }
}

struct SetPolicy: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change how a kind is tried, from now on.",
        discussion: """
            What is not named stays. It holds for jobs that are leased or fail from now on, and until it is reset: \
            workers that start do not change it.

            EXAMPLE
              gatehouse policy set fulfillment.apply --attempts 20 --backoff 5s --backoff-limit 10m
            """
    )

    static let needs: Set<Need> = [.redis]

    @Argument(help: "The kind, such as fulfillment.apply.", transform: Reading.kind)
    var kind: JobKind

    @Option(name: .long, help: "Runs that may fail before the job is dead, 1 to 1000.")
    var attempts: Int?

    @Option(
        name: .long,
        help: ArgumentHelp("The first wait after a failure; doubled each time.", valueName: "time"),
        transform: Reading.span
    )
    var backoff: Duration?

    @Option(
        name: .long,
        help: ArgumentHelp("The longest wait after a failure.", valueName: "time"),
        transform: Reading.span
    )
    var backoffLimit: Duration?

    @Option(
        name: .long,
        help: ArgumentHelp("After how long a killed worker's job runs again; at least 1s.", valueName: "time"),
        transform: Reading.span
    )
    var lease: Duration?

    @Option(
        name: .long,
        help: ArgumentHelp("How long one run may take; 0s is for ever.", valueName: "time"),
        transform: Reading.span
    )
    var timeout: Duration?

    @Option(
        name: .long,
        help: ArgumentHelp("Drop jobs older than this instead of running them; 0s is never.", valueName: "time"),
        transform: Reading.span
    )
    var expiry: Duration?

    @Option(name: .long, help: "Jobs of one group that may run at a time, 1 to 1000; more than 1 gives up their order.")
    var groupSlots: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Starts at most so many in a time, such as 10/1s or 100/1m; off is no limit.",
            valueName: "rate"
        ),
        transform: Reading.rate
    )
    var rate: RateChange?

    @OptionGroup var queue: QueueOption
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard [attempts, groupSlots].allSatisfy({ $0.map { (1...1000).contains($0) } ?? true }) else {
            throw ValidationError("--attempts and --group-slots must be between 1 and 1000.")
        }
        guard lease.map({ $0 >= .seconds(1) }) ?? true else { throw ValidationError("--lease must be at least 1s.") }
        let spans = [backoff, backoffLimit, lease, timeout, expiry]
        guard attempts != nil || groupSlots != nil || rate != nil || spans.contains(where: { $0 != nil }) else {
            throw ValidationError("Say what to change, such as --attempts 20.")
        }
    }

    func answer(at desk: Desk) async throws -> PolicyChange {
        let queues = try desk.queues
        let found = try await queues.policy(of: kind, on: queue.queue)
        var policy = found.policy
        if let attempts { policy.attempts = attempts }
        if let lease { policy.lease = lease }
        if let timeout { policy.timeout = timeout == .zero ? nil : timeout }
        if let expiry { policy.expiry = expiry == .zero ? nil : expiry }
        if let groupSlots { policy.groupSlots = groupSlots }
        if let rate { policy.rate = rate.rate }
        policy.backoff = try changed(policy.backoff)
        try await queues.setPolicy(policy, of: kind, on: found.queue)
        return PolicyChange(policy: PolicyEntry(try await queues.policy(of: kind, on: found.queue)))
    }

    private func changed(_ old: Backoff) throws -> Backoff {
        guard backoff != nil || backoffLimit != nil else { return old }
        guard case .exponential(let first, let factor, let limit, let jitter) = old else {
            throw CommandProblem.failure(
                "\(kind) waits by a table of days, which is decided in the code",
                fix: "leave out --backoff and --backoff-limit"
            )
        }
        return .exponential(from: backoff ?? first, factor: factor, upTo: backoffLimit ?? limit, jitter: jitter)
    }
}

struct ResetPolicy: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Take a change back: the code's policy holds again.",
        discussion: """
            As soon as a worker of the queue looks.

            EXAMPLE
              gatehouse policy reset fulfillment.apply
            """
    )

    static let needs: Set<Need> = [.redis]

    @Argument(help: "The kind, such as fulfillment.apply.", transform: Reading.kind)
    var kind: JobKind

    @OptionGroup var queue: QueueOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var kind: String
        /// False where the code's policy held already.
        var reset: Bool

        func show(on page: inout Page) {
            page.line(reset ? "\(kind) is back to the code's policy" : "\(kind) has the code's policy already", .good)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let queues = try desk.queues
        let found = try await queues.policy(of: kind, on: queue.queue)
        if found.isOperators { try await queues.resetPolicy(of: kind, on: found.queue) }
        return Reply(kind: kind.text, reset: found.isOperators)
    }
}

/// A policy, as it stands after a change.
struct PolicyChange: Answer {
    var policy: PolicyEntry

    func show(on page: inout Page) {
        page.fields([
            "Kind": Table.Cell(policy.kind),
            "Attempts": Table.Cell("\(policy.attempts)"),
            "Backoff": Table.Cell(policy.backoff),
            "Lease": Table.Cell(Span.text(.milliseconds(policy.leaseMs))),
            "Timeout": policy.timeoutMs.map { Table.Cell(Span.text(.milliseconds($0))) },
            "Expiry": policy.expiryMs.map { Table.Cell(Span.text(.milliseconds($0))) },
            "Group": Table.Cell("\(policy.groupSlots) at a time"),
            "Rate": policy.rate.map { Table.Cell($0) },
        ])
    }
}

// MARK: Finding

/// A policy and where it was found.
struct FoundPolicy: Sendable {
    var kind: JobKind
    var queue: QueueName
    var policy: JobPolicy
    var isOperators: Bool
}

extension JobQueue {
    /// The policies of one queue or of all, by kind.
    func allPolicies(on wanted: QueueName?) async throws -> [FoundPolicy] {
        var found: [FoundPolicy] = []
        for queue in try await names(wanted) {
            for (kind, held) in try await policies(on: queue) {
                found.append(FoundPolicy(kind: kind, queue: queue, policy: held.policy, isOperators: held.isOperators))
            }
        }
        return found.sorted { ($0.kind.text, $0.queue.text) < ($1.kind.text, $1.queue.text) }
    }

    /// The one policy of a kind, or what to do.
    func policy(of kind: JobKind, on wanted: QueueName?) async throws -> FoundPolicy {
        let all = try await allPolicies(on: wanted)
        let matching = all.filter { $0.kind == kind }
        if matching.count == 1 { return matching[0] }
        if matching.count > 1 {
            throw CommandProblem.usage(
                "several queues run \(kind)",
                fix: "--queue with one of: \(matching.map(\.queue.text).joined(separator: ", "))"
            )
        }
        throw CommandProblem.failure(
            "no worker has said that it runs \(kind)",
            fix: all.isEmpty ? "start a worker first" : "one of: \(all.map(\.kind.text).joined(separator: ", "))"
        )
    }
}

extension Backoff {
    /// `15 s, doubled up to 5 m 0 s` or `3 d, 7 d after the first failure`.
    fileprivate var words: String {
        switch self {
        case .exponential(let first, let factor, let limit, _):
            "\(Span.text(first)), × \(factor.inEnglish) up to \(Span.text(limit))"
        case .table(let delays, _):
            "\(delays.map { Span.text($0) }.joined(separator: ", ")) after the first failure"
        }
    }
}

extension Double {
    fileprivate var inEnglish: String { formatted(.number.locale(Locale(identifier: "en_US_POSIX"))) }
}

extension Duration {
    fileprivate var inWholeMilliseconds: Int { Int(min(inSeconds * 1000, 1e15)) }
}
