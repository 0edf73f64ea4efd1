package import Foundation
package import Postgres

/// A job that gave up, kept where it can be searched. What it says is the queue's; the envelope is as it waited there.
package struct KeptDeadLetter: Sendable, Hashable {
    /// Which letter of which job.
    package struct Key: Sendable, Hashable {
        package var queue: String
        package var job: String
        package var diedAt: Date

        package init(queue: String, job: String, diedAt: Date) {
            self.queue = queue
            self.job = job
            self.diedAt = diedAt
        }
    }

    package var key: Key
    package var kind: String
    package var reason: String
    package var lastError: String
    package var attempt: Int
    package var crashes: Int
    package var enqueuedAt: Date?
    package var envelope: [UInt8]
    /// Nil before it is kept.
    package var replayedAt: Date?

    package init(
        key: Key,
        kind: String,
        reason: String,
        lastError: String,
        attempt: Int,
        crashes: Int,
        enqueuedAt: Date?,
        envelope: [UInt8]
    ) {
        self.key = key
        self.kind = kind
        self.reason = reason
        self.lastError = lastError
        self.attempt = attempt
        self.crashes = crashes
        self.enqueuedAt = enqueuedAt
        self.envelope = envelope
    }

    fileprivate init(row: Row) throws(PostgresError) {
        key = Key(queue: try row["queue"], job: try row["job"], diedAt: try row["died_at"])
        kind = try row["kind"]
        reason = try row["reason"]
        lastError = try row["last_error"]
        attempt = try row["attempt"]
        crashes = try row["crashes"]
        enqueuedAt = try row["enqueued_at"]
        envelope = try row["envelope"]
        replayedAt = try row["replayed_at"]
    }
}

/// Which letters somebody looks for; what is nil matches all.
package struct DeadLetterSearch: Sendable {
    package var queue: String?
    package var kind: String?
    package var job: String?
    /// Part of the reason or of the last error.
    package var text: String?
    package var since: Date?
    package var until: Date?
    /// Only those that were never put back in line.
    package var isWaiting = false
    /// Goes on behind this letter.
    package var after: KeptDeadLetter.Key?
    package var limit = 100

    package init() {}
}

extension Transaction {
    /// Keeps letters; the ones that are kept already stay as they are. Answers how many are new.
    @discardableResult
    package func keep(_ letters: [KeptDeadLetter], at now: Date) throws(PostgresError) -> Int {
        guard !letters.isEmpty else { return 0 }
        let keys = letters.map(\.key)
        return try rows(
            """
            INSERT INTO dead_letters (queue, job, died_at, kind, reason, last_error, attempt, crashes, enqueued_at,
                envelope, archived_at)
            SELECT *, \(now)
            FROM unnest(\(keys.map(\.queue)), \(keys.map { $0.job.storable }), \(keys.map(\.diedAt)),
                \(letters.map(\.kind)), \(letters.map { $0.reason.storable }), \(letters.map { $0.lastError.storable }),
                \(letters.map(\.attempt)), \(letters.map(\.crashes)), \(letters.map(\.enqueuedAt)),
                \(letters.map(\.envelope)))
            ON CONFLICT (queue, job, died_at) DO NOTHING
            RETURNING queue
            """
        )
        .count
    }

    /// Letters that fit, the newest first.
    package func search(_ search: DeadLetterSearch) throws(PostgresError) -> [KeptDeadLetter] {
        var conditions: [Query] = ["true"]
        if let queue = search.queue { conditions.append("queue = \(queue)") }
        if let kind = search.kind { conditions.append("kind = \(kind)") }
        if let job = search.job { conditions.append("job = \(job.storable)") }
        if let text = search.text {
            conditions.append(
                "(strpos(reason, \(text.storable)) > 0 OR strpos(last_error, \(text.storable)) > 0)"
            )
        }
        if let since = search.since { conditions.append("died_at >= \(since)") }
        if let until = search.until { conditions.append("died_at < \(until)") }
        if search.isWaiting { conditions.append("replayed_at IS NULL") }
        if let after = search.after {
            conditions.append("(died_at, queue, job) < (\(after.diedAt), \(after.queue), \(after.job))")
        }
        return try rows(
            """
            SELECT queue, job, died_at, kind, reason, last_error, attempt, crashes, enqueued_at, envelope, replayed_at
            FROM dead_letters
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY died_at DESC, queue DESC, job DESC
            LIMIT \(search.limit)
            """
        )
        .map(KeptDeadLetter.init(row:))
    }

    /// Notes that a letter was put back in line, after it was. Answers whether there is such a letter.
    @discardableResult
    package func markReplayed(_ key: KeptDeadLetter.Key, at now: Date) throws(PostgresError) -> Bool {
        try !rows(
            """
            UPDATE dead_letters
            SET replayed_at = \(now)
            WHERE queue = \(key.queue)
              AND job = \(key.job)
              AND died_at = \(key.diedAt)
            RETURNING queue
            """
        )
        .isEmpty
    }
}

extension String {
    /// Without the one letter that Postgres cannot keep.
    fileprivate var storable: String { utf8.contains(0) ? String(filter { $0 != "\0" }) : self }
}
