import ArgumentParser

/// `gatehouse simulate`: posts to the ingress what ThriveCart would, and watches what comes of it.
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Post to the ingress what ThriveCart would, and watch what comes of it.",
        discussion: """
            The posts are those of real orders and carry the site's own secret, which is read from the database and never \
            shown. Nothing is bought and nobody is charged; access given is real access, unless the order is in test mode.

            EXAMPLE
              gatehouse simulate purchase --email ana@example.com --item product-7 --every month
              gatehouse simulate renewal --email ana@example.com
              gatehouse simulate refund --email ana@example.com
              gatehouse simulate year --subscriptions 200 --seed 1
            """,
        subcommands: [
            SimulatePurchase.self, SimulateLater<RenewalFact>.self, SimulateLater<DeclineFact>.self,
            SimulateLater<RefundFact>.self, SimulateLater<CancelFact>.self, SimulateLater<PauseFact>.self,
            SimulateLater<ResumeFact>.self, SimulateAbandon.self, SimulateYear.self,
        ]
    )
}
