package import Domain
import Foundation
package import Seeds

/// One payment by PayPal, all events that PayPal tells of it, and what must be true of it in the end.
///
/// It is the harness's own record, as `Life` is for ThriveCart: the bodies are written here a second time on purpose.
package struct PayPalLife: Sendable {
    package let number: Int
    /// Whose shop it is, by its place.
    package let shop: Int
    /// A renewal of this subscription, which has a vault token; else a one-off order.
    package let subscription: VaultSubscription.ID?
    /// Whether its order stands in our books before the events come.
    package let isKnown: Bool
    package let end: End
    package private(set) var events: [Event] = []

    package enum End: Sendable, Hashable { case paid, denied, refunded }

    package struct Event: Sendable, Hashable {
        package var id: String
        package var type: String
        package var body: String
        /// Events with one `news` tell the same: the shop hears one of them.
        package var news: String
        /// Whether the shop's own order id is added.
        package var isAnnotated: Bool
    }

    package init(_ number: Int, of shops: Int, random: inout SeededRandom) {
        self.number = number
        shop = Int.random(in: 0..<shops, using: &random)
        isKnown = random.chance(70)
        subscription = random.chance(30) ? .new(at: Date()) : nil
        end = random.chance(20) ? .refunded : random.chance(10) ? .denied : .paid
        if random.chance(30) { add("CHECKOUT.ORDER.APPROVED", order("APPROVED")) }
        if random.chance(20) { add("PAYMENT.CAPTURE.PENDING", capture("PENDING")) }
        if end == .denied {
            add("PAYMENT.CAPTURE.DENIED", capture("DECLINED"))
        } else {
            add("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED"))
            // PayPal has told one thing under two ids before.
            if random.chance(10) { add("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED")) }
            if random.chance(30) { add("CHECKOUT.ORDER.COMPLETED", order("COMPLETED")) }
        }
        if end == .refunded { add("PAYMENT.CAPTURE.REFUNDED", refund) }
        if isKnown, random.chance(5) { add("PAYMENT.SOMETHING.NEW", capture("COMPLETED")) }
    }

    private mutating func add(_ type: String, _ resource: String) {
        let id = "WH-\(number)-\(events.count)"
        let body =
            #"{"id":"\#(id)","create_time":"2026-06-04T08:46:46.096Z","event_type":"\#(type)","resource":\#(resource)}"#
        events.append(
            Event(id: id, type: type, body: body, news: "\(type) \(number)", isAnnotated: subscription != nil)
        )
    }

    // MARK: What must be true in the end

    package var captureStatus: String {
        switch end {
        case .paid: "COMPLETED"
        case .denied: "DECLINED"
        case .refunded: "REFUNDED"
        }
    }

    package var news: Set<String> { Set(events.map(\.news)) }

    // MARK: Names

    package var orderID: String { "ORDER\(number)" }
    package var captureID: String { "CAPTURE\(number)" }
    package var thriveOrderID: Int64 { Int64(number) }
    package var vaultToken: String { "vault\(number)" }
    package static func account(_ shop: Int) -> String { "FAULTMERCHANT\(shop)" }

    // MARK: As PayPal writes it

    private static let amount = #""amount":{"currency_code":"USD","value":"29.00"}"#
    private var payee: String { #""payee":{"merchant_id":"\#(Self.account(shop))"}"# }
    /// What a renewal writes into its order.
    private var customID: String { subscription.map { #","custom_id":"\#($0):1:0:0""# } ?? "" }

    private func capture(_ status: String) -> String {
        #"{"id":"\#(captureID)","status":"\#(status)",\#(Self.amount),\#(payee)\#(customID),"#
            + #""supplementary_data":{"related_ids":{"order_id":"\#(orderID)"}},"final_capture":true}"#
    }

    private func order(_ status: String) -> String {
        let payments =
            status == "COMPLETED"
            ? #","payments":{"captures":[{"id":"\#(captureID)","status":"COMPLETED",\#(Self.amount)\#(customID)}]}"#
            : ""
        return #"{"id":"\#(orderID)","status":"\#(status)","purchase_units":[{\#(Self.amount),\#(payee)\#(customID)"#
            + payments + "}]}"
    }

    private var refund: String {
        #"{"id":"REFUND\#(number)","status":"COMPLETED",\#(Self.amount),"payer":{"merchant_id":"\#(Self.account(shop))"},"#
            + #""seller_payable_breakdown":{"total_refunded_amount":{"currency_code":"USD","value":"29.00"}},"#
            + #""links":[{"rel":"up","href":"https://api.sandbox.paypal.com/v2/payments/captures/\#(captureID)"}]}"#
    }

    /// What PayPal answers to whoever looks at the capture.
    package var captureNow: String {
        #"{"id":"\#(captureID)","status":"\#(captureStatus)",\#(Self.amount)\#(customID),"#
            + #""links":[{"rel":"up","href":"https://api.sandbox.paypal.com/v2/checkout/orders/\#(orderID)"}]}"#
    }
}
