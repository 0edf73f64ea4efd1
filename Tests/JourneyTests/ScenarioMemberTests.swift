import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

/// Whose an order is, with real rows.
@Suite struct `Who is the member` {
    let plans = ["product-7": "basic", "product-11": "basic", "upsell-3": "club"]
    let sale = "order.success.subscription-monthly.form"
    let renewal = "order.subscription_payment.rebill-1-new-email.form"
    let now = 1_792_600_000.0
    let ana = "ana.sample@example.com"

    @Test func `F2: a new address becomes a member once, however often the sale is delivered`() async throws {
        let seller = try await Seller(plans: plans)
        for _ in 0..<3 { try await seller.post(sale, at: now) }
        try await seller.post("order.success.subscription-monthly.event-ids.json", at: now)
        #expect(try await seller.messages() == ["member.created", "entitlement.granted", "order.paid"])
        let member = try #require(try await seller.member(ana))
        #expect(member.firstName == "Ana")
        #expect(member.origin == .sale)
    }

    @Test func `G1: a known customer is the same member under another address`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: now)
        try await seller.post("order.success.html-escaped-name.form", ["order_timestamp": "1790000100"], at: now)
        #expect(try await seller.counter("_members") == 1)
        #expect(try await seller.member(ana)?.billingEmail == EmailAddress("pat@example.com"))
        #expect(try await seller.texts("SELECT number FROM orders WHERE 'email-differs' = ANY(flags)") == ["40000011"])
    }

    @Test func `G1: another customer with the same address is the same member`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: now)
        try await seller.post(
            "order.success.lifetime-upgrade.form",
            ["customer_id": "7", "customer[id]": "7"],
            at: now
        )
        #expect(try await seller.counter("_members") == 1)
    }

    @Test func `G1: a provisional member takes the sale's address and keeps the other for billing`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(renewal, at: now)
        let provisional = try #require(try await seller.member("ana.new@example.com"))
        #expect(provisional.origin == .laterEvent)

        try await seller.post(sale, at: now)
        let member = try #require(try await seller.member(ana))
        #expect(member.id == provisional.id)
        #expect(member.origin == .sale)
        #expect(member.billingEmail == EmailAddress("ana.new@example.com"))
        #expect(try await seller.member("ana.new@example.com") == nil)
        #expect(try await seller.messages().filter { $0 == "member.updated" }.count == 1)
    }

    @Test func `G1: where somebody has the sale's address, the order moves and an empty member goes`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(renewal, at: now)
        try await seller.post(
            "order.success.lifetime-upgrade.form",
            ["customer_id": "7", "customer[id]": "7", "order_timestamp": "1790000500"],
            at: now
        )
        #expect(try await seller.counter("_members") == 2)
        try await seller.post(sale, at: now)
        #expect(try await seller.texts("SELECT email FROM members") == [ana])
        #expect(
            try await seller.texts("SELECT DISTINCT m.email FROM orders o JOIN members m ON m.id = o.member") == [ana]
        )
        #expect(try await seller.count("SELECT count(*) FROM entitlements e JOIN members m ON m.id = e.member") == 2)
        #expect(try await seller.access(of: ana, to: "basic", at: Date(timeIntervalSince1970: now))?.status == .active)
    }

    @Test func `G3: a purchase changes nothing of a member whom an operator made`() async throws {
        let seller = try await Seller(plans: plans)
        let email = try #require(EmailAddress(ana))
        let made = Member(
            id: .new(at: Date(timeIntervalSince1970: now)),
            site: seller.site.id,
            email: email,
            firstName: "Staff",
            origin: .byOperator,
            createdAt: Date(timeIntervalSince1970: now)
        )
        _ = try await seller.store.transaction { try $0.insert(made) }
        try await seller.post(sale, at: now)
        try await seller.post(renewal, at: now)
        let member = try #require(try await seller.member(ana))
        #expect(member.id == made.id)
        #expect(member.firstName == "Staff")
        #expect(member.lastName == nil)
        #expect(member.origin == .byOperator)
        #expect(try await seller.access(of: ana, to: "basic", at: Date(timeIntervalSince1970: now))?.hasAccess == true)
    }

    @Test func `G4: a renewal with another address keeps the login, stores the other, and is shown`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: now)
        try await seller.post(renewal, at: now)
        #expect(try await seller.member(ana)?.billingEmail == EmailAddress("ana.new@example.com"))
        #expect(try await seller.texts("SELECT number FROM orders WHERE 'email-differs' = ANY(flags)") == ["40000001"])
    }

    @Test func `G4: an old sale that is found later does not rename a member who has settled`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: now)
        try await seller.post(
            "order.success.html-escaped-name.form",
            ["order_timestamp": "1600000000"],
            at: now + 4 * 86_400
        )
        #expect(try await seller.texts("SELECT email FROM members") == [ana])
        let member = try #require(try await seller.member(ana))
        #expect(member.firstName == "Ana")
        #expect(try await seller.count("SELECT count(*) FROM orders WHERE member = \(member.id)") == 2)
    }

    @Test func `G5: blanks never overwrite a name, a later event may fill it`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post("order.success.names-missing.form", at: now)
        #expect(try await seller.member("noname@example.com")?.firstName == nil)
        try await seller.post(
            "order.success.lifetime-upgrade.form",
            ["customer[email]": "noname@example.com"],
            at: now + 30 * 86_400
        )
        #expect(try await seller.member("noname@example.com")?.lastName == "Sample")
    }

    @Test func `G6: without an address the event is kept and shown, and its order waits`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post("bad.no-email.raw", at: now)
        #expect(try await seller.texts("SELECT reason FROM inbound_events WHERE status = 'flagged'") == ["no-email"])
        #expect(try await seller.counter("_members") == 0)
        try await seller.post(renewal, ["order_id": "40000020"], at: now)
        #expect(try await seller.counter("_members") == 1)
    }

    @Test func `G7: the processor's customer id joins nobody`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: now)
        try await seller.post(
            "order.success.html-escaped-name.form",
            ["customer_id": "7", "customer[id]": "7"],
            at: now
        )
        #expect(try await seller.counter("_members") == 2)
    }

    @Test func `a sale's own address is never another site's member`() async throws {
        let seller = try await Seller(plans: plans)
        try await seller.post(sale, at: now)
        let other = Site(
            id: .new(at: Date(timeIntervalSince1970: now)),
            slug: try #require(Slug("other")),
            name: "Other",
            thriveCartAccount: "other",
            createdAt: Date(timeIntervalSince1970: now)
        )
        _ = try await seller.store.transaction { try $0.insert(other) }
        let email = try #require(EmailAddress(ana))
        #expect(try await seller.store.read { try $0.member(email: email, of: other.id) } == nil)
    }
}
