import Domain
import Foundation
import Testing

@testable import ThriveCart

@Suite struct `Reading an event` {
    @Test(
        arguments: [
            ("mode=live&mode_int=2", .live), ("mode=live", .live), ("mode=LIVE", .live), ("mode=live&mode_int=", .live),
            ("mode=live&mode_int=null", .live), ("mode=live&mode_int=1", .test), ("mode=test&mode_int=2", .test),
            ("mode=test", .test), ("mode_int=2", .test), ("", .test), ("mode=null", .test), ("mode[]=live", .test),
        ] as [(String, Mode)]
    ) func `an order is live only when all it says is live`(fields: String, mode: Mode) throws {
        #expect(try event("order.success", fields).mode == mode)
    }

    @Test func `a cart has no mode unless it says one`() throws {
        #expect(try event("cart.abandoned", "").mode == nil)
        #expect(try event("cart.abandoned", "mode=test").mode == .test)
        #expect(try event("order.something_new", "").mode == nil)
    }

    @Test func `JSON's number 2 is live too`() throws {
        let body = #"{"event":"order_rebill","mode":"live","mode_int":2}"#
        #expect(try ThriveCartBody.parse(Array(body.utf8)).checkoutEvent(account: "").mode == .live)
    }

    @Test func `the original sale's time is never a later event's`() throws {
        let order = "&order_id=1&order_timestamp=1790000000&order[date_unix]=1790000001"
        #expect(try seconds("order.success", order) == 1_790_000_000)
        #expect(try seconds("order.success", "&order_id=1&order[date_unix]=1790000001") == 1_790_000_001)
        #expect(try seconds("order.refund", order) == nil)
        #expect(try seconds("order.refund", order + "&date_unix=1790100000") == 1_790_100_000)
        #expect(try seconds("order.refund", order + "&date=2026-09-22+18:00:00") == 1_790_100_000)
    }

    @Test(arguments: [
        ("subscription[type]=upsell&subscription[id]=3", "upsell-3"), ("base_product=7", "only-item"),
        ("subscription[type]=&subscription[id]=null", "only-item"), ("subscription=x", "only-item"),
        ("subscription[type]=upsell&subscription[upsell_id]=3", "upsell-3"),
        ("subscription[upsell_id]=3&subscription[product_id]=7", "upsell-3"), ("subscription[id]=3", "none"),
        ("subscription[type]=plan&subscription[id]=3", "none"),
        ("subscription[type]=product&subscription[id]=sub_1", "none"), ("subscription[type]=product", "none"),
    ]) func `a later event names its item or means the only one, and nothing is guessed`(
        fields: String,
        item: String
    ) throws {
        let event = try event("order.subscription_paused", "order_id=1&" + fields)
        guard case .pause(let pause) = event.fact else {
            #expect(item == "none")
            #expect(event.remarks.contains(.itemUnreadable))
            return
        }
        #expect(pause.item == ItemKey(item).map { .exact($0) } ?? .onlyItem)
    }

    @Test func `a refund's item may be named by the event`() throws {
        let refunds = [
            ("order_refund", "refund[type]=bump&refund[id]=7"), ("order_refund_bump", "refund[id]=7"),
            ("order_refund_bump", "refund[bump_id]=7"), ("order_refund_bump", "refund[type]=bump&refund[id]=7"),
        ]
        for (name, fields) in refunds {
            guard case .refund(let refund) = try event(name, "order_id=1&" + fields).fact else {
                Issue.record("\(name) \(fields)")
                continue
            }
            #expect(refund.item == ItemKey("bump-7").map { .exact($0) })
        }
    }

    @Test(
        arguments: [
            ("invoice_id=000000141-6", "000000141-6"),
            ("invoice_id=000000141&subscription[invoice_str]=000000141-6", "000000141-6"),
            ("invoice_id=000000141", nil), ("", nil), ("invoice_id=A-141&order[invoice_id]=A-141", nil),
            ("invoice_id=A-141-2&order[invoice_id]=A-141", "A-141-2"), ("invoice_id=141-", nil),
            ("invoice_id=A-B", nil),
        ] as [(String, String?)]
    ) func `only an invoice with a number tells one payment from another`(
        fields: String,
        invoice: String?
    ) throws {
        guard case .payment(let payment) = try event("order_rebill", "order_id=1&" + fields).fact else {
            Issue.record("no payment")
            return
        }
        #expect(payment.invoice == invoice)
    }

