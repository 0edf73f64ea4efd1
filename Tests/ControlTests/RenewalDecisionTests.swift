import Domain
import Foundation
import Jobs
import Postgres
import RenewalJobs
import Store
import TestKit
import Testing

/// What an operator reads at night must be so, and say what follows.
@Suite struct `What the command line says of a decision` {
    private let key = ChargeAttempt.Key(period: 0, number: 1, seq: 0)

    /// One subscription, due for so long; `begin` takes events to it.
    private func withSubscription(
        dueFor days: Double = 0.05,
        _ body: (Operator, VaultSubscription.ID, (RenewalEvent, Date) async throws -> Void) async throws -> Void
    ) async throws {
        try await `Renewals at the command line`().withSubscription { person, _, id in
            let due = Date(timeIntervalSince1970: Date.now.timeIntervalSince1970.rounded(.down) - days * 86_400)
            try await person.database.pool.query(
                "UPDATE vault_subscriptions SET anchor_at = \(due), next_action_at = \(due) WHERE id = \(id)"
            )
            try await body(person, id) { event, now in
                _ = try await person.store.transaction {
                    try $0.advance(id, event, from: .api, at: now) { _, _ in FrozenBody(sealed: [1], of: [2]) }
                }
            }
        }
    }

    private func refused(_ person: Operator, _ arguments: String..., says words: String) async throws {
        let outcome = try await person.gatehouse(["renewals"] + arguments)
        #expect(outcome.exit == .code(1), "\(outcome.output)")
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }

    @Test func `nothing is resolved that does not wait, and no alarm goes unseen by it`() async throws {
        try await withSubscription { person, id, take in
            try await take(.wake, .now)
            try await refused(person, "resolve", "\(id)", "--period", "0", "--waive", says: "a charge of it is sending")
            try await take(.answered(key, fence: 1, .fact(.captured(id: "C1", order: "O1"))), .now)
            try await person.store.transaction {
                try $0.raise(.capturedAfterEnd(key, captureID: "C1"), of: id, at: .now)
            }
            try await refused(person, "resolve", "\(id)", "--period", "0", "--waive", says: "it is paid")
            try await refused(person, "resolve", "\(id)", "--period", "7", "--unpaid", says: "there is no period 7")
            #expect(try await person.store.read { try $0.chargeAlarms(limit: 9) }.count == 1)
            #expect(try await person.expectOK("renewals", "due").output.contains("renewals seen"))
            #expect(try await person.expectOK("renewals", "seen", "\(id)").output.contains("One alarm is seen"))
            try await refused(person, "seen", "\(id)", says: "no alarm")
        }
    }

    @Test func `charge-now says when it does not charge, and why`() async throws {
        try await withSubscription { person, id, take in
            try await refused(person, "charge-now", "\(id)", "--period", "5", says: "there is no period 5")
            try await person.expectOK("renewals", "pause", "--reason", "a test")
            let paused = try await person.expectOK("renewals", "charge-now", "\(id)").output
            #expect(paused.contains("when charging is resumed"))
            #expect(paused.contains("gatehouse renewals resume"))
            try await person.expectOK("renewals", "resume")
            try await take(.wake, .now)
            try await refused(person, "charge-now", "\(id)", says: "is sending: nothing else is charged meanwhile")
            try await take(.answered(key, fence: 1, .fact(.captured(id: "C1", order: "O1"))), .now)
            try await refused(person, "charge-now", "\(id)", says: "comes due at")
            try await refused(person, "charge-now", "\(id)", "--period", "0", says: "period 0 is paid")
        }
    }

    @Test func `periods that nobody charges by itself are listed until each is decided`() async throws {
        try await withSubscription(dueFor: 70) { person, id, take in
            try await take(.wake, .now)
            try await take(.answered(key, fence: 1, .fact(.captured(id: "C1", order: "O1"))), .now)
            let listed = try await person.expectOK("renewals", "due", "--json").document()
            #expect((listed["waiting"] as? [[String: Any]])?.compactMap { $0["period"] as? Int } == [1, 2])
            let story = try await person.expectOK("renewals", "explain", "\(id)").output
            #expect(story.contains("Not paid and not charged by itself: period 1, 2."))

            try await refused(person, "resolve", "\(id)", "--period", "1", "--unpaid", says: "renewals charge-now")
            let waived = try await person.expectOK("renewals", "resolve", "\(id)", "--period", "1", "--waive").output
            #expect(waived.contains("Period 1 is let go"))
            #expect(waived.contains("Not paid and not charged by itself: period 2."))
            #expect(try await person.expectOK("renewals", "due").output.contains("Waits for a person"))

            try await refused(
                person,
                "resolve",
                "\(id)",
                "--period",
                "2",
                "--paid",
                "C1",
                says: "capture C1 has paid another period already"
            )
            try await person.expectOK("renewals", "resolve", "\(id)", "--period", "2", "--paid", "C2")
            #expect(!(try await person.expectOK("renewals", "due").output.contains("Waits for a person")))
            #expect(
                try await person.expectOK("renewals", "explain", "\(id)").output.contains("an operator said: paid (C2)")
            )
            #expect(try await person.gatehouse("invariants", "--look-only").output.contains("I3"))
            let grave = try await person.gatehouse("invariants", "--look-only", "--json").document()
            let checked = try #require(grave["checked"] as? [[String: Any]])
            #expect(checked.allSatisfy { ($0["violations"] as? [Any])?.isEmpty == true }, "\(checked)")
        }
    }

    @Test func `explain tells of a step that is counted without a try`() async throws {
        try await withSubscription { person, id, take in
            try await take(.wake, .now)
            let decline = ChargeDecline(fault: .vaultToken, issue: "INVALID_VAULT_ID", advice: .never)
            try await take(.answered(key, fence: 1, .fact(.declined(decline))), .now)
            let story = try await person.expectOK("renewals", "explain", "\(id)").output
            #expect(story.contains("step 2 of 3, period 0 counts as declined without being sent"))
            #expect(story.contains("INVALID_VAULT_ID"))
            #expect(!story.contains("is tried again"))
        }
    }

    @Test func `explain says what PayPal did not say, and that what is late is due`() async throws {
        try await withSubscription { person, id, take in
            #expect(try await person.expectOK("renewals", "explain", "\(id)").output.contains("Due since"))
            try await take(.wake, .now)
            try await take(.answered(key, fence: 1, .unknown(order: nil)), .now)
            let story = try await person.expectOK("renewals", "explain", "\(id)").output
            #expect(story.contains("no answer of PayPal's said what became of it"))
            #expect(story.contains("an outage and not a decline"))
        }
    }

    @Test func `pauses name whom they hold, and ending one says what still stands`() async throws {
        try await `Renewals at the command line`().withSubscription { person, merchant, _ in
            let nobody = Merchant.ID.new(at: .now)
            try await refused(person, "pause", "--reason", "x", "--merchant", "\(nobody)", says: "no merchant")
            try await refused(person, "resume", "--merchant", "\(nobody)", says: "no merchant")
            try await person.expectOK("renewals", "pause", "--reason", "one", "--merchant", "\(merchant)")
            let none = try await person.expectOK("renewals", "resume").output
            #expect(none.contains("no pause of everybody"))
            #expect(none.contains("PAUSED for merchant \(merchant)"))
            try await person.expectOK("renewals", "pause", "--reason", "all")
            let one = try await person.expectOK("renewals", "resume", "--merchant", "\(merchant)").output
            #expect(one.contains("What still stands"))
            #expect(one.contains("PAUSED for everybody"))
            #expect(try await person.expectOK("renewals", "resume").output.contains("Charging goes on"))
        }
    }
}
