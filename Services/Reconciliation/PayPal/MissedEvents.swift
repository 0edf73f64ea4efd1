import Domain
import Foundation
import PayPal
import Store

extension PayPalComparison {
    /// Applies the events that PayPal lists and that never reached us, or reached us and were not applied.
    ///
    /// PayPal sends an event 25 times in 3 days at most; then it is nowhere but in this list.
    func lookForMissedEvents(from start: Date, to end: Date) async throws -> Reconciliation.Counts {
        var counts = Reconciliation.Counts()
        var reply = try await ask {
            await $0.webhookEvents(
                since: start.formatted(.iso8601),
                until: end.formatted(.iso8601),
                pageSize: Self.eventPage
            )
        }
        while true {
            try Task.checkCancellation()
            switch reply {
            case .refused(let rejection):
                // It takes nothing away, and tells us nothing: the money and the orders are looked at all the same.
                let reason = "PayPal does not show us its list of events (\(rejection.status))"
                counts.count(try await note(.search, Self.list, of: nil, .person, reason))
                return counts
            case .answered(let page):
                counts.add(try await look(atEvents: page.events))
                guard let next = page.next, !page.events.isEmpty else {
                    try await settle(Self.list)
                    return counts
                }
                reply = try await ask { await $0.webhookEvents(next) }
            }
        }
    }

    private static let list = "search/events"

    private static let eventPage = 100

    private func look(atEvents listed: [JSON]) async throws -> Reconciliation.Counts {
        var counts = Reconciliation.Counts()
        let findings = listed.compactMap { PayPalFinding(listed: $0) }
        let known = try await store.read { try $0.settledPayPalEvents(among: findings.map(\.event.id)) }
        counts.rows = listed.count
        counts.agreed = findings.count { known.contains($0.event.id) }
        counts.needsPerson = listed.count - findings.count
        // The newest come first; they are applied in the order in which things happened.
        for finding in findings.reversed() where !known.contains(finding.event.id) {
            counts.count(try await heal(finding))
        }
        return counts
    }
}
