package import Domain
package import Foundation

/// An event of PayPal's webhooks, read as far as anybody here cares. Unknown types, members and links are no error.
package struct PayPalEvent: Sendable, Hashable {
    /// What stays the same when PayPal sends the event again.
    package let id: String
    /// `PAYMENT.CAPTURE.COMPLETED`.
    package let type: String
    /// Nil where PayPal's time is no time: its simulator has sent the 19th month.
    package let createdAt: Date?
    package let resource: JSON

    /// Nil for what is no JSON object, or names no event.
    package init?(_ body: [UInt8]) {
        guard let json = JSON(parsing: body), let id = json["id"].string, let type = json["event_type"].string,
            Self.isName(id, upTo: 100), Self.isName(type, upTo: 100)
        else { return nil }
        self.id = id
        self.type = type
        createdAt = json["create_time"].string.flatMap(PayPalTime.read)
        resource = json["resource"]
    }

    /// What it tells, in our words.
    package enum Fact: Sendable, Hashable {
        case capture(CaptureFact)
        case refund(RefundFact)
        /// Only what became of a refund that was told before.
        case refundChanged(RefundFact)
        case order(OrderAnswer)
        /// The tracking id may be missing.
        case onboarded(account: String, trackingID: String?)
        case consentRevoked(account: String)
        case vaultTokenMade(VaultTokenAnswer, orderID: String?)
        case vaultTokenGone(String)
        /// The captures that it is about.
        case dispute(captures: [String])
        /// Kept and passed on, and of no consequence here.
        case other
    }

    package struct CaptureFact: Sendable, Hashable {
        package var id: String
        package var status: PayPalCapture.Status
        package var orderID: String?
        package var amount: Money?
        package var customID: String?
        package var invoiceID: String?
        package var processor: ProcessorAnswer

        /// - Parameter status: the event's word where there is one.
        package init(_ answer: CaptureAnswer, status: PayPalCapture.Status, orderID: String? = nil) {
            id = answer.id
            self.status = status
            self.orderID = orderID ?? answer.orderID
            amount = answer.amount
            customID = answer.customID
            invoiceID = answer.invoiceID
            processor = answer.processor
        }
    }

    package struct RefundFact: Sendable, Hashable {
        package var id: String
        package var captureID: String?
        package var status: PayPalRefund.Status
        package var amount: Money?
        /// Of all refunds of the capture.
        package var total: Money?
        /// The bank took it back, not the merchant.
        package var isReversal: Bool
    }

    package var fact: Fact {
        switch type {
        case "PAYMENT.CAPTURE.COMPLETED": capture(.completed)
        case "PAYMENT.CAPTURE.PENDING": capture(.pending)
        case "PAYMENT.CAPTURE.DENIED", "PAYMENT.CAPTURE.DECLINED": capture(.declined)
        case "PAYMENT.CAPTURE.REFUNDED": refund(isReversal: false).map(Fact.refund) ?? .other
        case "PAYMENT.CAPTURE.REVERSED": refund(isReversal: true).map(Fact.refund) ?? .other
        case "PAYMENT.REFUND.PENDING", "PAYMENT.REFUND.COMPLETED", "PAYMENT.REFUND.FAILED":
            refund(isReversal: false).map(Fact.refundChanged) ?? .other
        case let type where type.hasPrefix("CHECKOUT.ORDER."): OrderAnswer(resource).map(Fact.order) ?? .other
        case "MERCHANT.ONBOARDING.COMPLETED":
            resource["merchant_id"].string.map {
                .onboarded(account: $0, trackingID: resource["tracking_id"].string)
            } ?? .other
        case "MERCHANT.PARTNER-CONSENT.REVOKED", "IDENTITY.AUTHORIZATION-CONSENT.REVOKED":
            account.map(Fact.consentRevoked) ?? .other
        case "VAULT.PAYMENT-TOKEN.CREATED":
            VaultTokenAnswer(resource).map {
                .vaultTokenMade($0, orderID: resource["metadata"]["order_id"].string)
            } ?? .other
        case "VAULT.PAYMENT-TOKEN.DELETED": resource["id"].string.map(Fact.vaultTokenGone) ?? .other
        case let type where type.hasPrefix("CUSTOMER.DISPUTE."):
            .dispute(
                captures: resource["disputed_transactions"].array.compactMap { $0["seller_transaction_id"].string }
            )
        default: .other
        }
    }

    /// PayPal's id of the merchant, where the event says it.
    package var account: String? {
        resource["payee"]["merchant_id"].string
            ?? resource["purchase_units"][0]["payee"]["merchant_id"].string
            ?? resource["merchant_id"].string
            ?? (type.contains("REFUND") || type.contains("REVERSED") ? resource["payer"]["merchant_id"].string : nil)
            ?? (type.hasSuffix("CONSENT.REVOKED") || type.hasPrefix("CUSTOMER.MERCHANT-INTEGRATION.")
                ? resource["payer_id"].string : nil)
    }

    /// What makes another event of the same type the same news: a payment's id and its state. Nil where each is its own.
    package var newsKey: (resource: String, state: String)? {
        switch fact {
        case .capture(let capture): (capture.id, capture.status.rawValue)
        case .refund(let refund), .refundChanged(let refund): (refund.id, refund.status.rawValue)
        default: nil
        }
    }

    // MARK: Reading

    /// The event's name says the state: the resource has other words for it in its older version.
    private func capture(_ status: PayPalCapture.Status) -> Fact {
        CaptureAnswer(resource).map { .capture(CaptureFact($0, status: status)) } ?? .other
    }

    private func refund(isReversal: Bool) -> RefundFact? {
        guard let refund = RefundAnswer(resource) else { return nil }
        var amount = refund.amount
        if let units = amount?.minorUnits, units < 0 { amount?.minorUnits = -units }
        return RefundFact(
            id: refund.id,
            captureID: refund.captureID ?? resource["capture_id"].string,
            status: PayPalRefund.Status(rawValue: refund.status.uppercased()) ?? .completed,
            amount: amount,
            total: refund.totalRefunded,
            isReversal: isReversal
        )
    }

    /// Visible ASCII.
    private static func isName(_ text: String, upTo limit: Int) -> Bool {
        (1...limit).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}

/// PayPal's times: with and without fractions, with `Z`, an offset, or the letters of a zone.
package enum PayPalTime {
    package static func read(_ text: String) -> Date? {
        for style in [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)] {
            // Because the other style is tried next, and what no style reads is no time.
            if let date = try? Date(text, strategy: style) { return date }
        }
        let zones = ["PST": "-08:00", "PDT": "-07:00", "UTC": "Z", "GMT": "Z"]
        guard text.utf8.count > 4, let offset = zones[String(text.suffix(3))] else { return nil }
        return read(text.dropLast(3) + offset)
    }
}
