import FaultKit
import Foundation
import Jobs
import Redis
import Seeds
import Synchronization
import TestKit

/// One run: load, harm, and the reckoning.
struct CrashCheck: Sendable {
    var webhooks: Int
    var seed: UInt64
    /// Over which they are posted.
    var duration: Duration
    var history: History
    var sabotage: Sabotage?
    /// How many of PayPal's events come among them.
    var payPalEvents = 0

    private static let queue: QueueName = "fulfillment"
    /// Between two harms.
    private static let pause = Duration.seconds(2)
    private static let size = Gatehouse.Size(ingress: 2, fulfillment: 2)

    func run() async throws -> Report {
        let start = ContinuousClock.now
        var random = SeededRandom(seed: seed)
        let (lives, posted) = plan(&random)
        let power = try PowerCut(lying: sabotage == .lostFsync ? .seconds(1) : nil)
        let payPal = payPalEvents > 0 ? try await PayPalGround(events: payPalEvents, random: &random) : nil
        let system = try await Gatehouse(
            Self.size,
            fulfillment: sabotage == .ackBeforeEffect ? "careless-fulfillment" : "fulfillment",
            power: power,
            more: payPal?.settings ?? [:]
        )
        try await payPal?.open(system)
        let load = Load(posted.map(\.name), history)
        let post = Post(
            targets: system.targets,
            connections: 32,
            seed: seed,
            perSecond: Double(posted.count) * 1.24 / (duration / .seconds(1))
        )
        let posting = Task {
            try await post.send(posted.map(\.body), by: system.http, watching: load.saw, patience: .seconds(120))
        }
        async let payPalPosted: Void = tell(system, of: payPal)
        let surgery = Surgery(system, power, history, random)
        async let hurting: Void = hurt(surgery, with: try Zombies(on: system, fenced: sabotage != .noFencing), load)
        let record = try await posting.value
        try await payPalPosted
        load.isOver.store(true, ordering: .relaxed)
        try await hurting

        var report = await surgery.report
        report.accepted = load.accepted
        report.buyers = lives.count
        report.posts = record.sent
        report.refused = record.refused
        report.lostAnswers = record.lostAnswers
        try await reckon(lives, on: system, await surgery.interruptions, into: &report)
        report.payPal = try await payPal?.reckon(system)
        for finding in report.payPal?.findings ?? [] { history.finding(finding) }
        report.seconds = (ContinuousClock.now - start) / .seconds(1)
        try await payPal?.end()
        try await system.end()
        return report
    }

    /// Buyers with their webhooks until there are as many as asked.
    private func plan(_ random: inout SeededRandom) -> (lives: [Life], posted: [(name: String, body: String)]) {
        let now = Int(Date().timeIntervalSince1970)
        var lives: [Life] = []
        var posted: [(name: String, body: String)] = []
        while posted.count < webhooks {
            let life = Life(order: 30_000_000 + lives.count, now: now, random: &random)
            lives.append(life)
            posted += life.webhooks(account: Gatehouse.account, secret: Gatehouse.secret)
                .map { ("\(life.order) \($0.name)", $0.body) }
        }
        return (lives, posted)
    }

    /// PayPal's events, spread over the same time; meanwhile who tells the shops is killed again and again.
    private func tell(_ system: Gatehouse, of payPal: PayPalGround?) async throws {
        guard let payPal else { return }
        let isOver = Atomic(false)
        let events = payPal.events
        var post = Post(
            targets: payPal.targets(system),
            connections: 8,
            seed: seed ^ 0xA1,
            perSecond: Double(events.count) * 1.24 / (duration / .seconds(1))
        )
        post.headers = payPal.headers
        async let hurting: Void = payPal.hurt(system) { isOver.load(ordering: .relaxed) }
        _ = try await post.send(events.map(\.body), by: system.http, patience: .seconds(120))
        isOver.store(true, ordering: .relaxed)
        try await hurting
    }

    // MARK: Harm

    /// Something every two seconds until the last webhook is accepted and the sleepers have had their turn.
    private func hurt(_ surgery: Surgery, with zombies: Zombies, _ load: Load) async throws {
        var progress = Progress()
        try await eventually { load.accepted > 50 }
        try await zombies.lease(10)
        let leased = ContinuousClock.now
        var isAsleep = await zombies.count > 0
        while !load.isOver.load(ordering: .relaxed) || isAsleep {
            progress.show("posting", load.accepted, of: webhooks, await surgery.summary)
            // Two seconds before their leases end.
            if isAsleep, ContinuousClock.now - leased > .seconds(28) {
                try await surgery.wakeAtTheWorstMoment(zombies)
                isAsleep = false
            } else {
                try await surgery.next()
            }
            try await Task.sleep(for: Self.pause)
        }
        progress.clear()
        await zombies.close()
    }

