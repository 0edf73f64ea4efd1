import Domain
import Foundation
import PayPal
import Postgres
import Sealing
import Store

extension Transaction {
    /// Completes a connection that was parked, and nudges the shop to fetch its credentials.
    ///
    /// The event is only the reason to look: PayPal's own word of the account's tracking id is compared with the secret. A
    /// shop that is connected is told as well. The nudge is unsigned, since the shop has no secret yet.
    func onboarded(
        _ account: String,
        _ trackingID: String?,
        _ delivery: PayPalDelivery,
        knowing findings: PayPalFindings,
        sealer: Sealer,
        at now: Date
    ) throws -> Effect {
        try lockAccount(account, in: delivery.environment)
        let all = try merchants(ofAccount: account, in: delivery.environment)
        guard all.contains(where: { $0.state == .pending }) else {
            let connected = all.filter(\.isConnected)
            return connected.isEmpty
                ? .nobody(.ignored("no-merchant")) : .told(Audience(merchants: connected.map(\.id)))
        }
        guard let answer = findings.integrations[account] else { return .ask(.integration(account: account)) }
        guard let integration = answer, integration.merchantID == account, let secret = integration.trackingID else {
            return .nobody(.flagged("not-confirmed"))
        }
        let hash = Digest.sha256(secret)
        guard let parked = all.first(where: { $0.state == .pending && $0.secretHash == hash }) else {
            return .nobody(.ignored("claimed by nobody"))
        }
        let connection = try connectMerchant(
            MerchantClaim(parked, profile: Merchant.Profile(integration, at: now)),
            newSecret: { id in
                try sealer.seal(HexToken.random(), for: Merchant.place(ofSecretOf: id))
            },
            at: now
        )
        guard case .connected(let merchant) = connection else { return .nobody(.flagged("secret-in-use")) }
        return .told(Audience(merchants: [merchant.id], subject: account, isSigned: false))
    }

    /// The seller took its consent back: the merchant leaves, buyers keep what they paid for.
    ///
    /// One that has connected since is left alone: events come late.
    func consentRevoked(_ account: String, _ delivery: PayPalDelivery, at now: Date) throws -> Effect {
        try lockAccount(account, in: delivery.environment)
        let all = try merchants(ofAccount: account, in: delivery.environment)
        let leaving = all.filter { $0.isConnected && $0.stateSince <= delivery.happenedAt }
        for merchant in leaving { try disconnect(merchant.id, at: now) }
        if leaving.isEmpty { return .nobody(.ignored(all.isEmpty ? "no-merchant" : "nobody leaves")) }
        return .told(Audience(merchants: leaving.map(\.id), subject: account))
    }
}
