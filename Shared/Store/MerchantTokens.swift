package import Domain
package import Foundation
package import Postgres

extension Transaction {
    /// - Parameter hash: SHA-256 of the bearer that was handed out.
    package func insertToken(
        _ hash: [UInt8],
        of merchant: Merchant.ID,
        at now: Date,
        until end: Date
    ) throws(PostgresError) {
        try run(
            """
            INSERT INTO merchant_tokens (hash, merchant, created_at, expires_at)
            VALUES (\(hash), \(merchant), \(now), \(end))
            """
        )
    }

    /// Whose bearer it is; nil for one that is unknown or over, and for a merchant that is not connected.
    package func merchant(ofToken hash: [UInt8], at now: Date) throws(PostgresError) -> Merchant? {
        let id = try rows(
            """
            SELECT merchant
            FROM merchant_tokens
            JOIN merchants ON merchants.id = merchant
            WHERE hash = \(hash)
              AND expires_at > \(now)
              AND state = 'connected'
            """
        )
        .decode(Merchant.ID.self).first
        guard let id else { return nil }
        return try merchant(id)
    }

    /// Keeps the newest few of a merchant, so that a shop that never caches does not fill the table.
    package func trimTokens(of merchant: Merchant.ID, keeping count: Int, at now: Date) throws(PostgresError) {
        try run(
            """
            DELETE FROM merchant_tokens
            WHERE merchant = \(merchant)
              AND (expires_at <= \(now) OR hash IN (
                  SELECT hash FROM merchant_tokens WHERE merchant = \(merchant)
                  ORDER BY created_at DESC, hash OFFSET \(count)
              ))
            """
        )
    }

    @discardableResult
    package func deleteTokens(of merchant: Merchant.ID) throws(PostgresError) -> Int {
        try run("DELETE FROM merchant_tokens WHERE merchant = \(merchant)")
    }

    @discardableResult
    package func deleteExpiredTokens(at now: Date) throws(PostgresError) -> Int {
        try run("DELETE FROM merchant_tokens WHERE expires_at <= \(now)")
    }
}
