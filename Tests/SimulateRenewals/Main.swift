import ArgumentParser
import Domain
import Foundation
import RenewalSimulation

@main struct SimulateRenewals: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate-renewals",
        abstract: "Drives the production reducer through seeded months of crashes, outages and lost answers.",
        discussion: """
            Ends with 1 and the seed when a period was charged twice, skipped, or access was taken wrongly.

              simulate-renewals --seeds 10000
              simulate-renewals --seed 5887
              simulate-renewals --seeds 10000 --without send-deadline   # must fail
            """
    )

    @Option(help: "How many seeds to run.") var seeds = 1000
    @Option(help: "The first one.") var start = 0
    @Option(help: "Only this one, with everything that happened.") var seed: Int?
    @Option(help: "Switches one rule off: \(RenewalRules.Rule.allCases.map(\.rawValue).joined(separator: ", ")).")
    var without: RenewalRules.Rule?

    func run() async throws {
        let rules = without.map(RenewalRules.without) ?? .all
        if let seed { return try one(seed, rules) }
        let began = ContinuousClock.now
        let total = await Campaign.run(start..<(start + seeds), rules: rules, stopsEarly: without != nil)
        let name = without.map { "without \($0.rawValue)" } ?? "all rules"
        print(
            "\(name): \(total.seeds) seeds, \(total.captures) captures, \(total.requests) requests,",
            "\(total.parked) parked for a person, \(total.bad.count) bad seeds, \(ContinuousClock.now - began)"
        )
        for (seed, violation) in total.bad.prefix(5) { print("seed \(seed): \(violation)") }
        if !total.bad.isEmpty { throw ExitCode.failure }
    }

    private func one(_ seed: Int, _ rules: RenewalRules) throws {
        let simulation = Simulation(seed: seed, rules: rules, keepsHistory: true)
        let violations = simulation.run()
        simulation.story.forEach { print($0) }
        violations.forEach { print("seed \(seed): \($0)") }
        if !violations.isEmpty { throw ExitCode.failure }
    }
}

extension RenewalRules.Rule: ExpressibleByArgument {}
