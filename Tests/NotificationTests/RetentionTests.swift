import Domain
import Foundation
import NotificationJobs
import Postgres
import Store
import TestKit
import Testing

@Suite struct `What is settled and old` {
    private static let day: TimeInterval = 86_400
    private let now = Date()

    /// A message that was made so many days ago, with one delivery in the state.
    private func message(
        _ site: TestSite,
        daysAgo: Double,
        _ state: Delivery.State?,
        settledDaysAgo: Double? = nil
    ) async throws -> Message.ID {
        let madeAt = now.addingTimeInterval(-daysAgo * Self.day)
        let endpoint = try await site.endpoint("https://example.com/hook").id
        let id = try await site.store.transaction { transaction in
            var facts = MessageFacts()
            facts.member = MessageFacts.Member(site.person(.new(at: madeAt)))
            try transaction.stage(.memberUpdated, facts, of: site.id, at: madeAt)
            let id = try transaction.rows("SELECT id FROM outbox ORDER BY position DESC LIMIT 1").decode(
                Message.ID.self
            )[0]
            guard let state else { return id }
            let settledAt =
                state == .pending
                ? nil : now.addingTimeInterval(-(settledDaysAgo ?? daysAgo) * Self.day)
            let delivery = Delivery.ID.new(at: madeAt)
            try transaction.run("DELETE FROM outbox_waiting WHERE message = \(id)")
            try transaction.run(
                """
                INSERT INTO deliveries (id, owner, endpoint, message, position, subject, state, attempts, due_at, created_at,
                    settled_at)
                SELECT \(delivery), owner, \(endpoint), id, position, id, \(state), 1, \(madeAt), \(madeAt), \(settledAt)
                FROM outbox WHERE id = \(id)
                """
            )
            try transaction.run(
                """
                INSERT INTO delivery_attempts (delivery, number, at, status, latency_ms, answer)
                VALUES (\(delivery), 1, \(madeAt), 200, 3, '')
                """
            )
            return id
        }
        return id
    }

    private func mail(_ site: TestSite, daysAgo: Double, _ state: Mail.State) async throws {
        let madeAt = now.addingTimeInterval(-daysAgo * Self.day)
        let recipient = try #require(EmailAddress("ana@example.com"))
        let mail = Mail(
            id: .new(at: madeAt),
            site: site.id,
            template: "welcome",
            dedupeKey: "\(daysAgo)/\(state)",
            recipient: recipient,
            subject: "s",
            text: "t",
            html: "h",
            createdAt: madeAt
        )
        try await site.store.transaction { transaction in
            try transaction.stage(mail)
            if state != .waiting { try transaction.settle(mail.id, as: state, at: madeAt) }
        }
    }

    @Test func `is taken away with all that hangs on it, and nothing else`() async throws {
        let site = try await TestSite()
        for state in [Delivery.State.delivered, .failed, .canceled] {
            _ = try await message(site, daysAgo: 31, state)
        }
        let kept = [
            try await message(site, daysAgo: 29, .delivered),
            // However old: it is on its way, or not even that.
            try await message(site, daysAgo: 400, .pending),
            try await message(site, daysAgo: 400, nil),
            // Sent again yesterday.
            try await message(site, daysAgo: 400, .delivered, settledDaysAgo: 1),
        ]
        for state in [Mail.State.sent, .kept, .failed] { try await mail(site, daysAgo: 31, state) }
        try await mail(site, daysAgo: 31, .waiting)
        try await mail(site, daysAgo: 29, .sent)

        let cutoff = now.addingTimeInterval(-30 * Self.day)
        #expect(try await PruneMessages.prune(site.store, settledBefore: cutoff) == Pruned(messages: 3, mails: 3))
        let left = try await site.database.pool.query("SELECT id FROM outbox").decode(Message.ID.self)
        #expect(Set(left) == Set(kept))
        #expect(try await site.count("SELECT count(*) FROM deliveries") == 3)
        #expect(try await site.count("SELECT count(*) FROM delivery_attempts") == 3)
        #expect(try await site.count("SELECT count(*) FROM mails") == 2)
        #expect(try await PruneMessages.prune(site.store, settledBefore: cutoff) == Pruned())
    }

    @Test func `goes in batches, beside those who are at it too`() async throws {
        let site = try await TestSite()
        try await site.database.pool.query(
            """
            INSERT INTO outbox (id, site, type, body, created_at, relayed_at)
            SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, \(site.id), 'member.updated', '',
                now() - interval '40 days', now() - interval '40 days'
            FROM generate_series(1, 1700) n
            """
        )
        let cutoff = now.addingTimeInterval(-30 * Self.day)
        async let one = PruneMessages.prune(site.store, settledBefore: cutoff)
        async let other = PruneMessages.prune(site.store, settledBefore: cutoff)
        let (first, second) = try await (one, other)
        #expect(first.messages + second.messages == 1700)
        #expect(try await site.count("SELECT count(*) FROM outbox") == 0)
    }
}
