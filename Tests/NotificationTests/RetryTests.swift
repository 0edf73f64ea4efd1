import Domain
import Foundation
import NIOCore
import NotificationJobs
import Outbound
import Postgres
import Sealing
import Store
import TestKit
import Testing

@Suite struct `When a delivery fails` {
    @Test(arguments: [
        (200, DeliveryAttempt.Outcome.delivered), (204, .delivered), (299, .delivered), (410, .gone),
    ]) func `2xx is done and 410 is the end`(status: Int, outcome: DeliveryAttempt.Outcome) {
        #expect(attempt(.answered(.init(status: status, body: [], retryAfter: nil))).outcome == outcome)
    }

    @Test(arguments: [100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
    func `any other answer is tried again`(status: Int) {
        let made = attempt(.answered(.init(status: status, body: [], retryAfter: nil)))
        #expect(made.outcome == .retry(at: Self.now.addingTimeInterval(5)))
        #expect(made.status == status)
    }

    @Test func `no answer is tried again, and why is kept`() {
        let made = attempt(.failed(.timedOut))
        #expect(made.outcome == .retry(at: Self.now.addingTimeInterval(5)))
        #expect(made.failure == "timed out")
        #expect(made.status == nil)
    }

    @Test func `the receiver may ask for more time, a day at most`() {
        let asked = attempt(.answered(.init(status: 503, body: [], retryAfter: "3600")))
        #expect(asked.outcome == .retry(at: Self.now.addingTimeInterval(3600)))
        let greedy = attempt(.answered(.init(status: 503, body: [], retryAfter: "864000")))
        #expect(greedy.outcome == .retry(at: Self.now.addingTimeInterval(86_400)))
    }

    @Test func `ten tries and no more`() {
        #expect(attempt(.failed(.unreachable), step: 9).outcome == .retry(at: Self.now.addingTimeInterval(86_400)))
        #expect(attempt(.failed(.unreachable), step: 10).outcome == .gaveUp)
    }

    @Test func `an endpoint is given up after five days of failures, ten at least`() {
        let since = Self.now.addingTimeInterval(-5 * 86_400)
        #expect(Endpoint.Failing(since: since, attempts: 10).isHopeless(at: Self.now))
        #expect(!Endpoint.Failing(since: since, attempts: 9).isHopeless(at: Self.now))
        #expect(!Endpoint.Failing(since: since.addingTimeInterval(1), attempts: 1000).isHopeless(at: Self.now))
    }

    static let now = Date(timeIntervalSince1970: 1_790_000_000)

    private func attempt(_ outcome: GuardedClient.Outcome, step: Int = 1) -> DeliveryAttempt {
        let outgoing = OutgoingDelivery(
            delivery: .new(at: Self.now),
            turn: 1,
            endpoint: .new(at: Self.now),
            message: .new(at: Self.now),
            type: "member.created",
            body: [],
            step: step
        )
        return DeliveryAttempt(
            outgoing,
            outcome,
            at: Self.now,
            latency: .milliseconds(20),
            now: Self.now,
            jitter: 0.5
        )
    }
}

@Suite struct `Trying again` {
    @Test func `the same id and the same bytes at every attempt, each of them kept`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start { _, before in
            before < 2 ? .status(500, []) : .status(200)
        }
        try await office.site.endpoint(receiver.url())
        try await office.site.stage(name: "Zoë \"1.0\" 1E2")
        try await office.open {
            for tries in 1...2 {
                try await eventually { try await office.site.count("SELECT count(*) FROM delivery_attempts") == tries }
                try await office.hurry()
            }
            try await eventually { try await office.site.unsettled == 0 }
        }
        let requests = receiver.requests
        #expect(requests.count == 3)
        #expect(Set(requests.map(\.id)).count == 1)
        #expect(Set(requests.map(\.body)) == Set(try await office.site.bodies().values))

        let found = try await office.site.store.read { transaction in
            let delivery = try transaction.search(DeliverySearch(of: .site(office.site.id))).first
            return try delivery.map { ($0, try transaction.attempts(of: $0.id)) }
        }
        let (delivery, attempts) = try #require(found)
        #expect(delivery.state == .delivered)
        #expect(attempts.map(\.number) == [1, 2, 3])
        #expect(attempts.map(\.status) == [500, 500, 200])
        #expect(attempts.map { $0.nextAt != nil } == [true, true, false])
        #expect(attempts.allSatisfy { $0.answer == Array("thank you".utf8) })
        #expect(try await office.site.count("SELECT failures FROM endpoints") == 0)
        try await receiver.stop()
    }

    @Test func `a resend takes the place of the retry that waits`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start { _, before in .status(before == 0 ? 503 : 200) }
        try await office.site.endpoint(receiver.url())
        try await office.site.stage()
        try await office.open {
            try await eventually { try await office.site.count("SELECT count(*) FROM delivery_attempts") == 1 }
            let id = try #require(
                try await office.site.store.read { try $0.search(DeliverySearch(of: .site(office.site.id))) }.first
            ).id
            let plan = try #require(try await office.site.store.transaction { try $0.resend(id, at: Date()) })
            try await office.jobs.enqueue([plan])
            try await eventually { try await office.site.unsettled == 0 }
            let late = try await office.site.store.read {
                try $0.due([DueSearch(at: plan.endpoint)], at: Date().addingTimeInterval(86_400))
            }
            #expect(late.first?.deliveries.isEmpty == true)
        }
        #expect(receiver.requests.count == 2)
        try await receiver.stop()
    }

    @Test func `attempts of one delivery never overlap, not even with a resend`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start { _, before in .init(delay: .milliseconds(before == 0 ? 500 : 0)) }
        try await office.site.endpoint(receiver.url())
        try await office.site.stage()
        try await office.open {
            try await eventually { receiver.requests.count == 1 }
            let id = try #require(
                try await office.site.store.read { try $0.search(DeliverySearch(of: .site(office.site.id))) }.first
            ).id
            let plan = try #require(try await office.site.store.transaction { try $0.resend(id, at: Date()) })
            try await office.jobs.enqueue([plan])
            try await eventually { receiver.requests.count == 2 }
            try await eventually { try await office.site.unsettled == 0 }
        }
        let times = receiver.requests.map(\.at)
        #expect(times[1] - times[0] >= .milliseconds(500))
        #expect(try await office.site.count("SELECT attempts FROM deliveries") == 2)
        try await receiver.stop()
    }

    @Test func `410 switches the endpoint off and cancels what waits for it`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start { _, _ in .status(410) }
        let endpoint = try await office.site.endpoint(receiver.url(), contact: "ops@example.com")
        for _ in 0..<20 { try await office.site.stage() }
        try await office.open {
            try await eventually { try await office.site.unsettled == 0 }
        }
        let kept = try await office.site.store.read { try $0.endpoint(endpoint.id) }
        #expect(kept?.state == .gone)
        // What was under way, and nothing of what waited.
        #expect(receiver.requests.count <= 3)
        let mails = try await office.site.store.read { try $0.mails(of: nil, state: nil, after: nil, limit: 10) }
        #expect(mails.map(\.recipient.original) == ["ops@example.com"])
        try await receiver.stop()
    }

    @Test(arguments: [200, 500]) func `a test message goes the way of all, and is tried once`(status: Int) async throws
    {
        let office = try await Office()
        let receiver = try await Receiver.start { _, _ in .status(status) }
        let made = try await office.site.endpoint(receiver.url(), types: [.orderPaid])
        let (store, now) = (office.site.store, Date())
        try await office.open {
            let plan = try await store.transaction { transaction in
                try transaction.endpoint(made.id).flatMap { endpoint in
                    try transaction.stageTest(
                        to: endpoint,
                        as: .new(at: now),
                        body: [0x7B, 0x7D],
                        step: DeliverySchedule.waits.count - 1,
                        at: now
                    )
                }
            }
            try await office.jobs.enqueue([try #require(plan)])
            try await eventually { try await office.site.unsettled == 0 }
        }
        #expect(receiver.requests.map(\.body) == [[0x7B, 0x7D]])
        #expect(receiver.requests.first?.headers["x-gatehouse-event"] == "endpoint.test")
        let state = status == 200 ? "delivered" : "failed"
        #expect(try await office.site.count("SELECT count(*) FROM deliveries WHERE state = \(state)") == 1)
        try await receiver.stop()
    }

    @Test func `failures of five days switch it off once`() async throws {
        let site = try await TestSite()
        let endpoint = try await site.endpoint("https://shop.example/")
        let start = Date(timeIntervalSince1970: 1_790_000_000)
        var switchedOff = 0
        for hour in stride(from: 0, through: 130, by: 10) {
            let now = start.addingTimeInterval(TimeInterval(hour) * 3600)
            let attempts = (0..<3).map { _ in
                DeliveryAttempt(
                    of: .new(at: now),
                    turn: 1,
                    to: endpoint.id,
                    at: now,
                    status: 500,
                    failure: nil,
                    latency: .zero,
                    answer: [],
                    outcome: .retry(at: now)
                )
            }
            switchedOff += try await site.store.transaction { try $0.record(attempts, at: now) }.switchedOff.count
            let state = try await site.store.read { try $0.endpoint(endpoint.id)?.state }
            #expect(state == (hour < 120 ? .enabled : .delinquent))
        }
        #expect(switchedOff == 1)
    }

    @Test func `410 switches it off, also beside an answer that was good`() async throws {
        let site = try await TestSite()
        let endpoint = try await site.endpoint("https://shop.example/")
        let now = Date()
        let attempts = [(204, DeliveryAttempt.Outcome.delivered), (410, .gone)].map { status, outcome in
            DeliveryAttempt(
                of: .new(at: now),
                turn: 1,
                to: endpoint.id,
                at: now,
                status: status,
                failure: nil,
                latency: .zero,
                answer: [],
                outcome: outcome
            )
        }
        let recorded = try await site.store.transaction { try $0.record(attempts, at: now) }
        #expect(recorded.switchedOff.map(\.state) == [.gone])
    }

    @Test func `while a secret is rotated both sign`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start()
        let endpoint = try await office.site.endpoint(receiver.url())
        let now = Date()
        let newer = try NewEndpointSecret(for: endpoint.id, sealedBy: office.site.sealer, at: now)
        try await office.site.store.transaction { transaction in
            try transaction.insert(newer.stored)
            try transaction.retireSecrets(of: endpoint.id, but: newer.stored.id, at: now.addingTimeInterval(86_400))
        }
        try await office.site.stage()
        try await office.open {
            try await eventually { try await office.site.unsettled == 0 }
        }
        let request = try #require(receiver.requests.first)
        let timestamp = request.headers["webhook-timestamp"] ?? ""
        #expect(
            request.headers["webhook-signature"]
                == signature(of: request, timestamp, newer.bytes) + " "
                + signature(of: request, timestamp, endpoint.secret)
        )
        let later = try await office.site.store.read {
            try $0.secrets(of: [endpoint.id], at: now.addingTimeInterval(86_401))
        }
        #expect(later.map(\.id) == [newer.stored.id])
        try await receiver.stop()
    }

    @Test func `what Redis forgot is enqueued again by the sweep`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start()
        try await office.site.endpoint(receiver.url())
        for _ in 0..<5 { try await office.site.stage() }
        // The relay died between its commit and the queue.
        try await office.site.store.transaction { _ = try $0.relay(limit: 100, at: Date()) }
        try await office.open {
            try await eventually { try await office.site.unsettled == 0 }
        }
        #expect(receiver.requests.count == 5)
        try await receiver.stop()
    }
}
