import Domain
import Foundation
import PayPal
import Postgres
import Sealing
import Store

extension Transaction {
    // MARK: Coming

    /// The vault token of a payment that went through without one. It makes nothing active: the shop asks again for that.
    ///
    /// PayPal names the buyer and perhaps the order; of several that wait for the buyer's token the order's own one gets
    /// it, else the one that waits longest.
    func vaultTokenMade(_ token: VaultTokenAnswer, orderID: String?, sealer: Sealer) throws -> Effect {
        if let known = try vaultSubscriptions(tokenHash: Digest.sha256(token.id)).first {
            return .told(Audience(merchants: [known.merchant], subscription: known))
        }
        guard let customer = token.customerID else { return .nobody(.ignored("no-merchant")) }
        let waiting = try vaultSubscriptions(pendingFor: customer)
        let own = waiting.first { $0.payPalID == orderID }
        guard
            let subscription = own
                ?? waiting.first(where: { token.source == nil || $0.source.rawValue == token.source })
        else { return .nobody(.ignored("nothing waits for it")) }
        try attach(token, to: subscription, sealer: sealer)
        return .told(Audience(merchants: [subscription.merchant], subscription: subscription))
    }

    /// - Returns: false when it had one already.
    @discardableResult
    func attach(_ token: VaultTokenAnswer, to subscription: VaultSubscription, sealer: Sealer) throws -> Bool {
        try attachVaultToken(
            try sealer.seal(token.id, for: VaultSubscription.place(ofTokenOf: subscription.id)),
            hash: Digest.sha256(token.id),
            customerID: token.customerID,
            to: subscription.id
        )
    }

    // MARK: Going

    /// The buyer, or we, deleted it. What has ended forgets it; what has not finds out when it charges, and goes the way of
    /// every decline, so that nobody loses access before it was tried.
    func vaultTokenGone(_ token: String) throws -> Effect {
        let known = try vaultSubscriptions(tokenHash: Digest.sha256(token))
        guard let subscription = known.first else { return .nobody(.ignored("no-merchant")) }
        for each in known where each.status.isOver { try forgetVaultToken(of: each.id) }
        return .told(Audience(merchants: [subscription.merchant], subscription: subscription))
    }

    /// What is to be asked of PayPal before anybody is told that the subscription ended; nil when that is done, or when it
    /// was tried: what is left is purged by the product API's worker. A token by which another subscription renews stays.
    func purging(
        _ subscription: VaultSubscription,
        knowing findings: PayPalFindings,
        sealer: Sealer
    ) throws -> PayPalQuestion? {
        switch findings.purged[subscription.id] {
        case true?:
            try forgetVaultToken(of: subscription.id)
            return nil
        case false?:
            return nil
        case nil:
            guard let sealed = try vaultToken(of: subscription.id), let merchant = try merchant(subscription.merchant)
            else { return nil }
            if try sharesVaultToken(subscription.id) {
                try forgetVaultToken(of: subscription.id)
                return nil
            }
            let token = try sealer.openText(sealed, for: VaultSubscription.place(ofTokenOf: subscription.id))
            return .purge(subscription.id, token: token, account: merchant.payPalID)
        }
    }
}
