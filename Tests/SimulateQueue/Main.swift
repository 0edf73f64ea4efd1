import ArgumentParser
import Foundation
import Jobs
import Logging
import QueueSimulation
import Redis
import TestKit

/// Runs the queue's protocol through seeded days of crashes, stalls, lost answers and jumping clocks on a private Redis.
@main
struct SimulateQueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate-queue",
        abstract: "Simulate crashes and stalls of the queue's workers, thousands of times.",
        discussion: """
            Example: swift run -c release simulate-queue --seeds 5000
            With --sabotage one rule of the scripts is taken out, and it fails unless that is noticed.
            """
    )

    @Option(help: "How many seeds, from 1 on.")
    var seeds: UInt64 = 500

    @Option(help: "Only this seed; prints every turn.")
    var seed: UInt64?

    @Option(help: "Take a rule out: \(Sabotage.allCases.map(\.rawValue).joined(separator: ", ")).")
    var sabotage: Sabotage?

    func run() async throws {
        let server = try await RedisServer()
        let clients = try (0..<2).map { _ in try server.client() }
        defer { withExtendedLifetime(server) {} }
        if let seed {
            var day = Simulation(seed: seed, redis: clients[0], prefix: "s", sabotage: sabotage) { print($0) }
            try await day.run()
            print("seed \(seed): \(day.report.turns) turns, \(day.report.jobs) jobs, digest \(day.report.digest)")
            try conclude(bad: day.report.complaints.isEmpty ? [] : [day.report])
        } else {
            try await runAll(clients)
        }
        await server.stop()
    }

    private func runAll(_ clients: [RedisClient]) async throws {
        let start = ContinuousClock.now
        var bad: [Simulation.Report] = []
        var count = 0, turns = 0, jobs = 0
        try await SimulatedSeeds(1..<(seeds + 1), sabotage: sabotage, width: 24).run(on: clients, prefix: "s") {
            report in
            count += 1
            turns += report.turns
            jobs += report.jobs
            if !report.complaints.isEmpty { bad.append(report) }
            if count.isMultiple(of: 500) { print("\(count) seeds, \(bad.count) with complaints") }
            return bad.count < 1000
        }
        print("\(count) seeds, \(turns) turns, \(jobs) jobs in \(ContinuousClock.now - start)")
        try conclude(bad: bad.sorted { $0.seed < $1.seed })
    }

    private func conclude(bad: [Simulation.Report]) throws {
        for report in bad.prefix(sabotage == nil ? 20 : 3) {
            print("seed \(report.seed): \(report.complaints.prefix(3).joined(separator: "; "))")
        }
        guard let sabotage else {
            print(bad.isEmpty ? "nothing was lost" : "\(bad.count) seeds with complaints")
            if !bad.isEmpty { throw ExitCode.failure }
            return
        }
        print(
            bad.isEmpty
                ? "\(sabotage.rawValue) was NOT noticed" : "\(sabotage.rawValue) was noticed by \(bad.count) seeds"
        )
        if bad.isEmpty { throw ExitCode.failure }
    }
}

extension Sabotage: ExpressibleByArgument {}