    @Test func `without an order's number nothing happens, and that is remarked`() throws {
        for fields in [
            "", "order_id=null", "order_id=false", "order_id[]=1", "order_id=" + String(repeating: "1", count: 101),
        ] {
            let event = try event("order.refund", fields)
            #expect(event.fact == .unknown)
            #expect(event.remarks.contains(.noOrder))
        }
        guard case .refund(let refund) = try event("order.refund", "order[id]=7").fact else { throw Missing.refund }
        #expect(refund.order == "7")
    }

    @Test func `the site's account stands in for the body's`() throws {
        #expect(try event("order.success", "thrivecart_account=Studio").account == "studio")
        let body = try ThriveCartBody.parse(Array("event=order.success&order_id=1&base_product=2&mode=live".utf8))
        #expect(body.checkoutEvent(account: " ExampleStudio").account == "examplestudio")
        #expect(
            body.checkoutEvent(account: "ExampleStudio").naturalKeys().map(\.text)
                == ["thrivecart/examplestudio/live/sale/1/product-2"]
        )
    }

    private enum Missing: Error { case refund }

    private func seconds(_ name: String, _ fields: String) throws -> Int? {
        try event(name, fields).occurredAt.map { Int($0.timeIntervalSince1970) }
    }

    private func event(_ name: String, _ fields: String) throws -> CheckoutEvent {
        try ThriveCartBody.parse(Array("event=\(name)&\(fields)".utf8)).checkoutEvent(account: "")
    }
}

@Suite struct `The buyer in a body` {
    @Test(arguments: [
        ("customer[first_name]=Ana&customer[last_name]=Sample", "Ana|Sample"),
        ("customer[firstname]=Ana&customer[lastname]=Sample", "Ana|Sample"),
        ("customer[name]=Ana+Maria+Sample", "Ana|Maria Sample"), ("customer[name]=Ana", "Ana|-"),
        ("customer[name]=+&customer[first_name]=demo&customer[last_name]=buyer", "demo|buyer"),
        ("customer[name]=Ana+Sample&customer[first_name]=&customer[last_name]=+", "Ana|Sample"),
        ("customer[first_name]=Null&customer[last_name]=null", "Null|null"),
        ("customer[last_name]=O%26%23039%3BNeil", "-|O'Neil"), ("customer[first_name]=Zo%EB", "Zo\u{FFFD}|-"),
        ("viewer[name]=Ana+Sample", "Ana|Sample"), ("customer[name]=+", "-|-"), ("customer=Ana", "-|-"),
    ]) func `a name is read in every spelling`(fields: String, name: String) throws {
        let buyer = try buyer("customer_id=1&" + fields)
        #expect("\(buyer?.firstName ?? "-")|\(buyer?.lastName ?? "-")" == name)
    }

    @Test func `JSON's null is no name`() throws {
        let body =
            #"{"event":"order.success","customer":{"email":"a@example.com","first_name":null,"last_name":"Null"}}"#
        let buyer = try ThriveCartBody.parse(Array(body.utf8)).checkoutEvent(account: "").buyer
        #expect(buyer?.firstName == nil)
        #expect(buyer?.lastName == "Null")
    }

    @Test(
        arguments: [
            ("customer[email]=++Ana.Sample@Example.COM+", "Ana.Sample@Example.COM"),
            ("customer[email]=r.sample%2B2@example.com", "r.sample+2@example.com"),
            ("viewer[email]=lead@example.com", "lead@example.com"),
            ("customer[email]=null&viewer[email]=v@example.com", "v@example.com"),
            ("customer[email]=a%EB@example.com", nil), ("customer[email]=a%00@example.com", nil),
            ("customer[email]=", nil),
            ("customer[email][]=a@example.com", nil), ("email=a@example.com", nil),
        ] as [(String, String?)]
    ) func `an address must be intact`(fields: String, email: String?) throws {
        #expect(try buyer(fields)?.email?.original == email)
    }

    @Test func `a customer's number is text, and four letters are none`() throws {
        #expect(try buyer("customer_id=429583657898226838")?.customerID == "429583657898226838")
        #expect(try buyer("customer[id]=7")?.customerID == "7")
        #expect(try buyer("customer_id=null&customer[id]=false") == nil)
        #expect(try buyer("") == nil)
    }

    private func buyer(_ fields: String) throws -> Buyer? {
        try ThriveCartBody.parse(Array("event=order.success&\(fields)".utf8)).checkoutEvent(account: "").buyer
    }
}
