package import Domain
package import Foundation
package import Postgres

extension Transaction {
    /// Claims the natural keys of a fact, in the transaction of its effect. Answers the ones nobody had claimed.
    ///
    /// A second transaction with the same key waits for the first to end. Source: rule B3.
    package func claim(
        _ keys: [NaturalKey],
        for event: InboundEvent.ID?,
        of site: Site.ID,
        at now: Date
    ) throws(PostgresError) -> Set<String> {
        guard !keys.isEmpty else { return [] }
        return Set(
            try rows(
                """
                INSERT INTO idempotency_keys (site, key, event, created_at)
                SELECT \(site), key, \(event), \(now)
                FROM unnest(\(keys.map(\.text).sorted())) AS k (key)
                ON CONFLICT (site, key) DO NOTHING
                RETURNING key
                """
            )
            .decode(String.self)
        )
    }

    /// Whether an event is the first that told one of these facts.
    package func isClaimed(
        any keys: [NaturalKey],
        by event: InboundEvent.ID,
        of site: Site.ID
    ) throws(PostgresError) -> Bool {
        guard !keys.isEmpty else { return false }
        return try !rows(
            """
            SELECT
            FROM idempotency_keys
            WHERE site = \(site)
              AND key = ANY(\(keys.map(\.text)))
              AND event = \(event)
            LIMIT 1
            """
        )
        .isEmpty
    }
}
