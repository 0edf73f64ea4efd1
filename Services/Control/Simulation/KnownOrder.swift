import ArgumentParser
import Domain
import Foundation
import Postgres
import Store
import ThriveCart

/// Which order, and which item of it, a later event is about.
struct OrderOptions: ParsableArguments {
    @Option(name: .long, help: "The buyer's address: their newest order.", transform: Reading.email)
    var email: EmailAddress?

    @Option(name: .long, help: "The order's number.", transform: Reading.order)
    var order: String?

    @Option(name: .long, help: "The item (default: the first, or the first that renews).", transform: Reading.item)
    var item: ItemKey?

    @Flag(name: .long, help: "Only an order in test mode.")
    var test = false

    func validate() throws {
        guard email != nil || order != nil else {
            throw ValidationError("Whose order? --email ana@example.com, or --order with its number.")
        }
    }
}

/// An order of ours as ThriveCart would know it, with the item that an event is about.
struct KnownOrder: Sendable {
    let order: SimulatedOrder
    let email: EmailAddress
    let item: SimulatedItem
    private let kept: OrderItem
    /// Renewals we know of.
    var renewals: Int { kept.payments.count }
    /// Until when the item is paid; nil where that has no end.
    var paidThrough: Date? { kept.paidThrough }
    var frequency: BillingFrequency { item.subscription?.frequency ?? .month }

    /// - Parameter renewing: whether the event only makes sense for an item that renews.
    static func find(
        _ options: OrderOptions,
        of simulated: SimulatedSite,
        renewing: Bool,
        at desk: Desk
    ) async throws -> KnownOrder {
        let search = OrderSearch(
            site: simulated.site.id,
            provider: .thriveCart,
            number: options.order,
            email: options.email,
            mode: options.test ? .test : nil
        )
        guard let stored = try await desk.store.read({ try $0.newestOrder(search) }) else {
            throw CommandProblem.failure(
                "the site \(simulated.site.slug) knows no such order",
                fix: "gatehouse simulate purchase --email \(options.email?.original ?? "EMAIL") --item product-7"
            )
        }
        return try KnownOrder(stored, options.item, simulated.seller, renewing: renewing)
    }

    private init(_ stored: StoredOrder, _ wanted: ItemKey?, _ seller: SimulatedSeller, renewing: Bool) throws {
        let sale = stored.ledger.sale
        let sold = stored.ledger.items.filter { $0.value.isBought }.sorted { $0.key < $1.key }
        let newest = stored.ledger.buyers.values.max { $0.lastSeenAt < $1.lastSeenAt }
        guard let email = newest?.email ?? stored.ledger.buyers.values.compactMap(\.email).first else {
            throw CommandProblem.failure("the order \(stored.reference.number) names no address")
        }
        let candidates = sold.filter { wanted == nil ? !renewing || $0.value.recurs : $0.key == wanted }
        guard let (key, item) = candidates.first(where: { $0.key.kind == .product }) ?? candidates.first else {
            let names = sold.map(\.key.description).joined(separator: ", ")
            throw CommandProblem.failure(
                wanted.map { "the order \(stored.reference.number) holds no \($0)" }
                    ?? "nothing in the order \(stored.reference.number) renews",
                fix: names.isEmpty ? nil : "--item with one of: \(names)"
            )
        }
        let number = stored.reference.number
        var buyer = SimulatedBuyer(email, name: nil)
        if let customer = newest?.customer { buyer.number = customer }
        buyer.firstName = newest?.firstName ?? ""
        buyer.lastName = newest?.lastName ?? ""
        let placedAt = sale?.soldAt ?? item.payments.values.map(\.paidAt).min() ?? .now
        var order = SimulatedOrder(
            seller: seller,
            mode: stored.reference.mode,
            number: number,
            invoice: sale?.invoice ?? SimulatedNumber.invoice(of: number),
            placedAt: placedAt,
            buyer: buyer,
            items: sold.sorted { ($0.key.kind == .product ? 0 : 1) < ($1.key.kind == .product ? 0 : 1) }
                .map { SimulatedItem($0.key, $0.value, placedAt: placedAt) }
        )
        order.currency = sale?.currency ?? "USD"
        self.order = order
        self.email = email
        self.item = SimulatedItem(key, item, placedAt: placedAt)
        kept = item
    }
}

extension SimulatedItem {
    fileprivate init(_ key: ItemKey, _ item: OrderItem, placedAt: Date) {
        let latest = item.payments.values.max { $0.paidAt < $1.paidAt }
        self.init(key, name: item.sale?.name ?? key.description, price: item.sale?.paidGross ?? 0)
        guard item.recurs else { return }
        let frequency = item.sale?.frequency ?? latest?.frequency ?? .month
        subscription = SimulatedSubscription(
            number: item.subscription ?? SimulatedNumber.subscription(),
            processorNumber: "sub_sim\(SimulatedNumber.record())",
            price: latest?.amountGross ?? item.sale?.paidGross.flatMap { $0 > 0 ? $0 : nil } ?? 4900,
            frequency: frequency,
            firstDue: item.sale?.nextDue ?? frequency.next(after: placedAt),
            renewals: latest?.remaining.map { $0 + item.payments.count }
        )
    }
}
