import ArgumentParser
import FaultKit
import Foundation
import Jobs
import Postgres
import Redis
import SandboxKit
import SandboxPages
import Seeds
import Synchronization
import TestKit

/// Loses webhooks and queues under harm, and sees that the books bring everything back.
struct MissedFaults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "missed",
        abstract: "Lose webhooks and the queue, and see that one reconciliation heals everything.",
        discussion: """
            A shop sells while its webhooks are dropped on the way, Redis is flushed, and every two seconds something is \
            killed or loses its power, as in the crash check. What a killed ingress refuses is sent again twice and then \
            lost too. Afterwards one reconciliation must bring every member to the state that the shop's own books say, and \
            a second one must find nothing.

            EXAMPLE
              swift run -c release faults missed --webhooks 20000 --drop 0.1 --flushes 3
            """
    )

    @Option(help: "How many webhooks, about.")
    var webhooks = 20_000

    @Option(help: "Over how long they are sold.")
    var minutes = 1.5

    @Option(help: "The part of them that is dropped on the way.")
    var drop = 0.1

    @Option(help: "How often Redis is flushed.")
    var flushes = 3

    @Option(help: "The dice. The same seed gives the same plan.")
    var seed: UInt64 = UInt64.random(in: 1...999_999)

    func validate() throws {
        guard (100...1_000_000).contains(webhooks) else {
            throw ValidationError("--webhooks must be between 100 and 1000000.")
        }
        guard (0...600).contains(minutes) else { throw ValidationError("--minutes must be between 0 and 600.") }
        guard (0...0.9).contains(drop) else { throw ValidationError("--drop must be between 0 and 0.9.") }
        guard (0...100).contains(flushes) else { throw ValidationError("--flushes must be between 0 and 100.") }
    }

    func run() async throws {
        try await Programs.build(["ingress", "fulfillment", "gatehouse", "power-cut"])
        print("seed \(seed)")
        let power = try PowerCut()
        try await withSellingSystem(
            daysAgo: 100,
            size: .init(ingress: 2, fulfillment: 2),
            power: power,
            retries: [.milliseconds(500), .seconds(2)],
            orders: webhooks
        ) { system, shop in
            let check = MissedCheck(system: system, shop: shop, power: power, plan: self)
            let found = try await check.run()
            for line in found.lines { print(line) }
            guard found.isRight else { throw ExitCode(1) }
        }
    }
}

struct MissedCheck: Sendable {
    let system: Gatehouse
    let shop: Shop
    let power: PowerCut
    let plan: MissedFaults

    func run() async throws -> MissedReport {
        let start = ContinuousClock.now
        await shop.postman.setFaults(
            SandboxPages.Faults(duplicate: 0, delayMilliseconds: 0, reorder: true, dropRate: plan.drop, seed: plan.seed)
        )
        let surgery = Surgery(system, power, try History(nil), SeededRandom(seed: plan.seed))
        let sale = Sale()
        let hurting = Task {
            while !sale.isOver.load(ordering: .relaxed) {
                try await surgery.next()
                try await Task.sleep(for: .seconds(2))
            }
        }
        var report = try await sell()
        sale.isOver.store(true, ordering: .relaxed)
        try await hurting.value
        report.harms = await surgery.summary
        try await settle()
        (report.webhooks, report.dropped, report.refused) = await (
            shop.postman.made, shop.postman.dropped, shop.postman.givenUp
        )

        report.before = try await ShopComparison(of: shop, in: system.pool)
        let began = ContinuousClock.now
        report.first = try await reconcile()
        report.healing = (ContinuousClock.now - began) / .seconds(1)
        report.after = try await ShopComparison(of: shop, in: system.pool)
        report.second = try await reconcile()
        report.again = try await ShopComparison(of: shop, in: system.pool)
        (report.repeated, report.untold) = try await miscounted()
        report.seconds = (ContinuousClock.now - start) / .seconds(1)
        return report
    }

    private final class Sale: Sendable {
        let isOver = Atomic(false)
    }

    // MARK: Selling

    /// Buyers live their lives until there are as many webhooks as asked; Redis is flushed in between.
    private func sell() async throws -> MissedReport {
        var random = SeededRandom(seed: plan.seed)
        var report = MissedReport()
        var progress = Progress()
        // A story has between one webhook and seven, two as a rule.
        let expected = max(1, plan.webhooks / 2)
        let began = ContinuousClock.now
        var flushes = (1...max(1, plan.flushes)).map { plan.webhooks * $0 / (plan.flushes + 1) }
        if plan.flushes == 0 { flushes = [] }
        while await shop.postman.made < plan.webhooks {
            try await shop.live(report.buyers, &random)
            report.buyers += 1
            if shop.clock.now < Date(timeIntervalSinceNow: -86_400) {
                shop.clock.advance(by: 99 * 86_400 / Double(expected))
            }
            let made = await shop.postman.made
            if let next = flushes.first, made >= next {
                flushes.removeFirst()
                try await flush()
                report.flushes += 1
            }
            progress.show("selling", made, of: plan.webhooks, "\(report.buyers) buyers")
            guard report.buyers.isMultiple(of: 20) else { continue }
            try await pending(fewerThan: 400)
            let share = Double(made) / Double(plan.webhooks)
            try await Task.sleep(until: began + .seconds(share * plan.minutes * 60), clock: .continuous)
        }
        progress.clear()
        return report
    }

