/// The webhook bodies of a life, as ThriveCart encodes them.
///
/// Written here a second time on purpose: with the product's own builder, an error of the builder would be its own witness.
extension Life {
    package struct Webhook: Sendable, Hashable {
        package let name: String
        package let body: String
    }

    /// - Parameters:
    ///   - account: the seller's account.
    ///   - secret: the seller's secret word.
    package func webhooks(account: String, secret: String) -> [Webhook] {
        steps.map { step in
            let name = Self.name(of: step)
            let pairs =
                [
                    ("event", name), ("mode", "live"), ("mode_int", "2"), ("thrivecart_account", account),
                    ("thrivecart_secret", secret), ("base_product", "7"), ("order_id", "\(order)"),
                    ("currency", "USD"), ("customer_id", "9\(order)"), ("customer[id]", "9\(order)"),
                    ("customer[email]", email), ("customer[first_name]", "Buyer"), ("customer[last_name]", "\(order)"),
                ] + own(step)
            return Webhook(
                name: name,
                body: pairs.map { "\(Self.encode($0))=\(Self.encode($1))" }.joined(separator: "&")
            )
        }
    }

    private static func name(of step: Step) -> String {
        switch step {
        case .sale: "order.success"
        case .renewal: "order.subscription_payment"
        case .decline: "order.rebill_failed"
        case .cancellation: "order.subscription_cancelled"
        case .fullRefund: "order.refund"
        }
    }

    private func own(_ step: Step) -> [(String, String)] {
        switch step {
        case .sale:
            [
                ("invoice_id", invoice), ("order_timestamp", "\(soldAt)"), ("order[total]", "5900"),
                ("order[total_gross]", "5900"), ("order[date_unix]", "\(soldAt)"),
                ("order[charges][0][name]", "Course"), ("order[charges][0][reference]", "7"),
                ("order[charges][0][item_type]", "product"), ("order[charges][0][type]", "single"),
                ("order[charges][0][amount]", "5900"), ("order[charges][0][amount_gross]", "5900"),
                ("order[future_charges][0][reference]", "7"), ("order[future_charges][0][item_type]", "product"),
                ("order[future_charges][0][type]", "recurring"), ("order[future_charges][0][amount]", "5900"),
                ("order[future_charges][0][frequency]", "month"),
                ("order[future_charges][0][defer_date]", "\(soldAt + Self.month)"),
                ("purchase_map[0]", "product-7"), ("purchase_map_flat", "product-7"),
            ]
        case .renewal(let number):
            about("subscription", step) + [
                ("invoice_id", "\(invoice)-\(number)"), ("recurring_payment_idx", "\(number)"),
                ("subscription[amount]", "5900"), ("subscription[amount_gross]", "5900"),
                ("subscription[frequency]", "month"), ("subscription[remaining_rebills]", "null"),
                ("subscription[next_payment_date]", "\(soldAt + (number + 1) * Self.month)"),
            ]
        case .decline(let number):
            about("subscription", step) + [
                ("invoice_id", "\(invoice)-\(number)"), ("recurring_payment_idx", "\(number)"),
                ("subscription[amount]", "5900"),
            ]
        case .cancellation:
            about("subscription", step) + [
                ("invoice_id", invoice), ("subscription[billing_period_end]", "\(paidThrough)"),
            ]
        case .fullRefund:
            about("refund", step) + [
                ("invoice_id", invoice), ("refund[amount]", "5900"), ("refund[amount_gross]", "5900"),
                ("order[total]", "5900"), ("event_id", "7\(order)"),
            ]
        }
    }

    private var invoice: String { "INV-\(order)" }

    private func about(_ noun: String, _ step: Step) -> [(String, String)] {
        [("date_unix", "\(time(of: step))"), ("\(noun)[type]", "product"), ("\(noun)[id]", "7")]
    }

    private static func encode(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                bytes.append(byte)
            case UInt8(ascii: " "): bytes.append(UInt8(ascii: "+"))
            default: bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
