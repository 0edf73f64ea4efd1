import Domain
import Foundation
import Testing

@testable import ThriveCart

@Suite struct `What an order holds` {
    @Test(arguments: [
        ("purchase_map[0]=product-7&purchase_map[1]=bump-7", "product-7 bump-7"),
        ("purchase_map[1]=bump-7&purchase_map[0]=product-7", "product-7 bump-7"),
        ("purchase_map[]=product-7&purchase_map[]=product-7", "product-7"),
        ("purchase_map=product-7,+upsell-2", "product-7 upsell-2"),
        ("purchase_map_flat=product-7,+upsell-2,downsell-5", "product-7 upsell-2 downsell-5"),
        ("purchase_map[0]=product-7&purchase_map_flat=product-8", "product-7"),
        ("purchase_map=null&purchase_map_flat=product-8", "product-8"),
        ("transactions[product-7]=false&transactions[bump-7]=ch_1", "product-7 bump-7"),
        ("order[charges][0][item_type]=upsell&order[charges][0][reference]=3", "upsell-3"),
        ("order[charges][0][item_identifier]=upsell_3", "upsell-3"),
        ("purchase_map[0]=product-7&order[charges][0][item_identifier]=bump_7", "product-7 bump-7"),
        ("order[charges][0][reference]=7&base_product=7", "product-7"),
        ("base_product=2", "product-2"),
        ("base_product=2&purchase_map[0]=Course&purchase_map[1]=product-x&purchase_map[2]=product-012", "product-2"),
        ("purchase_map[0]=PRODUCT-7+&purchase_map[1][x]=product-8", "product-7"),
        ("purchases[0]=Course", ""), ("base_product=0", ""), ("base_product=null", ""), ("", ""),
    ]) func `items come from the first place that names any, and from the charges`(fields: String, keys: String) throws
    {
        #expect(try items(fields).map(\.key.description).joined(separator: " ") == keys)
    }

    @Test func `an event about one kind of item sells only that`() throws {
        let fields = "purchase_map_flat=product-7,bump-7,upsell-3,upsell-4,downsell-5"
        #expect(try items(fields, event: "order_payment_bump").map(\.key.description) == ["bump-7"])
        #expect(try items(fields, event: "order_payment_upsell").map(\.key.description) == ["upsell-3", "upsell-4"])
        #expect(try items(fields, event: "order_created").count == 5)
        #expect(try event("purchase_map_flat=product-7", event: "order_payment_upsell").remarks.contains(.noItems))
        #expect(try event(fields, event: "order_payment_declined_product").fact == .unknown)
    }

    @Test func `in 2018 a subscription was two charges, of which one was paid`() throws {
        let fields =
            "purchase_map[0]=product-2&order[charges][0][reference]=2&order[charges][0][type]=single"
            + "&order[charges][0][amount]=3000&order[charges][1][reference]=2&order[charges][1][type]=recurring"
            + "&order[charges][1][amount]=3000&order[charges][1][frequency]=month"
        let item = try #require(try items(fields).first)
        #expect(item.paidGross == 3_000)
        #expect(item.recurrence == Recurrence(nextDue: nil, frequency: .month))
    }

    @Test func `a charge without a kind is nobody's when two items share the number`() throws {
        let fields = "purchase_map_flat=product-7,bump-7&order[charges][0][reference]=7&order[charges][0][amount]=1"
        #expect(try items(fields).map(\.paidGross) == [nil, nil])
    }

    @Test func `gross amounts are added up, and unknown ones are not guessed`() throws {
        let charge = "order[charges][0][item_identifier]=product_7&order[charges][1][item_identifier]=product_7"
        #expect(
            try items(
                charge + "&order[charges][0][amount_gross]=119&order[charges][0][amount]=100"
                    + "&order[charges][1][amount]=1"
            ).first?.paidGross == 120
        )
        #expect(
            try items(charge + "&order[charges][0][amount]=1.19&order[charges][1][amount]=1&purchase_map=bump-1")
                .first?.paidGross == nil
        )
        #expect(
            try items(
                charge + "&order[charges][0][amount]=9223372036854775807&order[charges][1][amount]=1"
                    + "&purchase_map=bump-1"
            ).first?.paidGross == nil
        )
        #expect(try items("purchase_map=product-7&order[total]=100&order[total_gross]=119").first?.paidGross == 119)
    }

    @Test func `the earliest future charge is the next one due`() throws {
        let charge = "order[future_charges]"
        let fields =
            "purchase_map=product-7&\(charge)[0][reference]=7&\(charge)[0][type]=recurring"
            + "&\(charge)[0][due]=2026-11-21+14:13:20&\(charge)[0][frequency_days]=30"
            + "&\(charge)[1][reference]=7&\(charge)[1][due]=1792592000"
        #expect(
            try items(fields).first?.recurrence
                == Recurrence(nextDue: Date(timeIntervalSince1970: 1_792_592_000), frequency: .month)
        )
    }

    @Test func `a bump is never a subscription`() throws {
        let fields =
            "purchase_map=bump-7&subscription_ids[bump-7]=1&order[charges][0][item_identifier]=bump_7"
            + "&order[charges][0][type]=recurring&order[charges][0][frequency]=month"
        let item = try #require(try items(fields).first)
        #expect(item.recurrence == nil)
        #expect(item.subscription == nil)
    }

    @Test func `a processor's subscription alone makes an item recurring`() throws {
        #expect(try items("purchase_map=product-7&subscriptions[product-7]=sub_1").first?.recurrence != nil)
        #expect(try items("purchase_map=product-7&subscriptions[product-7]=false").first?.recurrence == nil)
    }

    @Test func `accessible items that differ are remarked and change nothing`() throws {
        let event = try event("purchase_map_flat=product-7,bump-7&accessible_purchase_map[0]=product-7")
        #expect(event.remarks.contains(.accessibleItemsDiffer))
        guard case .sale(let sale) = event.fact else { throw Missing.sale }
        #expect(sale.items.count == 2)
    }

    private enum Missing: Error { case sale }

    private func items(_ fields: String, event name: String = "order.success") throws -> [SoldItem] {
        guard case .sale(let sale) = try event(fields, event: name).fact else { return [] }
        return sale.items
    }

    private func event(_ fields: String, event name: String = "order.success") throws -> CheckoutEvent {
        try ThriveCartBody.parse(Array("event=\(name)&order_id=1&\(fields)".utf8)).checkoutEvent(account: "a")
    }
}
