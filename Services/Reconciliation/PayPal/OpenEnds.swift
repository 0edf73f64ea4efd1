import Domain
import Foundation
import PayPal
import Sealing
import Store

extension PayPalComparison {
    /// Asks PayPal how those payments, refunds and vault tokens of a merchant stand that are open with us.
    func lookAtOpenEnds(of merchant: Merchant) async throws -> Reconciliation.Counts {
        var counts = Reconciliation.Counts()
        let (end, since) = (settledTime, now().addingTimeInterval(-Self.lifeOfOrder))
        let open = try await store.read { transaction in
            (
                orders: try transaction.openPayPalOrders(of: merchant.id, madeSince: since, until: end),
                captures: try transaction.pendingCaptures(of: merchant.id, until: end),
                refunds: try transaction.pendingRefunds(of: merchant.id, until: end),
                subscriptions: try transaction.vaultPending(of: merchant.id, until: end)
            )
        }
        counts.rows = open.orders.count + open.captures.count + open.refunds.count + open.subscriptions.count
        for order in open.orders { counts.add(try await look(atOrder: order, of: merchant)) }
        for capture in open.captures { counts.count(try await look(atCapture: capture, of: merchant)) }
        for refund in open.refunds { counts.count(try await look(atRefund: refund, of: merchant)) }
        for subscription in open.subscriptions {
            counts.count(try await look(forTokenOf: subscription, of: merchant))
        }
        return counts
    }

    /// Within six hours it is approved, and within six more captured, or never. Source: PayPal Orders v2.
    private static let lifeOfOrder: TimeInterval = 3 * 86_400

    // MARK: Payments

    /// An order that PayPal does not know (any more) is left as it is.
    private func look(atOrder id: String, of merchant: Merchant) async throws -> Reconciliation.Counts {
        var counts = Reconciliation.Counts()
        guard let order = try await ask({ await $0.order(id, of: merchant.payPalID) }).value else {
            counts.agreed = 1
            return counts
        }
        let ids = order.captures.map(\.id)
        let (ours, known, isLookedFor) = try await store.read { transaction in
            (
                try transaction.payPalOrder(id),
                try transaction.payPalCaptures(among: ids, of: merchant.id),
                try transaction.isChargeOpen(order: id)
            )
        }
        var findings: [PayPalFinding] = []
        for capture in order.captures where isLookedFor || known[capture.id]?.rawValue != capture.status {
            if let status = known[capture.id], status.rank >= (Self.rank(capture) ?? 0), !isLookedFor { continue }
            // What is in an order knows neither the order nor the merchant.
            if let finding = PayPalFinding(capture, of: merchant, order: id) { findings.append(finding) }
        }
        if findings.isEmpty, order.captures.isEmpty, ours?.status != order.status,
            let finding = PayPalFinding(order, of: merchant)
        {
            findings.append(finding)
        }
        for finding in findings { counts.count(try await heal(finding)) }
        if findings.isEmpty { counts.agreed = 1 }
        return counts
    }

    /// Of what is seen here: what was given back is a payment that was made.
    private static func rank(_ capture: CaptureAnswer) -> Int? {
        switch PayPalCapture.Status(rawValue: capture.status) {
        case .partiallyRefunded, .refunded, .reversed: PayPalCapture.Status.completed.rank
        case let status: status?.rank
        }
    }

    private func look(atCapture id: String, of merchant: Merchant) async throws -> Outcome {
        guard let capture = try await ask({ await $0.capture(id, of: merchant.payPalID) }).value,
            capture.status != PayPalCapture.Status.pending.rawValue,
            let finding = PayPalFinding(capture, of: merchant, order: nil)
        else { return .agreed }
        return try await heal(finding)
    }

    private func look(atRefund id: String, of merchant: Merchant) async throws -> Outcome {
        guard let refund = try await ask({ await $0.refund(id, of: merchant.payPalID) }).value,
            refund.status != PayPalRefund.Status.pending.rawValue,
            let finding = PayPalFinding(refund, of: merchant, capture: nil)
        else { return .agreed }
        return try await heal(finding)
    }

    // MARK: Vault tokens

    /// The order's own token, else one of the buyer's that pays for nothing else.
    private func look(forTokenOf subscription: VaultSubscription, of merchant: Merchant) async throws -> Outcome {
        let vault = try await ask { await $0.order(subscription.payPalID, of: merchant.payPalID) }.value?.vault
        guard let customer = vault?.customerID ?? subscription.customerID else { return .agreed }
        var token = vault?.token
        if token == nil {
            let tokens = try await ask { await $0.vaultTokens(ofCustomer: customer, of: merchant.payPalID) }.value ?? []
            for candidate in tokens
            where candidate.source ?? subscription.source.rawValue == subscription.source.rawValue {
                let owners = try await store.read { try $0.vaultSubscriptions(tokenHash: Digest.sha256(candidate.id)) }
                if owners.isEmpty {
                    token = candidate.id
                    break
                }
            }
        }
        guard let token,
            let finding = PayPalFinding(
                token: token,
                source: subscription.source.rawValue,
                customer: customer,
                for: subscription,
                of: merchant
            )
        else { return .agreed }
        return try await heal(finding)
    }
}
