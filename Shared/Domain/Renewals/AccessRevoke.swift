package import Foundation

/// THRIVE.ACCESS.REVOKE: the one event of a subscription that we make ourselves, when dunning is exhausted.
///
/// Source: the Product API document, "Webhook event catalog" and "Simulating webhooks".
package enum AccessRevoke {
    package static let type = "THRIVE.ACCESS.REVOKE"

    /// `event` is its id: derived, so that one subscription has one.
    package static func forward(
        of subscription: VaultSubscription,
        merchantPayPalID: String,
        lastError: String,
        event: String? = nil,
        isSimulated: Bool = false,
        at now: Date
    ) throws -> Forward {
        let id = event ?? "THRIVE-REVOKE-\(subscription.id)"
        let body = Body(
            id: id,
            create_time: now.formatted(.iso8601),
            event_type: type,
            resource_type: "subscription",
            resource: .init(
                subscription_id: subscription.payPalID,
                merchant_id: merchantPayPalID,
                reason: "dunning_exhausted",
                last_error: lastError
            )
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try Forward(
            event: id,
            type: type,
            body: Array(try encoder.encode(body)),
            order: subscription.thriveOrderID,
            isSimulated: isSimulated
        )
    }

    private struct Body: Encodable {
        var id: String
        var create_time: String
        var event_type: String
        var resource_type: String
        var resource: Resource

        struct Resource: Encodable {
            var subscription_id: String
            var merchant_id: String
            var reason: String
            var last_error: String
        }
    }
}
