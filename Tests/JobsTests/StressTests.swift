import Foundation
import Jobs
import QueueSimulation
import Redis
import TestKit
import Testing

/// Workers that crash, stall, lose answers and fail at random, on one queue whose time is theirs. More of it:
/// `swift run -c release simulate-queue --seeds 5000`.
@Suite struct `A bad day` {
    @Test func `nothing is lost, nobody settles for another, groups keep their order, each fire is one job`()
        async throws
    {
        let count = ProcessInfo.processInfo.environment["SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 12
        let reports = try await reports(of: SimulatedSeeds(1..<(max(1, count) + 1)))
        #expect(reports.count == Int(max(1, count)))
        #expect(reports.filter { !$0.complaints.isEmpty }.map { "\($0.seed): \($0.complaints)" } == [])
        #expect(reports.allSatisfy { $0.jobs > 50 })
    }

    @Test func `a seed replays alone, turn for turn`() async throws {
        let together = try await reports(of: SimulatedSeeds(3..<6)).first { $0.seed == 5 }
        let alone = try await reports(of: SimulatedSeeds(5..<6)).first
        #expect(together != nil)
        #expect(alone == together)
    }

    @Test(arguments: Sabotage.allCases) func `a rule that is taken out is missed`(sabotage: Sabotage) async throws {
        let redis = try await TestRedis()
        var isNoticed = false
        try await SimulatedSeeds(1..<200, sabotage: sabotage, width: 2).run(
            on: [redis.client],
            prefix: "\(redis.prefix)-"
        ) {
            if !$0.complaints.isEmpty { isNoticed = true }
            return !isNoticed
        }
        #expect(isNoticed)
    }

    private func reports(of seeds: SimulatedSeeds) async throws -> [Simulation.Report] {
        let redis = try await TestRedis()
        var reports: [Simulation.Report] = []
        try await seeds.run(on: [redis.client], prefix: "\(redis.prefix)-") {
            reports.append($0)
            return true
        }
        return reports
    }
}
