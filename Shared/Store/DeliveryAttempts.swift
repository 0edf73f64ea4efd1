package import Domain
package import Foundation
package import Postgres

/// What came of one POST, and what follows.
package struct DeliveryAttempt: Sendable, Hashable {
    package enum Outcome: Sendable, Hashable {
        case delivered
        /// Again then.
        case retry(at: Date)
        /// That was the last of the schedule.
        case gaveUp
        /// 410: the endpoint is switched off.
        case gone
    }

    package var delivery: Delivery.ID
    package var turn: Int
    package var endpoint: Endpoint.ID
    package var at: Date
    /// The answer's, or nil and why there was none.
    package var status: Int?
    package var failure: String?
    package var latency: Duration
    /// Cut to 4 KiB here.
    package var answer: [UInt8]
    package var outcome: Outcome
    /// False for a try that tells nothing of the endpoint, because we died over it.
    package var countsForEndpoint = true

    package init(
        of delivery: Delivery.ID,
        turn: Int,
        to endpoint: Endpoint.ID,
        at: Date,
        status: Int?,
        failure: String?,
        latency: Duration,
        answer: [UInt8],
        outcome: Outcome
    ) {
        self.delivery = delivery
        self.turn = turn
        self.endpoint = endpoint
        self.at = at
        self.status = status
        self.failure = failure
        self.latency = latency
        self.answer = answer
        self.outcome = outcome
    }

    package static let answerLimit = 4096
}

/// What a batch of attempts led to.
package struct AttemptsRecorded: Sendable {
    /// To be enqueued, each at its time.
    package var next: [PlannedDelivery] = []
    /// Switched off by us just now.
    package var switchedOff: [Endpoint] = []
}

extension Transaction {
    /// Keeps attempts, one of a delivery at most, and plans what follows; one whose turn was told of before changes nothing.
    package func record(_ attempts: [DeliveryAttempt], at now: Date) throws(PostgresError) -> AttemptsRecorded {
        var recorded = AttemptsRecorded()
        try planForGrowth()
        recorded.next = try save(attempts)
        recorded.switchedOff = try judgeEndpoints(by: attempts, at: now)
        return recorded
    }

    private func save(_ attempts: [DeliveryAttempt]) throws(PostgresError) -> [PlannedDelivery] {
        // The bytea array carries the answers, the rest are columns of their own.
        let states = attempts.map(\.outcome.state.rawValue)
        return try planned(
            """
            WITH made AS (
                SELECT *
                FROM unnest(\(attempts.map(\.delivery)), \(attempts.map(\.turn)), \(attempts.map(\.at)),
                    \(attempts.map(\.status)), \(attempts.map(\.failure)), \(attempts.map(\.latency.wholeMilliseconds)),
                    \(attempts.map { Array($0.answer.prefix(DeliveryAttempt.answerLimit)) }), \(states),
                    \(attempts.map(\.outcome.nextAt)))
                    AS m (delivery, turn, at, status, failure, latency_ms, answer, state, next_at)
            ), changed AS (
                UPDATE deliveries d
                SET attempts = d.attempts + 1, step = d.step + 1, kept_turn = m.turn,
                    turn = CASE WHEN d.turn = m.turn THEN d.turn + 1 ELSE d.turn END,
                    state = CASE WHEN d.turn = m.turn THEN m.state ELSE d.state END,
                    due_at = CASE WHEN d.turn = m.turn THEN coalesce(m.next_at, d.due_at) ELSE d.due_at END,
                    settled_at = CASE WHEN d.turn <> m.turn THEN d.settled_at
                        WHEN m.state = 'pending' THEN NULL ELSE m.at END
                FROM made m
                WHERE d.id = m.delivery
                  AND d.kept_turn < m.turn
                RETURNING d.id, d.endpoint, d.attempts, d.state, d.turn, d.due_at, m.at, m.status, m.failure,
                    m.latency_ms, m.answer, m.next_at
            ), kept AS (
                INSERT INTO delivery_attempts (delivery, number, at, status, failure, latency_ms, answer, next_at)
                SELECT id, attempts, at, status, failure, latency_ms, answer, next_at
                FROM changed
            )
            SELECT id, endpoint, turn, due_at
            FROM changed
            WHERE state = 'pending'
            """
        )
    }

    /// Counts failures, forgives after a success, and switches off what is hopeless or gone.
    private func judgeEndpoints(
        by attempts: [DeliveryAttempt],
        at now: Date
    ) throws(PostgresError) -> [Endpoint] {
        let counting = attempts.filter(\.countsForEndpoint)
        let succeeded = Set(counting.filter { $0.outcome == .delivered }.map(\.endpoint))
        let failures = counting.filter {
            // 410 is the endpoint's word about itself; a success beside it forgives only failures.
            $0.outcome == .gone || $0.outcome != .delivered && !succeeded.contains($0.endpoint)
        }
        let failed = Dictionary(grouping: failures, by: \.endpoint)

        // The locks in one order, so that two batches never wait for each other. While all is well there are none.
        let touched = try rows(
            """
            SELECT id
            FROM endpoints
            WHERE id = ANY(\(Array(failed.keys)))
               OR (id = ANY(\(Array(succeeded))) AND failures > 0)
            ORDER BY id
            FOR NO KEY UPDATE
            """
        )
        guard !touched.isEmpty else { return [] }
        try run(
            """
            UPDATE endpoints
            SET failing_since = NULL, failures = 0
            WHERE id = ANY(\(Array(succeeded)))
              AND failures > 0
            """
        )
        let counts = failed.map { ($0.key, $0.value.count, $0.value.map(\.at).min() ?? now) }
        try run(
            """
            UPDATE endpoints e
            SET failures = e.failures + f.count, failing_since = coalesce(e.failing_since, f.since)
            FROM unnest(\(counts.map(\.0)), \(counts.map(\.1)), \(counts.map(\.2))) AS f (id, count, since)
            WHERE e.id = f.id
            """
        )
        let gone = Set(counting.filter { $0.outcome == .gone }.map(\.endpoint))
        var switchedOff: [Endpoint] = []
        for id in failed.keys.sorted() {
            guard let endpoint = try endpoint(id), let failing = endpoint.failing else { continue }
            guard gone.contains(id) || failing.isHopeless(at: now) else { continue }
            if try disable(id, as: gone.contains(id) ? .gone : .delinquent, at: now), let off = try self.endpoint(id) {
                switchedOff.append(off)
            }
        }
        return switchedOff
    }
}

extension DeliveryAttempt.Outcome {
    fileprivate var state: Delivery.State {
        switch self {
        case .delivered: .delivered
        case .retry: .pending
        case .gaveUp, .gone: .failed
        }
    }

    fileprivate var nextAt: Date? {
        if case .retry(let date) = self { date } else { nil }
    }
}

extension Duration {
    /// Rounded down; far more than any request takes is cut.
    fileprivate var wholeMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        return Int32(clamping: min(max(0, seconds), 1_000_000) * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
