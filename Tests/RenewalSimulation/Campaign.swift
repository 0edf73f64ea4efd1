package import Domain
import Foundation

/// Many seeds, on all cores.
package struct Campaign: Sendable {
    package var seeds = 0
    package var captures = 0
    package var requests = 0
    package var parked = 0
    package var bad: [(seed: Int, violation: String)] = []

    private static let batch = 25

    /// - Parameter stopsEarly: no further batches once a seed went wrong.
    package static func run(_ seeds: Range<Int>, rules: RenewalRules = .all, stopsEarly: Bool = false) async -> Campaign
    {
        let width = ProcessInfo.processInfo.activeProcessorCount
        return await withTaskGroup(of: Campaign.self) { group in
            var total = Campaign()
            var next = seeds.lowerBound
            func add() {
                guard next < seeds.upperBound, !stopsEarly || total.bad.isEmpty else { return }
                let part = next..<min(next + batch, seeds.upperBound)
                next = part.upperBound
                group.addTask { run(batch: part, rules) }
            }
            for _ in 0..<width { add() }
            while let part = await group.next() {
                total.add(part)
                add()
            }
            total.bad.sort { $0.seed < $1.seed }
            return total
        }
    }

    private static func run(batch: Range<Int>, _ rules: RenewalRules) -> Campaign {
        var total = Campaign()
        for seed in batch {
            let simulation = Simulation(seed: seed, rules: rules)
            let violations = simulation.run()
            let figures = simulation.figures
            total.seeds += 1
            total.captures += figures.captures
            total.requests += figures.requests
            total.parked += figures.parked
            if let first = violations.first { total.bad.append((seed, first)) }
        }
        return total
    }

    private mutating func add(_ other: Campaign) {
        seeds += other.seeds
        captures += other.captures
        requests += other.requests
        parked += other.parked
        bad += other.bad
    }
}
