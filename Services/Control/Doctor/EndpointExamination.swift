import Domain
import Foundation
import Store

/// Whether anybody is told nothing any more because their endpoint only failed: a merchant has no address for a letter.
struct EndpointExamination {
    let desk: Desk

    /// So many are named; the others are counted.
    private static let most = 5

    func findings() async -> [Finding] {
        do {
            let off = try await desk.store.read { try $0.failedEndpoints() }
            guard !off.isEmpty else { return [.ok(.work, "no endpoint is switched off for failing")] }
            let named = off.prefix(Self.most).map(examine)
            guard off.count > Self.most else { return named }
            return named + [
                .warning(
                    .work,
                    "\(off.count - Self.most) more endpoints are switched off for failing",
                    fix: "see to these first"
                )
            ]
        } catch {
            return [Finding(.work, error)]
        }
    }

    private func examine(_ endpoint: Endpoint) -> Finding {
        let why = endpoint.state == .gone ? "answered 410" : "only failed for days"
        let whose = endpoint.owner.merchant == nil ? "an endpoint" : "a merchant's webhooks_url"
        return .warning(
            .work,
            "\(whose) \(why) and is switched off since \(Moment.text(endpoint.stateSince)): \(endpoint.url)",
            fix: "tell its owner, then: gatehouse endpoint enable \(endpoint.id); or accept it: "
                + "gatehouse endpoint disable \(endpoint.id)"
        )
    }
}