    // MARK: The reckoning

    private func reckon(
        _ lives: [Life],
        on system: Gatehouse,
        _ interruptions: Interruptions,
        into report: inout Report
    ) async throws {
        let client = try system.redis.client()
        let queue = JobQueue(redis: client, logger: .silent)
        var progress = Progress()
        do {
            // The last to be interrupted wait for half a minute; jobs that met a silent Postgres sleep a while.
            try await eventually(within: .seconds(150)) {
                let stats = try await queue.stats(of: Self.queue)
                let left = stats.held - stats.dead
                progress.show("working off", max(0, webhooks - left), of: webhooks, "")
                return left == 0
            }
        } catch {
            report.isDrained = false
        }
        progress.clear()
        report.givenUp = try await queue.stats(of: Self.queue).dead
        await client.close()
        let books = try await Books(of: lives, site: "demo", in: system.pool)
        report.lost = books.lost
        report.duplicated = books.duplicated
        report.unexpected = books.unexpected
        report.findings = books.findings
        report.waits = interruptions.waits(in: try await system.logs())
        for finding in books.findings { history.finding(finding) }
    }
}

/// What the load generator knows of its webhooks.
final class Load: Sendable {
    let isOver = Atomic(false)
    private let names: [String]
    private let history: History
    private let known = Mutex<Set<Int>>([])

    init(_ names: [String], _ history: History) {
        self.names = names
        self.history = history
    }

    /// Different webhooks that were answered with 200.
    var accepted: Int { known.withLock { $0.count } }

    @Sendable func saw(_ sent: Post.Sent) {
        history.post(names[sent.index], status: sent.status, took: sent.took)
        if sent.status == 200 { known.withLock { _ = $0.insert(sent.index) } }
    }
}

/// Who does the harm, and writes down what was done.
actor Surgery {
    private let system: Gatehouse
    private let power: PowerCut
    private let history: History
    private var random: SeededRandom
    private(set) var report = Report()
    private(set) var interruptions = Interruptions()
    private var turn = 0

    init(_ system: Gatehouse, _ power: PowerCut, _ history: History, _ random: SeededRandom) {
        self.system = system
        self.power = power
        self.history = history
        self.random = random
    }

    var summary: String {
        report.harms.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }

    /// Each round hurts everything once, in an order of the dice.
    func next() async throws {
        if turn % 6 == 0 { round.shuffle(using: &random) }
        let harm = round[turn % 6]
        turn += 1
        try await inflict(harm)
    }

    private var round: [Chaos.Harm] = [
        .kill(.ingress(0)), .kill(.fulfillment(0)), .killRedis, .kill(.ingress(1)), .kill(.fulfillment(1)),
        .restartPostgres,
    ]

    private func inflict(_ harm: Chaos.Harm) async throws {
        history.harm("\(harm)")
        report.harms[harm.name, default: 0] += 1
        switch harm {
        case .kill(let role):
            await system.kill(role)
            if case .fulfillment = role { try await noteWhatRuns(at: .now) }
            try await system.start(role)
        case .killRedis:
            await system.redis.kill()
            report.bytesCut += try power.cut(system.redis)
            try await system.redis.start()
        case .restartPostgres:
            await system.postgres.stopImmediately()
            try await system.postgres.start()
        }
    }

    /// Postgres falls silent, the sleepers' jobs are given to others, the sleepers say that they are done, and the others
    /// are killed before they can be.
    func wakeAtTheWorstMoment(_ zombies: Zombies) async throws {
        history.harm("zombies")
        try await system.postgres.pause()
        try await zombies.sleepPastTheLease()
        try await zombies.wake()
        let roles = (0..<2).map { Gatehouse.Role.fulfillment($0) }
        for role in roles { await system.kill(role) }
        try await noteWhatRuns(at: .now)
        system.postgres.resume()
        for role in roles { try await system.start(role) }
        report.harms["fulfillment", default: 0] += 2
        report.zombies = (await zombies.refused, await zombies.believed)
    }

    private func noteWhatRuns(at moment: Date) async throws {
        let client = try system.redis.client()
        let queue = JobQueue(redis: client, logger: .silent)
        interruptions.note(try await queue.peek("run", count: 5000, on: "fulfillment"), at: moment)
        await client.close()
    }
}

extension Chaos.Harm {
    fileprivate var name: String {
        switch self {
        case .kill(.ingress): "ingress"
        case .kill(.fulfillment): "fulfillment"
        case .killRedis: "Redis"
        case .restartPostgres: "Postgres"
        }
    }
}