    /// Whatever was accepted and not yet applied is gone, and so are schedules and settings.
    private func flush() async throws {
        // Redis may just be dead: what happens to it takes turns.
        try await eventually {
            let client = try system.redis.client()
            let answer = try await client.call(["FLUSHALL"])
            await client.close()
            return answer.string == "OK"
        }
    }

    private func pending(fewerThan limit: Int) async throws {
        try await eventually(within: .seconds(300)) {
            await shop.postman.deliveries.count { $0.state == .waiting } < limit
        }
    }

    private func settle() async throws {
        for number in 0..<2 { try await system.ready(.fulfillment(number)) }
        try await pending(fewerThan: 1)
        try await system.drained(within: .seconds(300))
    }

    // MARK: Healing

    struct Run: Decodable, Sendable {
        var rows: Int
        var healed: Int
        var waiting: Int
        var needsPerson: Int

        private enum CodingKeys: String, CodingKey {
            case rows, healed, waiting
            case needsPerson = "needs_person"
        }

        var foundNothing: Bool { healed == 0 && waiting == 0 && needsPerson == 0 }
    }

    private func reconcile() async throws -> Run {
        struct Reply: Decodable { var runs: [Run] }
        let text = try await system.command(
            "reconcile",
            "run",
            "--provider",
            "thrivecart",
            "--since",
            "400d",
            "--in-flight",
            "0s",
            "--json"
        )
        guard let run = try JSONDecoder().decode(Reply.self, from: Data(text.utf8)).runs.first else { throw NoRun() }
        return run
    }

    private struct NoRun: Error {}

    /// Messages that were staged more often, and less often, than what they tell happened.
    private func miscounted() async throws -> (repeated: Int, untold: Int) {
        let found = try await system.pool.query("SELECT type, count(*) FROM outbox GROUP BY type")
        let counts = Dictionary(try found.decode((String, Int).self)) { first, _ in first }
        let orders = await shop.ledger.orders
        let items = orders.flatMap(\.items)
        let happened = [
            "order.paid": orders.count,
            "member.created": Set(orders.map(\.buyer.email)).count,
            "subscription.renewed": items.reduce(0) { $0 + ($1.subscription?.rebills ?? 0) },
            "order.refunded": items.count { $0.refunded > 0 },
        ]
        let excess = happened.map { (counts[$0.key] ?? 0) - $0.value }
        return (excess.reduce(0) { $0 + max(0, $1) }, excess.reduce(0) { $0 + max(0, -$1) })
    }
}

/// What came out.
struct MissedReport: Sendable {
    var buyers = 0
    var webhooks = 0
    var dropped = 0
    var refused = 0
    var flushes = 0
    var harms = ""
    var before: ShopComparison?
    var first: MissedCheck.Run?
    var healing = 0.0
    var after: ShopComparison?
    var second: MissedCheck.Run?
    var again: ShopComparison?
    var repeated = 0
    var untold = 0
    var seconds = 0.0

    var isRight: Bool {
        after?.differences.isEmpty == true && again?.differences.isEmpty == true && repeated == 0
            && untold == 0 && first?.waiting == 0 && first?.needsPerson == 0 && second?.foundNothing == true
    }

    var lines: [String] {
        func wrong(_ comparison: ShopComparison?) -> String {
            comparison.map { "\($0.differences.count) of \($0.compared) items wrong" } ?? "-"
        }
        func shown(_ run: MissedCheck.Run?) -> String {
            guard let run else { return "-" }
            return "\(run.rows) rows, healed \(run.healed), waiting \(run.waiting), for a person \(run.needsPerson)"
        }
        var lines = [
            "sold                \(webhooks) webhooks of \(buyers) buyers; \(dropped) dropped, \(refused) given up",
            "harm                \(harms); Redis flushed \(flushes) times",
            "before              \(wrong(before))",
            "reconciliation      \(shown(first)), in \(Int(healing)) s",
            "after               \(wrong(after))",
            "a second one        \(shown(second)); \(wrong(again))",
            "told twice          \(repeated); never told \(untold)",
        ]
        for difference in (after?.differences ?? []).prefix(10) { lines.append("    \(difference)") }
        lines.append("\(isRight ? "right" : "WRONG") after \(Int(seconds)) s")
        return lines
    }
}
