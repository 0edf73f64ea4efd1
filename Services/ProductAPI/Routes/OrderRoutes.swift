internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import PayPal
internal import Store
internal import Web

/// One-off payments: make an order, look at it, take its money.
struct OrderRoutes: Sendable {
    let api: ProductAPI

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("orders", use: create)
            .get("orders/:id", use: order)
            .post("orders/:id/capture", use: capture)
    }

    // MARK: POST /orders

    /// 201 with PayPal's order. The same `PayPal-Request-Id` again answers the same.
    ///
    /// Errors: 401, 422 with fields or with rules of the method, 503.
    @Sendable func create(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let body = try await api.json(request)
        let draft = try OrderDraft(body, for: merchant)
        return try await api.once("orders.create", request, of: merchant, asked: body.bytes) { details in
            let reply = await api.payPal.createOrder(draft.order, of: merchant.payPalID, details: details)
            let (order, trace) = try reply.orUpstream()
            return ShopAnswer(
                status: .created,
                body: order.shown,
                debugID: trace.anyDebugID,
                keeping: try api.keeping(order, of: merchant, asked: draft.amount, trace: trace)
            )
        }
    }

    // MARK: GET /orders/{id}

    /// PayPal's order as it is now. Errors: 401, 404, 503.
    @Sendable func order(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let known = try await api.order(context, of: merchant)
        let (order, trace) = try await api.look(at: known.id, of: merchant)
        try await api.record(order, of: merchant, subscription: known.subscription, trace: trace)
        return .shop(order.shown, debugID: trace.anyDebugID)
    }

    // MARK: POST /orders/{id}/capture

    /// Takes the money of an order that the buyer approved, once however often it is asked.
    ///
    /// A repeat, and an order that was captured before, answer with the order. Errors: 401, 404, 422 for the order of a
    /// subscription, 503 when PayPal refuses or can't be asked: then the order tells whether the money was taken.
    @Sendable func capture(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let known = try await api.order(context, of: merchant)
        guard known.subscription == nil else {
            throw ShopError(
                .unprocessableContent,
                "This order starts a subscription.",
                errors: ["Call POST /subscriptions/{id}/activate instead."]
            )
        }
        // That money may move is committed before PayPal is asked; a crash or a lost answer leaves the mark, and what stands
        // behind it is looked up later.
        let marking: ProductAPI.Beginning<Bool> = { [now = api.now()] in
            try $0.markCapturing(known.id, of: merchant.id, at: now)
        }
        let asked = Array("capture \(known.id)".utf8)
        return try await api.once("orders.capture", request, of: merchant, asked: asked, beginning: marking) {
            try await api.capture(known, of: merchant, details: $0, isFirst: $1 ?? false)
        }
    }
}

extension ProductAPI {
    /// The merchant's own order of the path; another's is not found.
    func order(_ context: WebContext, of merchant: Merchant) async throws -> PayPalOrder {
        guard let id = Self.id("id", context),
            let order = try await store.read({ try $0.payPalOrder(id, of: merchant.id) })
        else { throw ShopError.notFound("Order") }
        return order
    }

    /// PayPal's order as it is now; 404 where PayPal has forgotten it.
    func look(at id: String, of merchant: Merchant) async throws -> (OrderAnswer, PayPalTrace) {
        let reply = await payPal.order(id, of: merchant.payPalID)
        if case .rejected(let rejection) = reply, rejection.status == 404, !rejection.isMute {
            throw ShopError(.notFound, "Order not found.", debugID: rejection.trace.anyDebugID)
        }
        return try reply.orUpstream()
    }

    /// Keeps a new order. A request id that was used before, here or by another merchant, shows itself by an order that is
    /// not what was asked, or not ours: then nothing of it is told. Nor does a single payment's order start a subscription.
    func keeping(
        _ order: OrderAnswer,
        of merchant: Merchant,
        asked: Money,
        startsSubscription: Bool = false,
        trace: PayPalTrace
    ) throws -> ShopAnswer.Keeping {
        let used = ShopError.usedRequestID(for: "order", debugID: trace.anyDebugID)
        let isOther =
            order.amount.map { $0 != asked } ?? false
            || order.payeeMerchantID.map { $0 != merchant.payPalID } ?? false
        guard !isOther else { throw used }
        let now = now()
        let kept = order.kept(for: merchant.id, debugID: trace.anyDebugID, at: now)
        return { tx in
            let known = try tx.payPalOrder(kept.id, of: merchant.id)
            let isAlike = known.map { ($0.subscription != nil) == startsSubscription } ?? true
            guard isAlike, try tx.save(kept, at: now) else { throw used }
        }
    }

    /// Writes down what PayPal says of an order and its captures.
    func record(
        _ order: OrderAnswer,
        of merchant: Merchant,
        subscription: VaultSubscription.ID? = nil,
        trace: PayPalTrace
    ) async throws {
        try await store.transaction(recording(order, of: merchant, subscription: subscription, trace: trace))
    }

    func recording(
        _ order: OrderAnswer,
        of merchant: Merchant,
        subscription: VaultSubscription.ID? = nil,
        trace: PayPalTrace
    ) -> ShopAnswer.Keeping {
        let now = now()
        let kept = order.kept(for: merchant.id, subscription: subscription, debugID: trace.anyDebugID, at: now)
        let captures = order.keptCaptures(for: merchant.id, subscription: subscription, at: now)
        return { tx in
            guard try tx.save(kept, at: now) else { return }
            for capture in captures { try tx.save(capture, at: now) }
            if !captures.isEmpty { try tx.clearCapturing(kept.id, of: merchant.id, at: now) }
        }
    }

    /// Takes the money of an order that is marked.
    ///
    /// - Parameter isFirst: whether the mark is of this try.
    func capture(_ known: PayPalOrder, of merchant: Merchant, details: CallDetails, isFirst: Bool) async throws
        -> ShopAnswer
    {
        let outcome = await payPal.capture(order: known.id, of: merchant.payPalID, details: details)
        switch outcome {
        case .captured(let payment), .pending(let payment):
            return ShopAnswer(
                body: payment.order.shown,
                debugID: payment.trace.anyDebugID,
                keeping: recording(payment.order, of: merchant, trace: payment.trace),
                isFoundAgain: true  // by the mark, which is on disk: SettleCaptures looks at the order again
            )
        case .declined(let decline):
            try await forget(known, of: merchant, if: isFirst)
            // Because an order with a declined capture in it says more than an error: its status is DECLINED.
            guard let order = decline.order else { throw ShopError.upstream(decline.trace) }
            return ShopAnswer(
                body: order.shown,
                debugID: decline.trace.anyDebugID,
                keeping: recording(order, of: merchant, trace: decline.trace)
            )
        case .rejected(let rejection):
            try await forget(known, of: merchant, if: isFirst)
            throw ShopError.upstream(rejection)
        case .unavailable(let outage):
            try await forget(known, of: merchant, if: isFirst)
            throw ShopError.upstream(outage)
        case .unknown(let outage) where outage.reason == .differentOrder:
            try await forget(known, of: merchant, if: isFirst)
            throw ShopError.usedRequestID(for: "capture", debugID: outage.trace.anyDebugID)
        case .unknown(let outage):
            throw ShopError.upstream(outage, isUncertain: true)
        }
    }

    /// Nothing was taken: the mark of this try goes. That of an earlier one, whose outcome nobody knows, stays.
    private func forget(_ known: PayPalOrder, of merchant: Merchant, if isFirst: Bool) async throws {
        guard isFirst else { return }
        try await store.transaction { [now = now()] in try $0.clearCapturing(known.id, of: merchant.id, at: now) }
    }
}
