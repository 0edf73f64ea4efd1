import ArgumentParser
import FaultKit
import Foundation

/// Checks of a whole Gatehouse that take longer than a test may.
@main
struct Faults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract: "Hurt a whole Gatehouse, and see that it is right in the end.",
        subcommands: [CrashFaults.self, MissedFaults.self, BackfillFaults.self],
        defaultSubcommand: CrashFaults.self
    )
}

/// Hurts a whole Gatehouse under load, and compares what is left with what the load generator saw.
struct CrashFaults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash",
        abstract: "Kill everything under load, and see that nothing accepted is lost or done twice.",
        discussion: """
            Starts private servers and real processes, posts webhooks with duplicates and out of order, and every two \
            seconds kills ingress, fulfillment or Redis with -9 or restarts Postgres with -m immediate. A killed Redis \
            loses what had not reached the disk, as in a power cut. Workers that slept past their lease wake up and \
            claim to be done. In the end the books are compared with the load generator's own record and nothing else.

            PayPal's signed events come among them, under the same harm, while the process that tells shops is killed too. \
            Each must be applied once and told to its shop, signed with the shop's secret.

            Ends with 0 when all is right, with 1 when something is not. With --sabotage one protection is taken away: \
            then 1 is what a check that is worth something ends with.

            EXAMPLE
              swift run -c release faults --webhooks 20000
              swift run -c release faults --webhooks 20000 --seed 7 --history history.jsonl
              swift run -c release faults --webhooks 5000 --sabotage lost-fsync
            """
    )

    @Option(help: "How many different webhooks.")
    var webhooks = 20_000

    @Option(name: .customLong("paypal-events"), help: "How many of PayPal's events among them; else a quarter as many.")
    var payPalEvents: Int?

    @Option(help: "The dice: who buys what, what is sent twice, what is hurt. The same seed gives the same plan.")
    var seed: UInt64 = UInt64.random(in: 1...999_999)

    @Option(help: "Over how long they are posted.")
    var minutes = 1.5

    @Option(help: "Write what the load generator saw to this file, a line of JSON each.")
    var history: String?

    @Option(
        help: "Take one protection away: \(Sabotage.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var sabotage: Sabotage?

    func validate() throws {
        guard (100...1_000_000).contains(webhooks) else {
            throw ValidationError("--webhooks must be between 100 and 1000000.")
        }
        guard (0...1_000_000).contains(payPalEvents ?? 0) else {
            throw ValidationError("--paypal-events must be between 0 and 1000000.")
        }
        guard (0.2...600).contains(minutes) else { throw ValidationError("--minutes must be between 0.2 and 600.") }
    }

    func run() async throws {
        try await Programs.build([
            "ingress", "fulfillment", "gatehouse", "notifications", "careless-fulfillment", "power-cut",
        ])
        print("seed \(seed)\(sabotage.map { ", without protection: \($0.rawValue)" } ?? "")")
        let report = try await CrashCheck(
            webhooks: webhooks,
            seed: seed,
            duration: .seconds(minutes * 60),
            history: try History(history),
            sabotage: sabotage,
            // Because what sabotage proves is proved by ThriveCart's webhooks alone.
            payPalEvents: sabotage == nil ? payPalEvents ?? webhooks / 4 : 0
        ).run()
        for line in report.lines { print(line) }
        guard report.isRight else { throw ExitCode(1) }
    }
}

enum Sabotage: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// Fulfillment tells the queue that a webhook is applied before it is.
    case ackBeforeEffect = "ack-before-effect"
    /// The queue believes whoever says that a job is done.
    case noFencing = "no-fencing"
    /// The disk says that it has what it keeps only once a second.
    case lostFsync = "lost-fsync"
}

/// What came out.
struct Report: Sendable {
    var accepted = 0
    var buyers = 0
    var posts = 0
    var refused: [UInt: Int] = [:]
    var lostAnswers = 0
    var harms: [String: Int] = [:]
    var bytesCut = 0
    var zombies = (refused: 0, believed: 0)

    var lost = 0
    var duplicated = 0
    var unexpected = 0
    var givenUp = 0
    /// Whether everything was worked off in the end.
    var isDrained = true
    var findings: [String] = []
    /// What became of PayPal's events; nil where there were none.
    var payPal: PayPalBooks?
    /// Seconds that interrupted jobs waited, the shortest first.
    var waits: [Double] = []
    var seconds = 0.0

    /// Interrupted jobs run again within this many seconds.
    static let patience = 35.0

    var isRight: Bool {
        lost == 0 && duplicated == 0 && unexpected == 0 && givenUp == 0 && isDrained && zombies.believed == 0
            && (waits.last ?? 0) <= Self.patience && payPal?.areRight ?? true
    }

    var lines: [String] {
        let answers = refused.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" } + ["\(lostAnswers) lost"]
        let harms = harms.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        var lines = [
            "accepted            \(accepted) webhooks of \(buyers) buyers, in \(posts) posts "
                + "(other answers: \(answers.joined(separator: ", ")))",
            "harm                \(harms); \(bytesCut) unsynced bytes cut off",
            "late claims         \(zombies.refused) refused, \(zombies.believed) believed",
            "lost                \(lost)",
            "duplicated effects  \(duplicated)",
            "unexpected          \(unexpected)",
            "given up            \(givenUp)",
            "interrupted jobs    " + waited,
        ]
        if let payPal { lines += Self.lines(payPal) }
        if !isDrained { lines.append("not worked off      jobs were left in the queue") }
        lines += findings.prefix(10).map { "    \($0)" }
        if findings.count > 10 { lines.append("    and \(findings.count - 10) more") }
        lines.append("\(isRight ? "right" : "WRONG") after \(Int(seconds)) s")
        return lines
    }

    private static func lines(_ books: PayPalBooks) -> [String] {
        [
            "PayPal              \(books.events) events of \(books.payments) payments: \(books.lost) lost, "
                + "\(books.duplicated) duplicated, \(books.unexpected) unexpected",
            "forwarded           \(books.told) to their shops, in \(books.posts) posts; "
                + "notifications killed \(books.notificationsKilled) times",
        ] + books.findings.prefix(10).map { "    \($0)" }
    }

    private var waited: String {
        guard let longest = waits.last else { return "none" }
        func shown(_ seconds: Double) -> String { "\((seconds * 10).rounded() / 10) s" }
        return "\(waits.count), again after \(shown(waits[waits.count / 2])) (median), \(shown(longest)) at most"
    }
}
