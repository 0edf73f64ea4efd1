import Domain
import Foundation
import NIOCore
import NotificationJobs
import Postgres
import Store
import TestKit
import Testing

@Suite struct `A message on its way out` {
    @Test func `what is staged reaches the receiver, signed and byte for byte, through the real process`() async throws
    {
        let site = try await TestSite()
        let receiver = try await Receiver.start()
        let endpoint = try await site.endpoint(receiver.url("/hook"))
        let notifications = try await NotificationsProcess(site)
        let process = try notifications.start()
        let member = try await site.stage(.memberCreated)
        try await eventually { receiver.requests.count >= 1 }

        let request = try #require(receiver.requests.first)
        let bodies = try await site.bodies()
        #expect(request.path == "/hook")
        #expect(bodies[request.id] == request.body)
        #expect(request.headers["content-type"] == "application/json")
        #expect(request.headers["x-gatehouse-event"] == "member.created")
        #expect(String(decoding: request.body, as: UTF8.self).contains(member.description))
        let timestamp = try #require(request.headers["webhook-timestamp"])
        #expect(abs((Double(timestamp) ?? 0) - Date().timeIntervalSince1970) < 60)
        let signature = signature(of: request, timestamp, endpoint.secret)
        #expect(request.headers["webhook-signature"] == signature)
        try await eventually {
            try await site.count("SELECT count(*) FROM deliveries WHERE state = 'delivered' AND attempts = 1") == 1
        }
        #expect(await process.stop() == .code(0))
        #expect(process.lastWords == "")
        try await receiver.stop()
    }
}

@Suite struct `What an endpoint gets` {
    @Test func `only the types it chose, and only of the plan it is for`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start()
        let now = Date()
        let plans = ["a", "b"].map {
            Plan(id: .new(at: now), site: office.site.id, slug: Slug($0)!, name: $0, items: [], createdAt: now)
        }
        try await office.site.store.transaction { for plan in plans { _ = try $0.insert(plan) } }
        try await office.site.endpoint(receiver.url("/all"))
        try await office.site.endpoint(receiver.url("/created"), types: [.memberCreated])
        try await office.site.endpoint(receiver.url("/plan"), plan: plans[0].id)
        try await office.site.stage(.memberCreated)
        try await office.site.stage(.memberUpdated)
        for plan in plans {
            try await office.site.store.transaction { transaction in
                var facts = MessageFacts()
                facts.plan = MessageFacts.Plan(plan)
                try transaction.stage(.entitlementGranted, facts, of: office.site.id, at: now)
            }
        }
        try await office.open {
            try await eventually { try await office.site.unsettled == 0 }
        }
        let events = { (path: String) in
            receiver.requests(at: path).compactMap { $0.headers["x-gatehouse-event"] }.sorted()
        }
        #expect(
            events("/all") == ["entitlement.granted", "entitlement.granted", "member.created", "member.updated"]
        )
        #expect(events("/created") == ["member.created"])
        #expect(events("/plan") == ["entitlement.granted"])
        try await receiver.stop()
    }

    @Test func `one member's messages in their order, also behind a slow answer`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start { _, before in .init(delay: .milliseconds(before == 0 ? 300 : 0)) }
        try await office.site.endpoint(receiver.url())
        let member = Member.ID.new(at: Date())
        for number in 1...6 { try await office.site.stage(member: member, name: "Ana \(number)") }
        try await office.open {
            try await eventually { try await office.site.unsettled == 0 }
        }
        let names = receiver.requests.map { String(decoding: $0.body, as: UTF8.self) }
        #expect(names.count == 6)
        for (number, body) in zip(1...6, names) { #expect(body.contains("Ana \(number)")) }
        try await receiver.stop()
    }

    @Test func `nothing while it is off, and all of it when it is recovered`() async throws {
        let office = try await Office()
        let receiver = try await Receiver.start()
        let endpoint = try await office.site.endpoint(receiver.url())
        let store = office.site.store
        for _ in 0..<3 { try await office.site.stage() }
        _ = try await office.relay.relay(at: Date())
        try await store.transaction { _ = try $0.disable(endpoint.id, as: .disabled, at: Date()) }
        for _ in 0..<4 { try await office.site.stage() }
        _ = try await office.relay.relay(at: Date())
        #expect(try await store.read { try $0.countRecoverable(of: endpoint.id, since: .distantPast) } == 7)

        try await office.open {
            #expect(try await store.transaction { try $0.enable(endpoint.id, at: Date()) })
            let planned = try await store.transaction { transaction in
                try transaction.recover(
                    to: endpoint.id,
                    since: .distantPast,
                    startingAt: Date(),
                    spacing: 0.01,
                    limit: 100,
                    now: Date()
                )
            }
            #expect(planned.count == 7)
            try await office.jobs.enqueue(planned)
            try await eventually { try await office.site.unsettled == 0 }
        }
        #expect(Set(receiver.requests.map(\.id)).count == 7)
        #expect(receiver.requests.count == 7)
        #expect(try await store.read { try $0.countRecoverable(of: endpoint.id, since: .distantPast) } == 0)
        try await receiver.stop()
    }
}
