import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse renewals explain`: in sentences, what happened and what will happen next, and why.
struct ExplainRenewal: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell in plain sentences what happened to a subscription, what happens next, and why.",
        discussion: """
            EXAMPLE
              gatehouse renewals explain 0190f6e2-…
            """
    )

    @Argument(help: "The subscription's id.", transform: RenewalReading.subscription) var subscription:
        VaultSubscription.ID
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var subscription: String
        var happened: [String]
        var next: [String]

        func show(on page: inout Page) {
            page.heading("What happened")
            happened.forEach { page.line($0) }
            page.heading("What happens next")
            next.forEach { page.line($0) }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let id = subscription
        return try await desk.store.read { transaction in
            let story = RenewalStory(
                try transaction.neededRenewal(id),
                periods: try transaction.chargePeriods(of: id),
                evidence: try transaction.chargeEvidence(of: id),
                alarms: try transaction.chargeAlarms(of: id, limit: 20),
                pauses: try transaction.renewalPauses(),
                at: .now
            )
            return Reply(subscription: id.description, happened: story.happened, next: story.next)
        }
    }
}
