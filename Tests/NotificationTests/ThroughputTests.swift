import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

/// `THROUGHPUT_MESSAGES=20000` measures; with wrk on the machine, beside it. Build with `-c release` for numbers to keep.
@Suite(
    .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["THROUGHPUT_MESSAGES"] != nil,
        "THROUGHPUT_MESSAGES is not set"
    )
) struct `How fast deliveries go` {
    @Test func `attempts a second, each of them kept, beside a plain client of the same receiver`() async throws {
        let messages = Int(ProcessInfo.processInfo.environment["THROUGHPUT_MESSAGES"] ?? "") ?? 20_000
        let site = try await TestSite()
        let receiver = try await Receiver.start(keeps: false)
        let now = Date()
        let plans = (0..<50).map { number in
            Plan(id: .new(at: now), site: site.id, slug: Slug("p\(number)")!, name: "p", items: [], createdAt: now)
        }
        try await site.store.transaction { for plan in plans { _ = try $0.insert(plan) } }
        for (number, plan) in plans.enumerated() { try await site.endpoint(receiver.url("/\(number)"), plan: plan.id) }
        for start in stride(from: 0, to: messages, by: 500) {
            try await site.store.transaction { transaction in
                for number in start..<min(start + 500, messages) {
                    var facts = MessageFacts()
                    facts.member = MessageFacts.Member(site.person(.new(at: now), "Ana \(number)"))
                    facts.plan = MessageFacts.Plan(plans[number % plans.count])
                    try transaction.stage(.entitlementGranted, facts, of: site.id, at: now)
                }
            }
        }
        let notifications = try await NotificationsProcess(site, settings: ["LOG_LEVEL": "error"])
        let process = try notifications.start()
        try await eventually(within: .seconds(600)) {
            try await site.count("SELECT count(*) FROM deliveries WHERE state = 'delivered'") == messages
        }
        await process.stop()
        let seconds = try await site.database.pool.query(
            "SELECT extract(epoch FROM max(recorded_at) - min(at))::float8 FROM delivery_attempts"
        )[0][0, as: Double.self]
        let rate = Double(messages) / seconds
        print("throughput: \(Int(rate)) attempts/s, \(messages) in \(Int(seconds)) s, each kept")
        // Because not every machine has wrk, and then there is nothing beside it.
        let script = try TestDirectory.make("wrk") + "/post.lua"
        try Data("wrk.method = 'POST'\nwrk.body = string.rep('x', 400)".utf8).write(to: URL(filePath: script))
        if let output = try? await run("wrk", ["-t1", "-c50", "-d5s", "-s", script, receiver.url("/wrk")]),
            let line = output.split(separator: "\n").first(where: { $0.contains("Requests/sec") }),
            let plain = Double(line.split(separator: ":")[1].trimmingCharacters(in: .whitespaces))
        {
            print("throughput: wrk \(Int(plain)) posts/s, ratio \((rate / plain * 100).rounded() / 100)")
        }
        try await receiver.stop()
    }
}
