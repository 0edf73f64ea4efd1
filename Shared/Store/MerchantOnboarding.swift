package import Domain
package import Foundation
package import Postgres

/// What came of a claim that PayPal confirmed.
package enum MerchantConnection: Sendable, Hashable {
    case connected(Merchant)
    /// Another connected site of the same account has this secret: it would open both.
    case secretInUse
}

extension Transaction {
    /// Connects a shop whose secret PayPal has confirmed to belong to the account.
    ///
    /// Safe to run twice: the second finds what the first made, and bearers and the webhook secret stay as they are.
    ///
    /// - The same account and site again: the record that was, with the new secret. A record that had left, or whose secret
    ///   changes, loses its bearers and gets a new webhook secret.
    /// - The same secret with another account: the old record is disconnected, a new one made.
    /// - The same secret and account from another address: the site moved; its subscriptions move along.
    /// - Parameter newSecret: makes a webhook secret and seals it for `Merchant.place(ofSecretOf:)`.
    package func connectMerchant(
        _ claim: MerchantClaim,
        newSecret: (Merchant.ID) throws -> [UInt8],
        at now: Date
    ) throws -> MerchantConnection {
        try lockAccount(claim.payPalID, in: claim.environment)
        let account = try merchants(ofAccount: claim.payPalID, in: claim.environment)
        let sameSecret = try merchants(withSecret: claim.secretHash, in: claim.environment)
        let settled = account.filter { $0.state != .pending }
        let parked = account.first { $0.state == .pending && $0.secretHash == claim.secretHash }

        let atSite = settled.first { $0.siteURL == claim.siteURL }
        let withSecret = settled.first { $0.secretHash == claim.secretHash && $0.isConnected }
        if let atSite, let withSecret, atSite.id != withSecret.id { return .secretInUse }

        for other in sameSecret where other.payPalID != claim.payPalID && other.isConnected {
            try disconnect(other.id, at: now)
        }
        if var known = atSite ?? withSecret {
            if let parked { try deletePendingMerchant(parked.id) }
            try reconnect(&known, claim, newSecret: newSecret, at: now)
            return .connected(known)
        }
        if var known = parked {
            try setWebhookSecret(newSecret(known.id), of: known.id)
            known.take(claim, at: now)
            try update(known)
            return .connected(known)
        }
        let new = Merchant(claim, state: .connected, at: now)
        try insert(new, webhookSecret: newSecret(new.id))
        return .connected(new)
    }

    private func reconnect(
        _ known: inout Merchant,
        _ claim: MerchantClaim,
        newSecret: (Merchant.ID) throws -> [UInt8],
        at now: Date
    ) throws {
        // As it is now: a change of its addresses, or its leaving, may have been on its way.
        known = try lockedMerchant(known.id) ?? known
        if !known.isConnected || known.secretHash != claim.secretHash {
            try deleteTokens(of: known.id)
            try setWebhookSecret(newSecret(known.id), of: known.id)
        }
        known.take(claim, at: now)
        try update(known)
        if claim.webhooksURL != nil { try reviveEndpoint(of: known.id, at: now) }
    }

    /// Keeps a claim that PayPal can't confirm yet. It opens nothing; PayPal's word makes it a connection.
    package func parkMerchant(_ claim: MerchantClaim, at now: Date) throws(PostgresError) {
        try lockAccount(claim.payPalID, in: claim.environment)
        let account = try merchants(ofAccount: claim.payPalID, in: claim.environment)
        guard var known = account.first(where: { $0.state == .pending && $0.secretHash == claim.secretHash }) else {
            return try insert(Merchant(claim, state: .pending, at: now), webhookSecret: nil)
        }
        known.siteURL = claim.siteURL
        known.webhooksURL = claim.webhooksURL ?? known.webhooksURL
        try update(known)
    }

    /// Claims that nobody confirmed in time.
    @discardableResult
    package func deletePendingMerchants(before time: Date) throws(PostgresError) -> Int {
        try run("DELETE FROM merchants WHERE state = 'pending' AND created_at < \(time)")
    }
}

extension Merchant {
    fileprivate init(_ claim: MerchantClaim, state: State, at now: Date) {
        self.init(
            id: .new(at: now),
            environment: claim.environment,
            payPalID: claim.payPalID,
            secretHash: claim.secretHash,
            siteURL: claim.siteURL,
            webhooksURL: claim.webhooksURL,
            state: state,
            stateSince: now,
            profile: claim.profile,
            createdAt: now
        )
    }

    fileprivate mutating func take(_ claim: MerchantClaim, at now: Date) {
        secretHash = claim.secretHash
        siteURL = claim.siteURL
        webhooksURL = claim.webhooksURL ?? webhooksURL
        profile = claim.profile
        state = .connected
        // Also of one that never left: what PayPal says of an earlier time, and says late, is over with this.
        stateSince = now
    }
}
