import Domain
import Foundation
import Postgres
import Store
import Synchronization
import TestKit
import Testing

/// `CRASH_MESSAGES=20000` makes it large; then it takes minutes.
@Suite(.serialized) struct `When the process dies, again and again` {
    let messages = Int(ProcessInfo.processInfo.environment["CRASH_MESSAGES"] ?? "") ?? 1000

    @Test func `every endpoint gets every message, with the same id and the same bytes`() async throws {
        let endpoints = 50
        let site = try await TestSite()
        let receiver = try await Receiver.start()
        // Each endpoint has a plan of its own, and each message is about one of them.
        let now = Date()
        let plans = (0..<endpoints).map { number in
            Plan(id: .new(at: now), site: site.id, slug: Slug("p\(number)")!, name: "p", items: [], createdAt: now)
        }
        try await site.store.transaction { for plan in plans { _ = try $0.insert(plan) } }
        for (number, plan) in plans.enumerated() { try await site.endpoint(receiver.url("/\(number)"), plan: plan.id) }
        let notifications = try await NotificationsProcess(
            site,
            settings: ["DELIVERY_CONCURRENCY": "200", "LOG_LEVEL": "error"]
        )

        let staging = Task {
            for start in stride(from: 0, to: messages, by: 50) {
                try await site.store.transaction { transaction in
                    for number in start..<min(start + 50, messages) {
                        var facts = MessageFacts()
                        facts.member = MessageFacts.Member(site.person(.new(at: now), "Ana \(number)"))
                        facts.plan = MessageFacts.Plan(plans[number % endpoints])
                        try transaction.stage(.entitlementGranted, facts, of: site.id, at: now)
                    }
                }
            }
        }
        var kills = 0
        let deadline = ContinuousClock.now + .seconds(60 + messages / 10)
        var process = try notifications.start()
        var killAt = ContinuousClock.now + .seconds(2)
        try await eventually(within: .seconds(60 + messages / 10)) {
            if ContinuousClock.now >= killAt, ContinuousClock.now < deadline {
                await process.kill()
                process = try notifications.start()
                kills += 1
                killAt = .now + .seconds(2)
            }
            return try await site.count("SELECT count(*) FROM deliveries WHERE state = 'delivered'") == messages
        }
        try await staging.value
        await process.stop()

        let bodies = try await site.bodies()
        let wanted = try await site.database.pool.query(
            "SELECT e.url, d.message FROM deliveries d JOIN endpoints e ON e.id = d.endpoint"
        )
        .decode((String, Message.ID).self)
        let requests = receiver.requests
        let got = Dictionary(grouping: requests, by: { $0.path + " " + $0.id })
        var missing = 0
        for (url, message) in wanted {
            let path = "/" + (url.split(separator: "/").last ?? "")
            if got["\(path) \(message)"] == nil { missing += 1 }
        }
        #expect(missing == 0)
        #expect(bodies.count == messages)
        #expect(requests.filter { bodies[$0.id] != $0.body }.isEmpty)
        let interrupted = try await site.count("SELECT count(*) FROM delivery_attempts WHERE failure = 'interrupted'")
        print(
            """
            crashes: \(messages) messages to \(endpoints) endpoints, killed \(kills) times, \(requests.count) posts, \
            \(requests.count - got.count) duplicates, \(interrupted) interrupted
            """
        )
        try await receiver.stop()
    }
}
