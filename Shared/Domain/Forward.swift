package import Foundation

/// What a PayPal merchant is told, made once: PayPal's event with one member spliced in, or an event of our own.
///
/// Source: the Product API document, "Headers your route receives", "Webhook event catalog".
package struct Forward: Sendable, Hashable {
    /// The event's own id: of two forwards of one event to one merchant the second is not kept.
    package let event: String
    /// PayPal's name of it, or `THRIVE.…`, `WEBHOOK.TEST`.
    package let type: String
    /// As it will be sent, at every attempt.
    package let body: [UInt8]
    /// The subscription's `thrive_order_id`, which is part of the body: a number, as the shop gave it.
    package let order: Int64?
    /// What it is about; forwards about one thing go in their order as far as retries allow.
    package let subject: String?
    /// The values of `passedHeaders`, in that order; nil for one that did not come.
    package let paypalHeaders: [String?]
    package let isSimulated: Bool
    /// False for a nudge to a merchant who has no secret yet: it says nothing that may be believed.
    package let isSigned: Bool

    /// Why an event is put aside for a person instead of being forwarded.
    package enum Quarantine: Error, Hashable, Sendable {
        /// The body is no JSON object.
        case notAnObject
        /// It holds `x_thrive_order_id` already: ours beside it would be read differently by different receivers.
        case keyExists
        /// One of PayPal's headers could not stand in ours; which.
        case header(String)
        /// The event's id or type is empty or no plain text.
        case name
    }

    /// PayPal's headers that are passed through, for receivers who verify with PayPal's certificate too.
    package static let passedHeaders = [
        "Paypal-Transmission-Id", "Paypal-Transmission-Time", "Paypal-Auth-Algo", "Paypal-Cert-Url",
        "Paypal-Transmission-Sig",
    ]

    /// - Parameters:
    ///   - event: the event's id, `WH-…` of PayPal's, one of our own making otherwise.
    ///   - body: as it came from PayPal, or as we made it.
    ///   - order: the subscription's `thrive_order_id`, where the event belongs to one.
    ///   - subject: what it is about when it is about no subscription, such as PayPal's order id.
    ///   - paypal: PayPal's headers by name in lower case; others among them are left out.
    package init(
        event: String,
        type: String,
        body: [UInt8],
        order: Int64? = nil,
        subject: String? = nil,
        paypal: [String: String] = [:],
        isSimulated: Bool = false,
        isSigned: Bool = true
    ) throws(Quarantine) {
        guard Self.isPlain(event, upTo: 255), Self.isPlain(type, upTo: 100) else { throw .name }
        self.event = event
        self.type = type
        self.body = try Self.spliced(body, order)
        self.order = order
        self.subject = order.map(String.init) ?? subject
        var values: [String?] = []
        for name in Self.passedHeaders {
            let value = paypal[name.lowercased()]
            // 2 KiB is far more than PayPal's longest.
            guard value.map({ Self.isPlain($0, upTo: 2048) }) ?? true else { throw .header(name) }
            values.append(value)
        }
        paypalHeaders = values
        self.isSimulated = isSimulated
        self.isSigned = isSigned
    }

    /// A `WEBHOOK.TEST`, which tells of nothing: a shop or an operator tries the address.
    ///
    /// - Parameter id: `TEST-…`, of letters and digits.
    package static func test(_ id: String, at now: Date) throws(Quarantine) -> Forward {
        let body = #"""
            {"id":"\#(id)","event_type":"WEBHOOK.TEST","create_time":"\#(now.formatted(.iso8601))","resource_type":"test",\#
            "summary":"A test of the webhook.","resource":{"id":"\#(id)"}}
            """#
        return try Forward(event: id, type: "WEBHOOK.TEST", body: Array(body.utf8))
    }

    private static let orderKey = "x_thrive_order_id"

    private static func spliced(_ body: [UInt8], _ order: Int64?) throws(Quarantine) -> [UInt8] {
        do {
            guard let order else {
                try JSONSplice.check(body, lacks: orderKey)
                return body
            }
            return try JSONSplice.add(orderKey, order, to: body)
        } catch {
            throw error == .keyExists ? .keyExists : .notAnObject
        }
    }

    /// Visible ASCII and blanks, as a header's value must be.
    private static func isPlain(_ text: String, upTo limit: Int) -> Bool {
        (1...limit).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}
