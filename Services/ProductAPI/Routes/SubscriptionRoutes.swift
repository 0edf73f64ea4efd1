internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import PayPal
internal import Postgres
internal import Sealing
internal import Store
internal import Web

/// A merchant's vault subscriptions: make one, activate it, look it up, cancel it.
struct SubscriptionRoutes: Sendable {
    let api: ProductAPI

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("subscriptions", use: create)
            .get("subscriptions/:id", use: subscription)
            .post("subscriptions/:id/activate", use: activate)
            .post("subscriptions/:id/cancel", use: cancel)
    }

    // MARK: POST /subscriptions

    /// 201 with what the buyer approves: a setup token (vault-first) or an order (capture-first). Nothing is charged.
    ///
    /// Errors: 401, 422 with fields, or with rules of methods and trials, 503.
    @Sendable func create(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let body = try await api.json(request)
        let draft = try SubscriptionDraft(body, for: merchant)
        return try await api.once("subscriptions.create", request, of: merchant, asked: body.bytes) { details in
            switch draft.flow {
            case .vaultFirst: try await save(draft, of: merchant, details: details)
            case .captureFirst: try await order(draft, of: merchant, details: details)
            }
        }
    }

    private func save(
        _ draft: SubscriptionDraft,
        of merchant: Merchant,
        details: CallDetails
    ) async throws -> ShopAnswer {
        let source = draft.order.setup(draft.source)
        let (token, trace) = try await api.payPal
            .createSetupToken(source: source, of: merchant.payPalID, details: details)
            .orUpstream()
        let subscription = draft.subscription(token.id, customerID: token.customerID, of: merchant, at: api.now())
        let answer: JSON = [
            "id": .string(token.id),
            "status": .string(token.status),
            "payment_source": token.json["payment_source"],
            "links": .array(token.json["links"].array),
        ]
        return ShopAnswer(status: .created, body: answer.compacted, debugID: trace.anyDebugID) { tx in
            // Only what PayPal made before can be another's.
            if trace.status == 200, try tx.isSubscriptionOfOthers(payPalID: token.id, than: merchant.id) {
                throw ShopError.usedRequestID(for: "subscription", debugID: trace.anyDebugID)
            }
            _ = try Self.keep(subscription, tx)
        }
    }

    private func order(
        _ draft: SubscriptionDraft,
        of merchant: Merchant,
        details: CallDetails
    ) async throws -> ShopAnswer {
        let order = draft.order.keeping(draft.source)
        let (answer, trace) = try await api.payPal
            .createOrder(order, of: merchant.payPalID, details: details)
            .orUpstream()
        let subscription = draft.subscription(answer.id, customerID: nil, of: merchant, at: api.now())
        let keeping = try api.keeping(
            answer,
            of: merchant,
            asked: draft.order.amount,
            startsSubscription: true,
            trace: trace
        )
        return ShopAnswer(status: .created, body: answer.shown, debugID: trace.anyDebugID) { [api] tx in
            try keeping(tx)
            let kept = try Self.keep(subscription, tx)
            try api.recording(answer, of: merchant, subscription: kept.id, trace: trace)(tx)
        }
    }

    /// Keeps the subscription; the one that is there already when a repeat got the same token or order.
    private static func keep(_ subscription: VaultSubscription, _ tx: Transaction) throws -> VaultSubscription {
        if let known = try tx.vaultSubscription(payPalID: subscription.payPalID, of: subscription.merchant) {
            return known
        }
        try tx.insert(subscription)
        return subscription
    }

    // MARK: GET /subscriptions/{id}

    /// PayPal's order, or setup token, with `interval` and, once there is one, `vault_id`.
    ///
    /// Errors: 401, 404, 503.
    @Sendable func subscription(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let subscription = try await own(context, of: merchant)
        let answer = try await Activation(api: api, merchant: merchant).shown(subscription)
        let token = try await api.vaultToken(of: subscription)
        var body = answer.body.setting("id", .string(subscription.payPalID))
            .setting("interval", .string(subscription.interval))
            .setting("subscription_status", .string(subscription.status.rawValue))
            .setting("thrive_order_id", .number(String(subscription.thriveOrderID)))
        if let token { body = body.setting("vault_id", .string(token)) }
        if let next = subscription.nextActionAt, subscription.status.renews {
            body = body.setting("next_charge_at", .number(String(Int64(next.timeIntervalSince1970))))
        }
        return .shop(body, debugID: answer.debugID)
    }

    private func own(_ context: WebContext, of merchant: Merchant) async throws -> VaultSubscription {
        guard let id = ProductAPI.id("id", context),
            let found = try await api.store.read({ try $0.vaultSubscription(payPalID: id, of: merchant.id) })
        else { throw ShopError.notFound("Subscription") }
        return found
    }

    // MARK: POST /subscriptions/{id}/activate

    /// Makes it renew, after its first charge, or at the beginning of its trial.
    ///
    /// Safe to repeat: the buyer is charged once, and a repeat answers the same. Errors: 401, 404, 422 for one that has
    /// ended, 502 when the buyer paid and PayPal has given no vault token (yet): ask again later; 503.
    @Sendable func activate(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let subscription = try await own(context, of: merchant)
        let work = MerchantWork(merchant: merchant.id, operation: "subscriptions.activate", key: "\(subscription.id)")
        let details = api.details(request, requestID: "")
        let activation = Activation(api: api, merchant: merchant)
        let answer = try await api.alone(work) { try await activation.run(subscription.id, details) }
        return answer.response
    }

    // MARK: POST /subscriptions/{id}/cancel

    /// Ends renewals at once and deletes the vault token.
    ///
    /// Canceling twice answers the same. Errors: 401, 404.
    @Sendable func cancel(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let subscription = try await own(context, of: merchant)
        try await api.store.transaction { [now = api.now()] in _ = try $0.cancel(subscription.id, at: now) }
        let (isDeleted, trace) = try await api.purgeVaultToken(of: subscription, merchant: merchant)
        context.logger.info("subscription canceled", metadata: ["subscription": "\(subscription.id)"])
        return .shop(
            [
                "ok": true, "id": .string(subscription.payPalID), "deactivated": true,
                "vault_deleted": .bool(isDeleted),
            ],
            debugID: trace?.anyDebugID
        )
    }
}

