package import Domain
package import Foundation
package import Postgres

/// What was taken away.
package struct Pruned: Sendable, Hashable {
    package var messages = 0
    package var mails = 0

    package init(messages: Int = 0, mails: Int = 0) {
        self.messages = messages
        self.mails = mails
    }
}

extension Transaction {
    /// Takes away the oldest messages that were made and settled before `cutoff`, with their deliveries, attempts and
    /// forwards. Answers how many, `limit` at most.
    ///
    /// A message stays while one of its deliveries is pending or was settled later: by a resend, for one. What is being
    /// pruned by others is passed over.
    package func pruneMessages(settledBefore cutoff: Date, limit: Int) throws(PostgresError) -> Int {
        let old = try rows(
            """
            SELECT m.id
            FROM outbox m
            WHERE m.id < \(Message.ID.lowest(at: cutoff))
              AND NOT \(raw: Self.isWaiting)
              AND NOT EXISTS (
                SELECT FROM deliveries d
                WHERE d.message = m.id
                  AND (d.state = 'pending' OR d.settled_at >= \(cutoff)))
            ORDER BY m.id
            LIMIT \(limit)
            FOR UPDATE OF m SKIP LOCKED
            """
        )
        .decode(Message.ID.self)
        guard !old.isEmpty else { return 0 }
        try run(
            """
            WITH gone AS (
                DELETE FROM deliveries
                WHERE message = ANY(\(old))
                  AND state <> 'pending'
                  AND settled_at < \(cutoff)
                RETURNING id
            )
            DELETE FROM delivery_attempts
            WHERE delivery IN (SELECT id FROM gone)
            """
        )
        // One that was sent again in between has its delivery yet.
        return try run(
            """
            DELETE FROM outbox m
            WHERE m.id = ANY(\(old))
              AND NOT EXISTS (SELECT FROM deliveries d WHERE d.message = m.id)
            """
        )
    }

    /// Takes away letters that were sent, kept or given up before `cutoff`. Answers how many, `limit` at most.
    package func pruneMails(settledBefore cutoff: Date, limit: Int) throws(PostgresError) -> Int {
        try run(
            """
            DELETE FROM mails
            WHERE id IN (
                SELECT id
                FROM mails
                WHERE id < \(Mail.ID.lowest(at: cutoff))
                  AND state <> 'waiting'
                  AND settled_at < \(cutoff)
                ORDER BY id
                LIMIT \(limit)
                FOR UPDATE SKIP LOCKED)
            """
        )
    }
}
