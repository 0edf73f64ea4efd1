import ArgumentParser
import Domain
import Foundation
import ThriveCart

struct SimulateAbandon: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "abandon",
        abstract: "Somebody leaves the cart.",
        discussion: """
            EXAMPLE
              gatehouse simulate abandon --email ana@example.com --item product-7
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @Option(name: .long, help: "The visitor's address.", transform: Reading.email)
    var email: EmailAddress

    @Option(name: .long, help: "The product that was in the cart.", transform: Reading.item)
    var item: ItemKey

    @Option(name: .long, help: "The visitor's name.")
    var name: String?

    @OptionGroup var delivery: DeliveryOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> SimulationReply {
        let now = Date.now
        let simulated = try await SimulatedSite.find(delivery.site, at: desk, now: now)
        let cart = SimulatedCart(
            seller: simulated.seller,
            buyer: SimulatedBuyer(email, name: name),
            product: SimulatedItem(item, name: "Simulated \(item)", price: 4900),
            leftAt: delivery.moment(or: now)
        )
        let simulation = Simulation(site: simulated.site, email: email, order: nil, items: [], delivery: delivery)
        return try await simulation.run([.abandonment(cart)], at: desk)
    }
}
