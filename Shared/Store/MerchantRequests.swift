package import Domain
package import Foundation
package import Postgres

/// What came of a request that a shop gave an id.
package enum MerchantRequestClaim: Sendable, Hashable {
    /// The caller runs it: the first, or a repeat of one whose outcome nobody knows.
    case granted(isRepeat: Bool)
    /// It was settled: this was the answer.
    case answered(status: Int, body: [UInt8], debugID: String?)
    /// The first is still on its way.
    case running
    /// The same id, but something else was asked with it.
    case conflicting
}

extension Transaction {
    /// Writes down that a request is on its way, before PayPal hears of it.
    ///
    /// A second transaction with the same id waits for the first to end.
    package func claimRequest(
        _ key: String,
        operation: String,
        of merchant: Merchant.ID,
        fingerprint: [UInt8],
        at now: Date,
        runningUntil end: Date,
        isDurable: Bool = true
    ) throws(PostgresError) -> MerchantRequestClaim {
        if !isDurable { try run("SET LOCAL synchronous_commit = off") }
        let inserted = try run(
            """
            INSERT INTO merchant_requests (merchant, operation, key, fingerprint, running_until, created_at)
            VALUES (\(merchant), \(operation), \(key), \(fingerprint), \(end), \(now))
            ON CONFLICT (merchant, operation, key) DO NOTHING
            """
        )
        if inserted == 1 { return .granted(isRepeat: false) }
        let known = try rows(
            """
            SELECT fingerprint, running_until, status, body, debug_id
            FROM merchant_requests
            WHERE merchant = \(merchant) AND operation = \(operation) AND key = \(key)
            FOR UPDATE
            """
        )
        .decode(([UInt8], Date?, Int?, [UInt8]?, String?).self)
        guard let (asked, runningUntil, status, body, debugID) = known.first else {
            return .running  // it was released this very moment; whoever asks again gets it
        }
        guard asked == fingerprint else { return .conflicting }
        if let status, let body { return .answered(status: status, body: body, debugID: debugID) }
        if let runningUntil, runningUntil > now { return .running }
        try run(
            """
            UPDATE merchant_requests
            SET running_until = \(end)
            WHERE merchant = \(merchant) AND operation = \(operation) AND key = \(key)
            """
        )
        return .granted(isRepeat: true)
    }

    /// Keeps the answer that settles it: whoever repeats the request gets the same.
    package func settleRequest(
        _ key: String,
        operation: String,
        of merchant: Merchant.ID,
        status: Int,
        body: [UInt8],
        debugID: String?,
        isDurable: Bool = true
    ) throws(PostgresError) {
        if !isDurable { try run("SET LOCAL synchronous_commit = off") }
        try run(
            """
            UPDATE merchant_requests
            SET running_until = NULL, status = \(status), body = \(body), debug_id = \(debugID)
            WHERE merchant = \(merchant) AND operation = \(operation) AND key = \(key)
              AND status IS NULL
            """
        )
    }

    /// Nobody knows what came of it: the next repeat may run at once, with the same parameters.
    package func pauseRequest(_ key: String, operation: String, of merchant: Merchant.ID) throws(PostgresError) {
        try run(
            """
            UPDATE merchant_requests
            SET running_until = NULL
            WHERE merchant = \(merchant) AND operation = \(operation) AND key = \(key)
              AND status IS NULL
            """
        )
    }

    /// It certainly did nothing: the id may be used again, with other parameters too.
    package func releaseRequest(_ key: String, operation: String, of merchant: Merchant.ID) throws(PostgresError) {
        try run(
            """
            DELETE FROM merchant_requests
            WHERE merchant = \(merchant) AND operation = \(operation) AND key = \(key)
              AND status IS NULL
            """
        )
    }

    /// Forgets what is older than PayPal itself remembers, but never when a first charge was sent.
    package func deleteRequests(before time: Date, limit: Int) throws(PostgresError) -> Int {
        try run(
            """
            DELETE FROM merchant_requests
            WHERE (merchant, operation, key) IN (
                SELECT merchant, operation, key FROM merchant_requests
                WHERE created_at < \(time)
                LIMIT \(limit)
            )
            """
        )
    }
}
