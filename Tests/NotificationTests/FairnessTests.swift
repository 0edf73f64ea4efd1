import Domain
import Foundation
import NIOCore
import Postgres
import Store
import TestKit
import Testing

/// A small one; `bench fairness` is 500 slow and 1 000 quick endpoints with 200 messages a second.
@Suite(.serialized) struct `Slow endpoints and quick ones` {
    @Test func `those that take half a minute do not slow those that answer at once`() async throws {
        let (slow, quick, rate, seconds) = (50, 100, 50, 3)
        let site = try await TestSite()
        let receiver = try await Receiver.start { request, _ in
            request.path.hasPrefix("/slow") ? .init(delay: .seconds(29)) : .init()
        }
        let now = Date()
        let plans = (0..<(slow + quick)).map { number in
            Plan(id: .new(at: now), site: site.id, slug: Slug("p\(number)")!, name: "p", items: [], createdAt: now)
        }
        try await site.store.transaction { for plan in plans { _ = try $0.insert(plan) } }
        for (number, plan) in plans.enumerated() {
            try await site.endpoint(receiver.url(number < slow ? "/slow/\(number)" : "/quick/\(number)"), plan: plan.id)
        }
        let notifications = try await NotificationsProcess(site, settings: ["LOG_LEVEL": "error"])
        let process = try notifications.start()
        // Warm: every slow endpoint has as many attempts under way as it may have.
        for _ in 0..<3 { try await stage(plans[..<slow], of: site) }
        try await eventually { receiver.requests.count >= 3 * slow }

        var number = 0
        let clock = ContinuousClock()
        let start = clock.now
        for tick in 0..<(seconds * 10) {
            let chosen = (0..<rate / 10).map { plans[($0 + number) * 7 % plans.count] }
            number += chosen.count
            try await stage(chosen[...], of: site)
            // Paced by the clock: what is measured is a rate.
            try await clock.sleep(until: start + .milliseconds(100 * (tick + 1)))
        }
        let staged = try await site.count("SELECT count(*) FROM outbox")
        try await eventually {
            try await site.count(
                """
                SELECT (SELECT count(*) FROM outbox_waiting) + count(*)
                FROM deliveries d JOIN endpoints e ON e.id = d.endpoint
                WHERE e.url LIKE '%/quick/%' AND d.attempts = 0
                """
            ) == 0
        }
        let waits = try await site.database.pool.query(
            """
            SELECT extract(epoch FROM a.at - m.created_at)::float8
            FROM delivery_attempts a
            JOIN deliveries d ON d.id = a.delivery
            JOIN endpoints e ON e.id = d.endpoint
            JOIN outbox m ON m.id = d.message
            WHERE e.url LIKE '%/quick/%' AND a.number = 1
            """
        )
        .map { try $0[0, as: Double.self] }.sorted()
        let p99 = waits[waits.count * 99 / 100]
        print(
            """
            fairness: \(slow) slow and \(quick) quick endpoints, \(rate)/s for \(seconds) s, \(staged) messages; quick: \
            \(waits.count) first attempts, p50 \(Int(waits[waits.count / 2] * 1000)) ms, p99 \(Int(p99 * 1000)) ms, \
            max \(Int((waits.last ?? 0) * 1000)) ms
            """
        )
        // On a machine that is busy with other tests there is only so much to promise.
        #expect(p99 < 5)
        await process.kill()
        try await receiver.stop()
    }

    private func stage(_ plans: ArraySlice<Plan>, of site: TestSite) async throws {
        try await site.store.transaction { transaction in
            for plan in plans {
                var facts = MessageFacts()
                facts.plan = MessageFacts.Plan(plan)
                try transaction.stage(.entitlementUpdated, facts, of: site.id, at: Date())
            }
        }
    }
}
