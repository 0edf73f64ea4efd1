/// How the pretended PayPal behaves where the real one's accounts can be set up differently.
package struct PayPalHabits: Sendable, Hashable, Codable {
    /// Of the partner's application.
    package var clientID = "sandbox-partner"
    package var clientSecret = "sandbox-partner-secret"
    package var partnerMerchantID = "SANDBXPARTNR2"

    /// Seconds between a merchant's approval and the first look-up that finds them.
    package var provisioningSeconds = 0.0
    /// Webhooks must be https at a public name, as the real ones must.
    package var demandsPublicWebhooks = false
    /// Unknown members of `stored_credential` are refused, as the documents say they are.
    package var isStrict = false
    /// Which payments the error amounts of the sandbox decline.
    package var errorAmounts = ErrorAmounts.venmo
    /// The event of a declined capture: PayPal has an older and a newer name for it.
    package var declinedEvent = DeclinedEvent.denied
    /// Hours until a transaction can be searched for.
    package var searchLagHours = 3.0
    /// Its list of events is empty, as the real one's is of what is older than a month.
    package var forgetsEvents = false
    /// A listing of wallet domains shows so many at once where nobody asks for more.
    package var domainPageSize = 1

    package enum ErrorAmounts: String, Sendable, Codable {
        case off, venmo, all
    }

    package enum DeclinedEvent: String, Sendable, Codable {
        case denied = "PAYMENT.CAPTURE.DENIED"
        case declined = "PAYMENT.CAPTURE.DECLINED"
    }

    package init() {}

    private enum CodingKeys: String, CodingKey {
        case clientID, clientSecret, partnerMerchantID, provisioningSeconds, demandsPublicWebhooks, isStrict
        case errorAmounts, declinedEvent, searchLagHours, forgetsEvents, domainPageSize
    }

    /// What is left out is as it is by default.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        var settings = PayPalHabits()
        try fields.read(.clientID, into: &settings.clientID)
        try fields.read(.clientSecret, into: &settings.clientSecret)
        try fields.read(.partnerMerchantID, into: &settings.partnerMerchantID)
        try fields.read(.provisioningSeconds, into: &settings.provisioningSeconds)
        try fields.read(.demandsPublicWebhooks, into: &settings.demandsPublicWebhooks)
        try fields.read(.isStrict, into: &settings.isStrict)
        try fields.read(.errorAmounts, into: &settings.errorAmounts)
        try fields.read(.declinedEvent, into: &settings.declinedEvent)
        try fields.read(.searchLagHours, into: &settings.searchLagHours)
        try fields.read(.forgetsEvents, into: &settings.forgetsEvents)
        try fields.read(.domainPageSize, into: &settings.domainPageSize)
        self = settings
    }
}

extension KeyedDecodingContainer {
    fileprivate func read<Value: Decodable>(_ key: Key, into value: inout Value) throws {
        if let given = try decodeIfPresent(Value.self, forKey: key) { value = given }
    }
}
