import Domain
import Foundation
import RenewalSimulation
import Testing

@Suite struct `Months of renewals under crashes, freezes and outages` {
    @Test func `no period is charged twice or skipped, and nobody loses access wrongly`() async {
        let total = await Campaign.run(0..<150)
        #expect(total.captures > 5000)
        #expect(total.bad.isEmpty, "\(total.bad)")
    }

    /// Ten seeds of which one shows it; `simulate-renewals --seeds 10000 --without …` finds others when the days change.
    static let telling: [(RenewalRules.Rule, Range<Int>)] = [
        (.frozenRequestID, 50..<60), (.oneOpenAttempt, 0..<10), (.sendDeadline, 40..<50), (.ttlLookup, 10..<20),
        (.outageNotDecline, 0..<10), (.attemptNumber, 150..<160), (.duplicateInvoice, 2105..<2115), (.lastLook, 0..<10),
    ]

    @Test(arguments: telling)
    func `without one of its rules it goes wrong`(rule: RenewalRules.Rule, seeds: Range<Int>) async {
        let total = await Campaign.run(seeds, rules: .without(rule), stopsEarly: true)
        #expect(!total.bad.isEmpty)
    }

    @Test func `each rule has seeds that tell of it`() {
        #expect(Set(Self.telling.map(\.0)) == Set(RenewalRules.Rule.allCases))
    }

    @Test func `a seed replays`() {
        let runs = (0..<2).map { _ in
            let simulation = Simulation(seed: 1107, keepsHistory: true)
            _ = simulation.run()
            return simulation.story
        }
        #expect(!runs[0].isEmpty)
        #expect(runs[0] == runs[1])
    }
}
