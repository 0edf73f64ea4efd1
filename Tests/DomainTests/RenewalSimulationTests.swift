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

    /// Rules whose absence a few seeds show; the others need `simulate-renewals --seeds 10000 --without …`.
    @Test(arguments: [
        RenewalRules.Rule.frozenRequestID, .oneOpenAttempt, .sendDeadline, .ttlLookup, .outageNotDecline, .lastLook,
    ])
    func `without one of its rules it goes wrong`(rule: RenewalRules.Rule) async {
        let total = await Campaign.run(0..<100, rules: .without(rule), stopsEarly: true)
        #expect(!total.bad.isEmpty)
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
