package import Domain
internal import Foundation

/// What PayPal says of an order. The words are PayPal's; what it does not say is nil.
package struct OrderAnswer: Sendable, Hashable {
    /// The whole document, for whoever passes it on.
    package var json: JSON

    package init?(_ json: JSON) {
        guard let id = json["id"].string, !id.isEmpty else { return nil }
        self.json = json
        self.id = id
    }

    package let id: String
    /// CREATED, PAYER_ACTION_REQUIRED, APPROVED, COMPLETED, VOIDED, …
    package var status: String { json["status"].string ?? "" }
    package var intent: String? { json["intent"].string }

    /// All captures of all purchase units, in their order.
    package var captures: [CaptureAnswer] {
        json["purchase_units"].array.flatMap { $0["payments"]["captures"].array }.compactMap(CaptureAnswer.init)
    }

    package var amount: Money? { Money(json["purchase_units"][0]["amount"]) }
    package var customID: String? { json["purchase_units"][0]["custom_id"].string }
    package var invoiceID: String? { json["purchase_units"][0]["invoice_id"].string }
    package var payeeMerchantID: String? { json["purchase_units"][0]["payee"]["merchant_id"].string }

    /// `paypal`, `card`, `ideal`, …
    package var source: String? { json["payment_source"].members.first?.name }
    /// What the vault keeps of the method that paid; nil where nothing was to be kept.
    package var vault: VaultAnswer? {
        guard let source = json["payment_source"].members.first?.value else { return nil }
        return VaultAnswer(source["attributes"]["vault"])
    }

    /// Where the buyer goes: `payer-action`, or `approve` of an order without a payment source.
    package var approvalURL: String? {
        let links = json["links"].array
        return ["payer-action", "approve"].lazy
            .compactMap { rel in links.first { $0["rel"].string == rel }?["href"].string }
            .first
    }
}

/// What PayPal says of a capture, in an order or by itself.
package struct CaptureAnswer: Sendable, Hashable {
    package var json: JSON
    package let id: String

    package init?(_ json: JSON) {
        guard let id = json["id"].string, !id.isEmpty else { return nil }
        self.json = json
        self.id = id
    }

    /// COMPLETED, PENDING, DECLINED, FAILED, PARTIALLY_REFUNDED, REFUNDED.
    package var status: String { json["status"].string ?? "" }
    /// Why it is pending: ECHECK, PENDING_REVIEW, …
    package var statusReason: String? { json["status_details"]["reason"].string }
    package var amount: Money? { Money(json["amount"]) }
    package var customID: String? { json["custom_id"].string }
    package var invoiceID: String? { json["invoice_id"].string }
    package var createdAt: String? { json["create_time"].string }
    package var processor: ProcessorAnswer { ProcessorAnswer(json["processor_response"]) }

    /// The order that it belongs to, where PayPal says so.
    package var orderID: String? {
        json["supplementary_data"]["related_ids"]["order_id"].string
            ?? PayPalLink.id(in: json, rel: "up", under: "checkout/orders")
    }
}

/// What banks and networks said.
package struct ProcessorAnswer: Sendable, Hashable {
    /// `0000` is approved.
    package var responseCode: String?
    package var avsCode: String?
    package var cvvCode: String?
    /// The network's word on trying again.
    package var adviceCode: String?

    package init(responseCode: String? = nil, avsCode: String? = nil, cvvCode: String? = nil, adviceCode: String? = nil)
    {
        self.responseCode = responseCode
        self.avsCode = avsCode
        self.cvvCode = cvvCode
        self.adviceCode = adviceCode
    }

    init(_ json: JSON) {
        responseCode = json["response_code"].string
        avsCode = json["avs_code"].string
        cvvCode = json["cvv_code"].string
        adviceCode = json["payment_advice_code"].string
    }
}

/// What came of keeping a payment method with a purchase.
package struct VaultAnswer: Sendable, Hashable {
    /// The vault token; nil while PayPal still makes it: then it comes with `VAULT.PAYMENT-TOKEN.CREATED`.
    package var token: String?
    /// VAULTED, APPROVED, CREATED.
    package var status: String
    /// PayPal's id of the buyer in the vault: by it the token is found that comes later.
    package var customerID: String?

    init?(_ json: JSON) {
        guard !json.members.isEmpty else { return nil }
        token = json["id"].string
        status = json["status"].string ?? ""
        customerID = json["customer"]["id"].string
    }
}

/// What PayPal says of a refund.
package struct RefundAnswer: Sendable, Hashable {
    package var json: JSON
    package let id: String

    package init?(_ json: JSON) {
        guard let id = json["id"].string, !id.isEmpty else { return nil }
        self.json = json
        self.id = id
    }

    /// COMPLETED, PENDING, FAILED, CANCELLED.
    package var status: String { json["status"].string ?? "" }
    package var amount: Money? { Money(json["amount"]) }
    package var totalRefunded: Money? { Money(json["seller_payable_breakdown"]["total_refunded_amount"]) }
    package var captureID: String? { PayPalLink.id(in: json, rel: "up", under: "payments/captures") }
}

extension Money {
    /// `{"currency_code": "USD", "value": "17.50"}`, or the older `{"currency": "USD", "total": "17.50"}`.
    package init?(_ json: JSON) {
        guard let text = json["value"].string ?? json["total"].string,
            let currency = json["currency_code"].string ?? json["currency"].string
        else { return nil }
        self.init(text, currency)
    }

    package var json: JSON { ["currency_code": .string(currency), "value": .string(text)] }
}

/// The ids that PayPal tells only as the ends of links.
enum PayPalLink {
    /// The last part of the link's path, if the rest of it ends in `parent`.
    static func id(in json: JSON, rel: String, under parent: String) -> String? {
        for link in json["links"].array where link["rel"].string == rel {
            guard let path = link["href"].string?.prefix(while: { $0 != "?" && $0 != "#" }) else { continue }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            guard let last = parts.last, !last.isEmpty, parts.dropLast().joined(separator: "/").hasSuffix("/" + parent)
            else { continue }
            return String(last)
        }
        return nil
    }
}
