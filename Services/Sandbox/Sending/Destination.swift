/// Where webhooks go, and in which of ThriveCart's two vocabularies.
package struct Destination: Sendable, Hashable, Codable {
    package enum Surface: String, Sendable, Codable {
        /// "Webhooks & Notifications" of the account: `order.success` and its like, one for a sale.
        case account
        /// An Event Subscription of the API: `order_created` and its like, one for a sale and one for each item. JSON only.
        case subscription
    }

    package enum Encoding: String, Sendable, Codable {
        /// `application/x-www-form-urlencoded` with PHP's brackets.
        case form
        /// "Receive results as JSON" is ticked.
        case json
    }

    package var url: String
    package var surface: Surface
    package var encoding: Encoding

    package init(url: String, surface: Surface = .account, encoding: Encoding = .form) {
        self.url = url
        self.surface = surface
        self.encoding = surface == .subscription ? .json : encoding
    }
}
