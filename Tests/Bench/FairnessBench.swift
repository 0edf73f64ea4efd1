import Domain
import Foundation
import NIOCore
import Postgres
import Store
import TestKit

/// 500 endpoints that take 29 s to answer beside 1 000 that answer at once: from commit to the first attempt.
struct FairnessBench {
    var seconds: Double

    func run() async throws -> [Figure] {
        let (slow, quick, rate) = (500, 1000, 200)
        let paths = (0..<slow).map { "/slow/\($0)" } + (0..<quick).map { "/quick/\($0)" }
        let ground = try await DeliveryGround(paths: paths, keeps: true) { request, _ in
            request.path.hasPrefix("/slow") ? .init(delay: .seconds(29)) : .init()
        }
        // Warm: every slow endpoint has as many attempts under way as it may have.
        for _ in 0..<3 { try await ground.stage(ground.plans[..<slow]) }
        try await eventually(within: .seconds(120)) { ground.receiver.requests.count >= 3 * slow }

        let clock = ContinuousClock()
        let start = clock.now
        var number = 0
        for tick in 0..<Int(max(seconds, 4) * 10) {
            try await ground.stage((0..<rate / 10).map { ground.plans[($0 + number) * 7 % ground.plans.count] })
            number += rate / 10
            try await clock.sleep(until: start + .milliseconds(100 * (tick + 1)))
        }
        try await eventually(within: .seconds(120)) {
            try await ground.count(
                """
                SELECT (SELECT count(*) FROM outbox_waiting) + count(*)
                FROM deliveries d JOIN endpoints e ON e.id = d.endpoint
                WHERE e.url LIKE '%/quick/%' AND d.attempts = 0
                """
            ) == 0
        }
        let waits = try await ground.store.read { transaction in
            try transaction.rows(
                """
                SELECT extract(epoch FROM a.at - m.created_at)::float8 * 1000
                FROM delivery_attempts a
                JOIN deliveries d ON d.id = a.delivery
                JOIN endpoints e ON e.id = d.endpoint
                JOIN outbox m ON m.id = d.message
                WHERE e.url LIKE '%/quick/%' AND a.number = 1
                """
            )
            .decode(Double.self)
        }
        try await ground.stop(killing: true)
        var samples = Samples()
        for wait in waits { samples.add(.microseconds(Int64(wait * 1000))) }
        let ours = Figure.Reading(
            by: "\(waits.count) first attempts, \(rate) messages/s",
            value: samples.percentile(0.99),
            unit: "ms at p99",
            p50: samples.percentile(0.5),
            p99: samples.percentile(0.99)
        )
        return [
            Figure(
                name:
                    "commit to first attempt at \(quick) endpoints beside \(slow) that hang, slowest \(Int(waits.max() ?? 0)) ms",
                ours: ours,
                yardstick: nil,
                goal: ("p99 under 1 s", ours.value < 1000)
            )
        ]
    }
}
