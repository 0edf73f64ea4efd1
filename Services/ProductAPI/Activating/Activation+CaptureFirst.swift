internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Logging
internal import PayPal
internal import Store

// The first charge saves the payment method. PayPal may take the money and give no token yet, or never.

extension Activation {
    func captureFirst(_ subscription: VaultSubscription, _ details: CallDetails) async throws -> ShopAnswer {
        let orderID = subscription.payPalID
        let isFirst = try await api.store.transaction { [now = api.now()] in
            try $0.markCapturing(orderID, of: merchant.id, at: now)
        }
        var details = details
        details.requestID = "cf:\(subscription.id)"
        switch await api.payPal.capture(order: orderID, of: merchant.payPalID, details: details) {
        case .captured(let payment):
            try await api.record(payment.order, of: merchant, subscription: subscription.id, trace: payment.trace)
            return try await withToken(subscription, payment)
        case .pending(let payment):
            try await api.record(payment.order, of: merchant, subscription: subscription.id, trace: payment.trace)
            if let token = payment.order.vault?.token {
                try await attach(token, customerID: payment.order.vault?.customerID, to: subscription)
            }
            return try await body(of: payment.order, for: subscription, trace: payment.trace)
        case .declined(let decline):
            try await nothingTaken(subscription, if: isFirst)
            guard let order = decline.order else { throw ShopError.upstream(decline.trace) }
            try await api.record(order, of: merchant, subscription: subscription.id, trace: decline.trace)
            return ShopAnswer(body: order.shown, debugID: decline.trace.anyDebugID)
        case .rejected(let rejection):
            try await nothingTaken(subscription, if: isFirst)
            throw ShopError.upstream(rejection)
        case .unavailable(let outage):
            try await nothingTaken(subscription, if: isFirst)
            throw ShopError.upstream(outage)
        case .unknown(let outage):
            throw ShopError.upstream(outage, isUncertain: true)
        }
    }

    private func nothingTaken(_ subscription: VaultSubscription, if isFirst: Bool) async throws {
        guard isFirst else { return }
        try await api.store.transaction { [now = api.now()] in
            try $0.clearCapturing(subscription.payPalID, of: merchant.id, at: now)
            _ = try $0.abandonActivation(of: subscription.id)
        }
    }

    /// The buyer has paid; the token is in the answer, or comes in a moment, or is waited for by a job and by the event.
    private func withToken(_ subscription: VaultSubscription, _ payment: PayPal.Payment) async throws -> ShopAnswer {
        let anchor = payment.capture.createdAt.flatMap(Self.time) ?? api.now()
        if subscription.hasVaultToken { return try await finish(subscription, paidAt: anchor, payment) }
        if let vault = try await vault(of: payment, subscription), let token = vault.token {
            try await attach(token, customerID: vault.customerID, to: subscription)
            return try await finish(subscription, paidAt: anchor, payment)
        }
        let customer = payment.order.vault?.customerID
        try await api.store.transaction { [now = api.now()] tx in
            try tx.markVaultPending(subscription.id, customerID: customer, pollAt: now + 60)
        }
        api.logger.warning(
            "captured without a vault token",
            metadata: [
                "subscription": "\(subscription.id)", "capture": "\(payment.capture.id)",
                "paypal_debug_id": "\(payment.trace.anyDebugID ?? "-")",
            ]
        )
        throw Self.noToken(payment.trace)
    }

    private struct Found {
        var token: String?
        var customerID: String?
    }

    private func vault(of payment: PayPal.Payment, _ subscription: VaultSubscription) async throws -> Found? {
        var customer = payment.order.vault?.customerID
        if let token = payment.order.vault?.token { return Found(token: token, customerID: customer) }
        for attempt in 1...max(1, api.limits.tokenTries) {
            if let order = await api.payPal.order(payment.order.id, of: merchant.payPalID).value {
                customer = order.vault?.customerID ?? customer
                if let token = order.vault?.token { return Found(token: token, customerID: customer) }
            }
            if let customer,
                let tokens = await api.payPal.vaultTokens(ofCustomer: customer, of: merchant.payPalID).value,
                let token = try await free(tokens, for: subscription)
            {
                return Found(token: token.id, customerID: customer)
            }
            if attempt < api.limits.tokenTries { try await Task.sleep(for: api.limits.tokenPause) }
        }
        return nil
    }

    /// PayPal's times are RFC 3339.
    static func time(_ text: String) -> Date? {
        try? Date(text, strategy: .iso8601)  // Because a time that can't be read is replaced by ours.
    }
}
