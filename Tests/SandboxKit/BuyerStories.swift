import Domain
import Foundation
package import SandboxPages
package import Seeds

extension Shop {
    /// One buyer's story, by the dice. No trial: when one ends, the books do not say once it is cancelled.
    package func live(_ number: Int, _ random: inout SeededRandom) async throws {
        let plans = ["monthly", "monthly", "monthly", "yearly", "split", "once"]
        let plan = plans[Int.random(in: 0..<plans.count, using: &random)]
        let more = random.chance(30) ? ["bump-7", "upsell-3"] : []
        let items = (["product-7"] + more).compactMap { ItemKey($0) }
        let order = try await buy(Cart(email: "buyer-\(number)@example.com", items: items, plan: plan))
        let product = items[0]
        guard plan != "once" else {
            if random.chance(40) {
                _ = try await change(order.id, product, .refund(random.chance(50) ? 500 : nil))
            }
            return
        }
        var renewals = Int.random(in: 0...3, using: &random)
        while renewals > 0, let line = try await ledger.order(order.id)[product], let own = line.subscription,
            !own.isOver, own.nextDue < Date().addingTimeInterval(-3600)
        {
            if random.chance(15) { _ = try await change(order.id, product, .decline) }
            _ = try await change(order.id, product, .renew)
            renewals -= 1
        }
        guard let own = try await ledger.order(order.id)[product]?.subscription, !own.isOver else { return }
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1: _ = try await change(order.id, product, .cancel)
        case 2: _ = try await change(order.id, product, .pause)
        case 3:
            _ = try await change(order.id, product, .pause)
            _ = try await change(order.id, product, .resume)
        default: break
        }
    }

    /// Sells to so many within 25 days, one order each, every other one by the month, and tells nobody. The clock must
    /// stand before that.
    package func fill(_ customers: Int) async throws {
        for number in 0..<customers {
            let plan = number.isMultiple(of: 2) ? "once" : "monthly"
            let cart = Cart(
                email: "customer-\(number)@example.com",
                items: [ItemKey("product-7")].compactMap { $0 },
                plan: plan
            )
            await books.enter(try await ledger.buy(cart).events)
            // In whole seconds, so that nothing happens before what was bought first.
            let next = Double(number + 1) * 25 * 86_400 / Double(customers)
            clock.advance(by: next.rounded(.down) - (Double(number) * 25 * 86_400 / Double(customers)).rounded(.down))
        }
    }
}
