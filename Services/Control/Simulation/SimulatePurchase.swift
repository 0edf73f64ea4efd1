import ArgumentParser
import Domain
import Foundation
import ThriveCart

struct SimulatePurchase: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "purchase",
        abstract: "Somebody buys.",
        discussion: """
            Items are product-7, bump-7, upsell-3, downsell-5 and so on. With --every all of them but bumps renew. Exit \
            status 69 when the ingress does not answer, or nothing came of it in time.

            EXAMPLE
              gatehouse simulate purchase --email ana@example.com --item product-7
              gatehouse simulate purchase --email ana@example.com --item product-7 --item bump-7 --item upsell-3 \\
                --every month --test
              gatehouse simulate purchase --email ana@example.com --item product-7 --twins --repeat 3 --shuffle
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @Option(name: .long, help: "The buyer's address.", transform: Reading.email)
    var email: EmailAddress

    @Option(name: .customLong("item"), help: "What is bought; repeat for more.", transform: Reading.item)
    var items: [ItemKey] = []

    @Option(name: .long, help: ArgumentHelp("What each item costs (default: 49.00).", valueName: "amount"), transform: Reading.money)
    var price: Int64 = 4900

    @Option(name: .long, help: "How often they renew; without it they are bought once.")
    var every: BillingFrequency?

    @Option(name: .long, help: "Payments of a payment plan, 2 or more; without it renewals have no end.")
    var payments: Int?

    @Option(name: .long, help: "Days until the first payment of a free trial.")
    var trialDays: Int?

    @Option(name: .long, help: "The buyer's name.")
    var name: String?

    @Option(name: .long, help: "The order's number (default: by chance).", transform: Reading.order)
    var order: String?

    @Flag(name: .long, help: "In test mode.")
    var test = false

    @OptionGroup var delivery: DeliveryOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !items.isEmpty else { throw ValidationError("--item is missing, such as --item product-7.") }
        guard Set(items).count == items.count else { throw ValidationError("An order holds each item once.") }
        if payments != nil || trialDays != nil {
            guard every != nil else { throw ValidationError("--payments and --trial-days need --every, such as --every month.") }
        }
        guard payments.map({ (2...1000).contains($0) }) ?? true else {
            throw ValidationError("--payments must be between 2 and 1000.")
        }
        guard trialDays.map({ (1...730).contains($0) }) ?? true else {
            throw ValidationError("--trial-days must be between 1 and 730.")
        }
    }

    func answer(at desk: Desk) async throws -> SimulationReply {
        let now = Date.now
        let simulated = try await SimulatedSite.find(delivery.site, at: desk, now: now)
        let moment = delivery.moment(or: now)
        let number = order ?? SimulatedNumber.order()
        let order = SimulatedOrder(
            seller: simulated.seller,
            mode: test ? .test : .live,
            number: number,
            invoice: SimulatedNumber.invoice(of: number),
            placedAt: moment,
            buyer: SimulatedBuyer(email, name: name),
            items: items.sorted { ($0.kind.place, $0.description) < ($1.kind.place, $1.description) }.map { item($0, at: moment) }
        )
        let simulation = Simulation(site: simulated.site, email: email, order: number, items: items, delivery: delivery)
        return try await simulation.run([.sale(order)], twins: order.items.map { "order_payment_\($0.key.kind.rawValue)" }, at: desk)
    }

    private func item(_ key: ItemKey, at moment: Date) -> SimulatedItem {
        var item = SimulatedItem(key, name: "Simulated \(key)", price: price)
        guard let every, key.kind != .bump else { return item }
        let trialEnd = trialDays.map { moment.addingTimeInterval(TimeInterval($0) * 86_400) }
        var subscription = SimulatedSubscription(
            number: SimulatedNumber.subscription(),
            processorNumber: "sub_sim\(SimulatedNumber.record())",
            price: price,
            frequency: every,
            firstDue: trialEnd ?? every.next(after: moment),
            renewals: payments.map { $0 - 1 }
        )
        subscription.isFreeTrial = trialEnd != nil
        item.subscription = subscription
        if trialEnd != nil { item.price = 0 }
        return item
    }
}

extension ItemKey.Kind {
    /// Where it stands in an order: the checkout page's product first.
    fileprivate var place: Int {
        switch self {
        case .product: 0
        case .bump: 1
        case .upsell: 2
        case .downsell: 3
        }
    }
}

extension BillingFrequency: ExpressibleByArgument {}
