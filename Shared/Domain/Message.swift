/// One fact we tell others: staged in the outbox with the change that it tells of.
package enum Message {
    package typealias ID = Identifier<Message>

    /// Whose it is, and whose endpoints get it.
    package enum Owner: Sendable, Hashable {
        case site(Site.ID)
        case merchant(Merchant.ID)

        package var site: Site.ID? { if case .site(let id) = self { id } else { nil } }
        package var merchant: Merchant.ID? { if case .merchant(let id) = self { id } else { nil } }
    }

    package enum Kind: String, Sendable, Codable, CaseIterable {
        case memberCreated = "member.created"
        case memberUpdated = "member.updated"
        case entitlementGranted = "entitlement.granted"
        case entitlementUpdated = "entitlement.updated"
        case entitlementRevoked = "entitlement.revoked"
        case orderPaid = "order.paid"
        case orderRefunded = "order.refunded"
        case subscriptionRenewed = "subscription.renewed"
        case subscriptionPastDue = "subscription.past_due"
        case subscriptionPaused = "subscription.paused"
        case subscriptionResumed = "subscription.resumed"
        case subscriptionCanceled = "subscription.canceled"
        case leadCaptured = "lead.captured"
        case reconciliationCompleted = "reconciliation.completed"
    }
}

extension Message {
    /// The type of a message that tells of nothing: `gatehouse endpoint test` sends it to one endpoint.
    package static let testType = "endpoint.test"
    /// A site's and a merchant's.
    package static let testTypes = [testType, "WEBHOOK.TEST"]
}
