import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Payments that PayPal tells of` {
    @Test func `a capture is written down and forwarded as it came`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            let body = Bookkeeper.captured("WH-1")
            #expect(try await books.hear(body) == .done)
            let capture = try #require(try await books.capture("CAP1"))
            #expect(capture.status == .completed)
            #expect(capture.amount == Money("29.00", "USD"))
            let order = try await books.store.read { try $0.payPalOrder("ORD1") }
            #expect(order?.status == "COMPLETED")
            let told = try await books.forwards()
            #expect(told.map(\.body) == [body])
            #expect(told.first?.merchant == books.merchant.id)
            #expect(told.first?.isSigned == true)
            #expect(try await books.event("WH-1").status == .applied)
        }
    }

    @Test func `the same event again changes and tells nothing`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            try await books.hear(Bookkeeper.captured("WH-1"))
            guard case .discarded = try await books.hear(Bookkeeper.captured("WH-1")) else {
                Issue.record("applied twice")
                return
            }
            #expect(try await books.forwards().count == 1)
        }
    }

    @Test func `another event of the same news is not forwarded`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            try await books.hear(Bookkeeper.captured("WH-1"))
            try await books.hear(Bookkeeper.captured("WH-2"))
            #expect(try await books.event("WH-2").status == .ignored)
            #expect(try await books.forwards().map(\.event) == ["WH-1"])
        }
    }

    @Test func `a payment of a subscription carries the shop's own id, and nothing else is touched`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            try await books.order("ORD2", subscription: subscription)
            let body = Bookkeeper.captured("WH-1", order: "ORD2")
            try await books.hear(body)
            let told = try #require(try await books.forwards().first)
            #expect(told.order == 4711)
            #expect(told.body == body.dropLast() + #","x_thrive_order_id":4711}"#)
        }
    }

    @Test func `the subscription's first order is its own`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription("ORD1")
            try await books.order("ORD1")
            try await books.hear(Bookkeeper.captured("WH-1"))
            #expect(try await books.event("WH-1").subscription == subscription.id)
        }
    }

    @Test func `a renewal is known by what we wrote into it, before its order is written down`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            try await books.hear(
                Bookkeeper.captured("WH-1", order: "ORD9", customID: "\(subscription.id):1:0:0")
            )
            #expect(try await books.forwards().first?.order == 4711)
            #expect(try await books.capture("CAP1")?.subscription == subscription.id)
        }
    }

    @Test func `a shop can't point at another's subscription`() async throws {
        try await Bookkeeper.run { books in
            let subscription = try await books.subscription()
            let other = try await Bookkeeper.connect(
                account: "OTHERACCOUNT1",
                site: "https://other.example",
                secret: 2,
                in: books.store
            )
            let custom = "\(subscription.id):1:0:0"
            // Of an order that is known, what the shop wrote is not believed at all.
            try await books.order("ORD5", of: other)
            try await books.hear(
                Bookkeeper.captured("WH-1", order: "ORD5", account: "OTHERACCOUNT1", customID: custom)
            )
            #expect(try await books.forwards().map(\.merchant) == [other.id])
            #expect(try await books.forwards().first?.order == nil)
            // Of one that is not, PayPal's word of the payee counts.
            try await books.hear(
                Bookkeeper.captured("WH-2", capture: "CAP2", order: "ORD6", account: "OTHERACCOUNT1", customID: custom)
            )
            #expect(try await books.event("WH-2").status == .flagged)
            #expect(try await books.forwards().count == 1)
        }
    }

    @Test func `a payment that is nobody's waits a moment, and then is put aside`() async throws {
        try await Bookkeeper.run { books in
            let body = Bookkeeper.captured("WH-1", order: "ORD7", account: nil)
            guard case .snoozed = try await books.hear(body, age: 1) else {
                Issue.record("its order may be on its way")
                return
            }
            #expect(try await books.hear(body) == .done)
            #expect(try await books.event("WH-1").status == .flagged)
            #expect(try await books.forwards().isEmpty)
        }
    }

    @Test func `pending, then denied: no access, no money, both forwarded`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            try await books.hear(Bookkeeper.captured("WH-1", type: "PENDING", status: "PENDING"))
            #expect(try await books.capture("CAP1")?.status == .pending)
            try await books.hear(Bookkeeper.captured("WH-2", type: "DENIED", status: "DECLINED"))
            #expect(try await books.capture("CAP1")?.status == .declined)
            try await books.hear(Bookkeeper.captured("WH-3", type: "DECLINED", status: "DECLINED"))
            #expect(try await books.forwards().map(\.event) == ["WH-1", "WH-2", "WH-3"])
        }
    }

    @Test func `events in any order come to the same`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            try await books.hear(Bookkeeper.captured("WH-2"))
            try await books.hear(Bookkeeper.captured("WH-1", type: "PENDING", status: "PENDING"))
            #expect(try await books.capture("CAP1")?.status == .completed)
            try await books.hear(Bookkeeper.refunded("WH-3"))
            try await books.hear(Bookkeeper.captured("WH-4", type: "COMPLETED").replacing("29.00", with: "29.00"))
            #expect(try await books.capture("CAP1")?.status == .refunded)
        }
    }

    @Test(arguments: [
        #"{"id":"WH-7","event_type":"PAYMENT.TELEPATHY.COMPLETED","resource":{"payee":{"merchant_id":"HF5SN9RKCTNJ2"}}}"#,
        #"{"id":"WH-7","event_type":"CHECKOUT.PAYMENT-APPROVAL.REVERSED","resource":{"merchant_id":"HF5SN9RKCTNJ2"}}"#,
    ])
    func `an unknown type is kept and forwarded`(body: String) async throws {
        try await Bookkeeper.run { (books) async throws in
            #expect(try await books.hear(body) == .done)
            #expect(try await books.event("WH-7").status == .applied)
            #expect(try await books.forwards().map(\.body) == [body])
        }
    }

    @Test(arguments: ["no json", #"{"id":"WH-8"}"#, #"{"id":"x","id":"y","event_type":"A"}"#])
    func `what can't be read is kept for a person`(body: String) async throws {
        try await Bookkeeper.run { books in
            #expect(try await books.hear(body) == .done)
            let kept = try await books.store.read { try $0.payPalEvents(ofType: "UNREADABLE", limit: 10) }
            #expect(kept.map(\.status) == [.flagged])
            #expect(kept.map { String(decoding: $0.body, as: UTF8.self) } == [body])
        }
    }

    @Test func `a body with our member in it is put aside, since two of them mean two things`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            let body = Bookkeeper.captured("WH-1").dropLast() + #","x_thrive_order_id":1}"#
            try await books.hear(String(body))
            #expect(try await books.event("WH-1").status == .flagged)
            #expect(try await books.forwards().isEmpty)
            #expect(try await books.capture("CAP1")?.status == .completed)
        }
    }

    @Test func `an order's own event writes its captures down`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            let body =
                #"{"id":"WH-5","event_type":"CHECKOUT.ORDER.COMPLETED","resource":{"id":"ORD1","status":"COMPLETED","purchase_units":[{"payee":{"merchant_id":"HF5SN9RKCTNJ2"},"amount":{"value":"29.00","currency_code":"USD"},"payments":{"captures":[{"id":"CAP1","status":"COMPLETED","amount":{"value":"29.00","currency_code":"USD"}}]}}]}}"#
            try await books.hear(body)
            #expect(try await books.capture("CAP1")?.status == .completed)
            // The capture's own event is another name for it, and shops look for that name.
            try await books.hear(Bookkeeper.captured("WH-6"))
            #expect(try await books.forwards().map(\.event) == ["WH-5", "WH-6"])
        }
    }

    @Test func `a dispute goes to the merchant whose payment it is`() async throws {
        try await Bookkeeper.run { books in
            try await books.order("ORD1")
            try await books.hear(Bookkeeper.captured("WH-1"))
            let body =
                #"{"id":"WH-2","event_type":"CUSTOMER.DISPUTE.CREATED","resource":{"dispute_id":"PP-D-1","status":"OPEN","disputed_transactions":[{"seller_transaction_id":"CAP1"}]}}"#
            try await books.hear(body)
            #expect(try await books.forwards().map(\.event) == ["WH-1", "WH-2"])
        }
    }
}
