internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import PayPal
internal import Postgres
internal import Store
internal import Web

/// Giving back what a capture took, all of it.
struct RefundRoutes: Sendable {
    let api: ProductAPI

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("captures/:id/refund", use: refund)
    }

    // MARK: POST /captures/{id}/refund

    /// 201 with `id`, `status` and `links`, no more: amounts come with the event.
    ///
    /// Never refunds twice: PayPal refunds a capture in full once, whatever the ids of the requests. Errors: 401, 422 with
    /// fields for `amount` and `currency`, and the codes of `RefundFailure`, 422 or 503.
    @Sendable func refund(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let body = try await api.json(request)
        var fields = Fields(body)
        for name in ["amount", "currency"] where body.members.contains(where: { $0.name == name }) {
            fields.complain(name, "The \(name) field is not allowed: only full refunds are supported.")
        }
        let note = fields.optionalText("note_to_payer", upTo: 255)
        try fields.check()
        guard let capture = try await capture(context, of: merchant) else {
            throw ShopError(RefundFailure(.captureNotFound, issue: "RESOURCE_NOT_FOUND", debugID: context.requestID))
        }
        let asked = Array("refund \(capture.id) \(note ?? "")".utf8)
        return try await api.once("captures.refund", request, of: merchant, asked: asked) { details in
            try await refund(capture, of: merchant, note: note, details: details)
        }
    }

    /// The merchant's own capture. One that a script on the shop's page took, without us, is asked for at PayPal: it counts
    /// if it belongs to an order that the merchant made through us.
    private func capture(_ context: WebContext, of merchant: Merchant) async throws -> PayPalCapture? {
        guard let id = ProductAPI.id("id", context) else { return nil }
        let known = try await api.store.read { try ($0.payPalCapture(id), $0.payPalCapture(id, of: merchant.id)) }
        if let own = known.1 { return own }
        guard known.0 == nil else { return nil }

        let answer: CaptureAnswer
        switch await api.payPal.capture(id, of: merchant.payPalID) {
        case .answered(let found, _): answer = found
        case .rejected: return nil
        case .unavailable(let outage), .unknown(let outage):
            throw ShopError(RefundFailure(outage, isUncertain: false))
        }
        guard let orderID = answer.orderID, let amount = answer.amount,
            let status = PayPalCapture.Status(rawValue: answer.status),
            let order = try await api.store.read({ try $0.payPalOrder(orderID, of: merchant.id) })
        else { return nil }
        let now = api.now()
        let found = PayPalCapture(
            id: id,
            merchant: merchant.id,
            order: orderID,
            subscription: order.subscription,
            status: status,
            amount: amount,
            createdAt: now
        )
        try await api.store.transaction { _ = try $0.save(found, at: now) }
        return found
    }

    private func refund(
        _ capture: PayPalCapture,
        of merchant: Merchant,
        note: String?,
        details: CallDetails
    ) async throws -> ShopAnswer {
        let reply = await api.payPal.refund(capture: capture.id, of: merchant.payPalID, note: note, details: details)
        switch reply {
        case .answered(let refund, let trace):
            // Because PayPal answers an id that it knows with the first refund, whichever capture that was of.
            guard refund.captureID.map({ $0 == capture.id }) ?? true else {
                throw ShopError.usedRequestID(for: "refund", debugID: trace.anyDebugID)
            }
            try await record(refund, of: capture)
            let lean: JSON = [
                "id": .string(refund.id), "status": .string(refund.status),
                "links": .array(refund.json["links"].array),
            ]
            return ShopAnswer(status: .created, body: lean, debugID: trace.anyDebugID)
        // Because a gateway between us and PayPal doesn't know what became of it.
        case .rejected(let rejection) where rejection.isMute:
            throw ShopError(RefundFailure(PayPalOutage(.unreadableAnswer, trace: rejection.trace), isUncertain: true))
        case .rejected(let rejection):
            let failure = RefundFailure(rejection)
            // Because it may have been us, a moment before we died: who has the money back is not charged again.
            if failure.code == .alreadyRefunded {
                try await api.store.transaction { [now = api.now()] in
                    try Self.endSubscription(of: capture, $0, at: now)
                }
            }
            throw ShopError(failure)
        case .unavailable(let outage): throw ShopError(RefundFailure(outage, isUncertain: false))
        case .unknown(let outage): throw ShopError(RefundFailure(outage, isUncertain: true))
        }
    }

    /// Writes the refund down, and ends the subscription that it is about.
    ///
    /// The event does that too; but who gets money back should not be charged again because an event was lost.
    private func record(_ refund: RefundAnswer, of capture: PayPalCapture) async throws {
        let now = api.now()
        let status = PayPalRefund.Status(rawValue: refund.status)
        let kept = status.map {
            PayPalRefund(
                id: refund.id,
                merchant: capture.merchant,
                capture: capture.id,
                status: $0,
                amount: refund.amount,
                createdAt: now
            )
        }
        try await api.store.transaction { tx in
            if let kept { try tx.save(kept, at: now) }
            if status == .completed || status == .pending { try Self.endSubscription(of: capture, tx, at: now) }
        }
    }

    private static func endSubscription(of capture: PayPalCapture, _ tx: Transaction, at now: Date) throws {
        guard let subscription = try tx.vaultSubscription(ofOrder: capture.order, capture: capture.id) else { return }
        try tx.cancel(subscription.id, at: now)
    }
}
