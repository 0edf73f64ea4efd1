internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Logging
internal import PayPal
internal import Sealing
internal import Store

/// From a buyer's approval to a subscription that renews.
///
/// Whatever is about to happen at PayPal is written down first, under ids that a repeat derives again, so a crash between
/// any two lines leaves a state from which the next call goes on, and the buyer is charged once. A subscription becomes
/// active only while a shop asks for it: a shop whose call failed has told its buyer so, and nobody may be charged next
/// month for what was called off.
struct Activation: Sendable {
    let api: ProductAPI
    let merchant: Merchant

    func run(_ id: VaultSubscription.ID, _ details: CallDetails) async throws -> ShopAnswer {
        let subscription = try await api.store.transaction { tx -> VaultSubscription? in
            _ = try tx.beginActivation(of: id)
            return try tx.vaultSubscription(id)
        }
        guard let subscription else { throw ShopError.notFound("Subscription") }
        switch subscription.status {
        case .canceled, .revoked: throw Self.ended
        case .trialing, .active, .pastDue: return try await shown(subscription)
        case .approving, .activating:
            return switch subscription.flow {
            case .vaultFirst: try await vaultFirst(subscription, details)
            case .captureFirst: try await captureFirst(subscription, details)
            }
        }
    }

    static let ended = ShopError(
        .unprocessableContent,
        "This subscription has ended.",
        errors: ["Create a new subscription."]
    )

    // MARK: What a shop is shown

    /// What an activation answered, told again; of one that is not activated, what PayPal says now.
    func shown(_ subscription: VaultSubscription) async throws -> ShopAnswer {
        let order = try await api.store.read { tx -> String? in
            subscription.flow == .captureFirst
                ? subscription.payPalID : try tx.firstOrder(of: subscription.id)
        }
        if let order {
            let (answer, trace) = try await api.look(at: order, of: merchant)
            try await api.record(answer, of: merchant, subscription: subscription.id, trace: trace)
            return try await body(of: answer, for: subscription, trace: trace)
        }
        if subscription.hasVaultToken || subscription.status != .approving { return trialing(subscription) }
        let reply = await api.payPal.setupToken(subscription.payPalID, of: merchant.payPalID)
        if case .rejected(let rejection) = reply, rejection.status == 404 {
            throw ShopError(.notFound, "Subscription not found.", debugID: rejection.trace.anyDebugID)
        }
        let (token, trace) = try reply.orUpstream()
        return ShopAnswer(body: token.json, debugID: trace.anyDebugID)
    }

    /// The trial's shape, which has no capture.
    func trialing(_ subscription: VaultSubscription) -> ShopAnswer {
        var body: JSON = [
            "status": .string(subscription.status.rawValue),
            "vaulted": .bool(subscription.hasVaultToken),
            "subscription_id": .string(subscription.payPalID),
            "trial_days": .number(String(subscription.trialDays)),
        ]
        if let next = subscription.due(0) {
            body = body.setting("next_charge_at", .number(String(Int64(next.timeIntervalSince1970))))
        }
        return ShopAnswer(body: body)
    }

    /// The order, with the vault token where the document's shops look for it: an order that was charged by a token does not
    /// repeat it there.
    func body(
        of order: OrderAnswer,
        for subscription: VaultSubscription,
        trace: PayPalTrace
    ) async throws -> ShopAnswer {
        var body = order.shown
        if let token = try await api.vaultToken(of: subscription) {
            let name = subscription.source.rawValue
            let block = body["payment_source"][name]
            var vault = block["attributes"]["vault"].setting("id", .string(token)).setting("status", "VAULTED")
            if let customer = subscription.customerID, vault["customer"].isNull {
                vault = vault.setting("customer", ["id": .string(customer)])
            }
            let attributes = block["attributes"].setting("vault", vault)
            body = body.setting(
                "payment_source",
                body["payment_source"].setting(name, block.setting("attributes", attributes))
            )
        }
        return ShopAnswer(body: body, debugID: trace.anyDebugID)
    }

    // MARK: Steps of both flows

    /// Keeps a token that PayPal gave, sealed.
    func attach(_ token: String, customerID: String?, to subscription: VaultSubscription) async throws {
        let sealed = try api.sealer.seal(token, for: VaultSubscription.place(ofTokenOf: subscription.id))
        try await api.store.transaction {
            try $0.attachVaultToken(
                sealed,
                hash: TokenHash(of: token).bytes,
                customerID: customerID,
                to: subscription.id
            )
        }
    }

    /// The first payment is there and so is the token: from now on it renews. Period 0 is paid.
    func finish(_ subscription: VaultSubscription, paidAt anchor: Date, _ payment: PayPal.Payment) async throws
        -> ShopAnswer
    {
        let now = api.now()
        let next = subscription.frequency.date(anchor, plus: 1)
        let isActive = try await api.store.transaction { tx in
            let id = subscription.id
            let isActive = try tx.activate(
                id,
                as: .active,
                anchor: anchor,
                nextPeriod: 1,
                nextActionAt: next,
                at: now
            )
            if isActive { try tx.keepFirstPayment(payment.capture.id, of: id, dueAt: anchor, at: now) }
            return isActive
        }
        guard isActive, let active = try await api.store.read({ try $0.vaultSubscription(subscription.id) }) else {
            // Because the capture is kept and told by its event all the same; a person decides about the money.
            api.logger.error(
                "captured after the subscription had ended",
                metadata: [
                    "subscription": "\(subscription.id)", "capture": "\(payment.capture.id)",
                    "paypal_debug_id": "\(payment.trace.anyDebugID ?? "-")",
                ]
            )
            throw Self.ended
        }
        return try await body(of: payment.order, for: active, trace: payment.trace)
    }

    /// Nothing came of it for certain: the buyer may approve again.
    func abandon(_ subscription: VaultSubscription) async throws {
        try await api.store.transaction { _ = try $0.abandonActivation(of: subscription.id) }
    }
}