extension ProductAPI {
    /// The vault token in clear, for PayPal and the shop that owns it.
    func vaultToken(of subscription: VaultSubscription) async throws -> String? {
        guard let sealed = try await store.read({ try $0.vaultToken(of: subscription.id) }) else { return nil }
        return try sealer.openText(sealed, for: VaultSubscription.place(ofTokenOf: subscription.id))
    }

    /// Lets PayPal forget the payment method. What PayPal could not be told now is told later, by a job.
    ///
    /// True when PayPal had it and has no longer. A token by which another subscription renews is forgotten here, and stays
    /// at PayPal.
    func purgeVaultToken(
        of subscription: VaultSubscription,
        merchant: Merchant
    ) async throws -> (Bool, PayPalTrace?) {
        guard let token = try await vaultToken(of: subscription) else { return (false, nil) }
        let isShared = try await store.transaction { tx in
            guard try tx.sharesVaultToken(subscription.id) else { return false }
            return try tx.forgetVaultToken(of: subscription.id)
        }
        if isShared { return (false, nil) }
        switch await payPal.deleteVaultToken(token, of: merchant.payPalID) {
        case .answered(let hadIt, let trace):
            try await store.transaction { _ = try $0.forgetVaultToken(of: subscription.id) }
            return (hadIt, trace)
        case .rejected(let rejection) where rejection.isMute: return (false, rejection.trace)
        case .rejected(let rejection):
            // Because a token that PayPal does not let us delete can't be charged by us either.
            logger.warning(
                "vault token not deleted",
                metadata: ["subscription": "\(subscription.id)", "issue": "\(rejection.status)"]
            )
            try await store.transaction { _ = try $0.forgetVaultToken(of: subscription.id) }
            return (false, rejection.trace)
        case .unavailable(let outage), .unknown(let outage): return (false, outage.trace)
        }
    }
}
