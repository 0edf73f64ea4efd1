import Domain
import Foundation
import Testing
import ThriveCart

/// Rows of the books in the forms in which PHP may write them.
@Suite struct `Rows in odd forms` {
    @Test(arguments: [#"false"#, "0", #""0""#, #""""#, "null"])
    func `A4 an id that says nothing makes no subscription of a purchase`(nothing: String) throws {
        let row = try #require(
            PostValue(
                json: Array(
                    """
                    {"event_id":"1","transaction_type":"charge","timestamp":1790000000,"amount":4900,"order_id":"4",
                    "item_type":"product","item_id":7,"reference":"product-7","subscription_id":\(nothing),
                    "internal_subscription_id":\(nothing),"subscription_current_status":\(nothing == "0" ? "null" : nothing),
                    "customer":{"email":"ana@example.com"}}
                    """.utf8
                )
            )
        )
        guard case .sale(let sale) = try BookEntry(row: row, mode: .live).event(account: "demoshop").fact else {
            Issue.record("it is a sale")
            return
        }
        let item = try #require(sale.items.first)
        #expect(item.paidGross == 4900)
        // A status of "0" is a word that nobody knows, not nothing.
        if nothing != #""0""# { #expect(item.recurrence == nil) }
    }

    @Test func `F8 a trial that has not been paid yet lasts until its first payment is due`() throws {
        let row = try #require(
            PostValue(
                json: Array(
                    #"""
                    {"event_id":"1","transaction_type":"charge","timestamp":1790000000,"amount":0,"order_id":"4",
                    "item_type":"product","item_id":7,"reference":"product-7-1","internal_subscription_id":"5",
                    "subscription_current_status":"active","customer":{"email":"ana@example.com"}}
                    """#.utf8
                )
            )
        )
        var entry = BookEntry(row: row, mode: .live)
        entry.subscription = [
            "status": "active", "frequency": "month", "last_payment": .null, "next_payment": "2026-12-20 14:13:20",
        ]
        guard case .sale(let sale) = try entry.event(account: "demoshop").fact else {
            Issue.record("it is a sale")
            return
        }
        #expect(sale.items.first?.recurrence?.nextDue == Date(thriveCart: "2026-12-20 14:13:20"))
    }
}
