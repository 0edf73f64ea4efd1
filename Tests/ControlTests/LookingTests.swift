import Domain
import Foundation
import Postgres
import TestKit
import Testing
import ThriveCart

@testable import ControlCommands

@Suite struct `Looking at members` {
    @Test func `access says from which source, and ends with 0 or 3`() async throws {
        let shop = try await Operator.withShop()
        try await shop.hears(.sale(try shop.order("40000001", by: "Ana@Example.com", of: "product-7")))
        let yes = try await shop.gatehouse("access", "ana@example.com", "basic", "--site", "demo", "--json")
        #expect(yes.exit == .code(0))
        let document = try yes.document()
        #expect(document["access"] as? Bool == true)
        #expect(document["status"] as? String == "active")
        let source = try #require((document["sources"] as? [[String: Any]])?.first)
        #expect(source["order"] as? String == "40000001")
        #expect(source["item"] as? String == "product-7")
        let words = try await shop.gatehouse("access", "ana@example.com", "basic").output
        #expect(words.contains("ana@example.com has access to basic"))
        #expect(words.contains("thrivecart order 40000001, product-7: active"))

        let no = try await shop.gatehouse("access", "bob@example.com", "basic", "--json")
        #expect(no.exit == .code(3))
        #expect(try no.document()["member"] as? Bool == false)
        let unknown = try await shop.gatehouse("access", "ana@example.com", "bassic")
        #expect(unknown.exit == .code(1))
        #expect(unknown.errors.contains("one of: basic"))
    }

    @Test func `who is not found by an address is found where it is known`() async throws {
        let shop = try await Operator.withShop()
        let ana = try shop.order("40000001", by: "ana@example.com", of: "product-7")
        try await shop.hears(.sale(ana))
        // Bought with another address by the same customer, who signs in with the first.
        var second = try shop.order("40000002", by: "ana.new@example.com", of: "product-7")
        second.buyer.number = ana.buyer.number
        second.placedAt += 60
        try await shop.hears(.sale(second))
        try await shop.hears(.sale(try shop.order("40000003", by: "bob@example.com", of: "product-99")))
        for words in [["members", "show"], ["access"]] {
            func told(_ email: String) async throws -> String {
                try await shop.gatehouse(words + [email] + (words == ["access"] ? ["basic"] : [])).output
            }
            #expect(
                try await told("ana.new@example.com").contains("gatehouse members show ana@example.com --site demo")
            )
            #expect(try await told("bob@example.com").contains("gatehouse events list --email bob@example.com"))
            #expect(try await told("cem@example.com").contains("gatehouse members resync cem@example.com --site demo"))
        }
        let document = try await shop.gatehouse("members", "show", "ana.new@example.com", "--json").document()
        #expect((document["known"] as? [String: Any])?["members"] as? [String] == ["ana@example.com"])
    }

    @Test func `access can be waited for`() async throws {
        let shop = try await Operator.withShop()
        async let waited = shop.gatehouse("access", "ana@example.com", "basic", "--wait", "30s")
        try await shop.hears(.sale(try shop.order("40000001", by: "ana@example.com", of: "product-7")))
        #expect(try await waited.exit == .code(0))
        #expect(try await shop.gatehouse("access", "bob@example.com", "basic", "--wait", "200ms").exit == .code(3))
    }

    @Test func `are found by parts of their address and name, a page at a time`() async throws {
        let shop = try await Operator.withShop()
        for (index, name) in ["Ana Sample", "Bob Other", "Cem Sample"].enumerated() {
            let email = name.prefix(3).lowercased() + "@example.com"
            try await shop.hears(.sale(try shop.order("4000000\(index)", by: email, of: "product-7", name: name)))
        }
        func emails(_ words: String...) async throws -> ([String], next: String?) {
            let document = try await shop.gatehouse(["members", "list", "--json"] + words).document()
            let members = document["members"] as? [[String: Any]] ?? []
            return (members.compactMap { $0["email"] as? String }, document["next"] as? String)
        }
        #expect(try await emails("--search", "SAMPLE").0 == ["cem@example.com", "ana@example.com"])
        #expect(try await emails("--search", "bob@").0 == ["bob@example.com"])
        let (first, next) = try await emails("--limit", "2")
        #expect(first == ["cem@example.com", "bob@example.com"])
        let (rest, end) = try await emails("--limit", "2", "--after", try #require(next))
        #expect(rest == ["ana@example.com"])
        #expect(end == nil)
        let table = try await shop.gatehouse("members", "list").output
        #expect(table.contains("ana@example.com  Ana Sample  basic"))
    }

    @Test func `shows what they have and what happened`() async throws {
        let shop = try await Operator.withShop()
        let order = try shop.order("40000001", by: "ana@example.com", of: "product-7", name: "Ana\u{1B}[31m Sample")
        try await shop.hears(.sale(order))
        try await shop.hears(.refund(4900, of: order.items[0], in: order, at: .now, record: "1"))
        let shown = try await shop.gatehouse("members", "show", "ana@example.com")
        #expect(shown.exit == .code(0))
        #expect(shown.output.contains("basic: no access, refunded"))
        #expect(shown.output.contains("order.refund"))
        #expect(!shown.output.contains("\u{1B}"))
        let document = try await shop.gatehouse("members", "show", "ana@example.com", "--json").document()
        let history = try #require(document["history"] as? [[String: Any]])
        #expect(history.first?["after"] as? String == "refunded")
        #expect(try await shop.gatehouse("members", "show", "bob@example.com").exit == .code(3))
    }

    @Test func `a plan can be given by hand and taken back, whatever was bought`() async throws {
        let shop = try await Operator.withShop()
        let given = try await shop.expectOK("members", "grant", "ana@example.com", "basic", "--by", "Lea", "--json")
        let plan = try #require(try given.document()["plan"] as? [String: Any])
        #expect((plan["sources"] as? [[String: Any]])?.first?["granted_by"] as? String == "Lea")
        #expect(try await shop.gatehouse("access", "ana@example.com", "basic").output.contains("granted by Lea"))
        try await shop.expectOK("members", "withdraw", "ana@example.com", "basic", "--by", "Lea")
        #expect(try await shop.gatehouse("access", "ana@example.com", "basic").exit == .code(3))
        #expect(
            try await shop.gatehouse("members", "withdraw", "ana@example.com", "basic", "--by", "Lea").exit == .code(3)
        )
    }

    @Test func `leads are listed`() async throws {
        let shop = try await Operator.withShop()
        let order = try shop.order("1", by: "lea@example.com", of: "product-7")
        try await shop.hears(
            .abandonment(SimulatedCart(seller: order.seller, buyer: order.buyer, product: order.items[0], leftAt: .now))
        )
        let leads = try #require(
            try await shop.gatehouse("leads", "list", "--json").document()["leads"] as? [[String: Any]]
        )
        #expect(leads.first?["email"] as? String == "lea@example.com")
        #expect(leads.first?["item"] as? String == "product-7")
        #expect(try await shop.gatehouse("leads", "list", "--status", "converted").output == "No leads.\n")
    }
}

@Suite struct `Looking at events` {
    @Test func `they are found by address, order, name, status and time`() async throws {
        let shop = try await Operator.withShop()
        let ana = try shop.order("40000001", by: "ana@example.com", of: "product-7")
        try await shop.hears(.sale(ana))
        try await shop.hears(.refund(100, of: ana.items[0], in: ana, at: .now, record: "1"))
        try await shop.hears(.sale(try shop.order("40000002", by: "bob@example.com", of: "product-99")))
        func names(_ words: String...) async throws -> [String] {
            let document = try await shop.gatehouse(["events", "list", "--json"] + words).document()
            return (document["events"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
        }
        #expect(try await names() == ["order.success", "order.refund", "order.success"])
        #expect(try await names("--email", "ANA@example.com") == ["order.refund", "order.success"])
        #expect(try await names("--order", "40000002") == ["order.success"])
        #expect(try await names("--name", "order.refund", "--since", "1h") == ["order.refund"])
        #expect(try await names("--status", "flagged", "--order", "40000002") == ["order.success"])
        #expect(try await names("--until", "2020-01-01") == [])
        #expect(try await names("--limit", "1") == ["order.success"])
    }

    @Test func `one shows its body without the secret, and what it changed`() async throws {
        let shop = try await Operator.withShop()
        try await shop.hears(.sale(try shop.order("40000001", by: "ana@example.com", of: "product-7")))
        let listed = try await shop.gatehouse("events", "list", "--json").document()
        let id = try #require((listed["events"] as? [[String: Any]])?.first?["id"] as? String)
        let shown = try await shop.gatehouse("events", "show", id)
        #expect(shown.exit == .code(0))
        #expect(shown.output.contains("order_id=40000001"))
        #expect(shown.output.contains("thrivecart_account=demoshop"))
        #expect(!shown.output.contains("thrivecart_secret"))
        #expect(!shown.output.contains(Operator.secret))
        let document = try await shop.gatehouse("events", "show", id, "--json").document()
        let changes = try #require(document["changes"] as? [[String: Any]])
        #expect(changes.contains { $0["plan"] as? String == "basic" && $0["after"] as? String == "active" })
        #expect((document["body"] as? String)?.contains("order_id=40000001") == true)
        let other = "0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e"
        #expect(try await shop.gatehouse("events", "show", other).exit == .code(3))
    }

    @Test func `one without effect says why, and what to do`() async throws {
        let shop = try await Operator.withShop()
        try await shop.hears(.sale(try shop.order("40000002", by: "bob@example.com", of: "product-99")))
        let listed = try await shop.gatehouse("events", "list").output
        #expect(listed.contains("flagged  unmapped"))
        let document = try await shop.gatehouse("events", "list", "--json").document()
        let id = try #require((document["events"] as? [[String: Any]])?.first?["id"] as? String)
        let shown = try await shop.gatehouse("events", "show", id).output
        #expect(shown.contains("gatehouse plan link PLAN --site demo --item ITEM"))
        // What it says helps.
        try await shop.expectOK("plan", "link", "basic", "--site", "demo", "--item", "product-99")
        try await shop.expectOK("access", "bob@example.com", "basic")
    }

    @Test func `replayed in vain they say so`() async throws {
        let shop = try await Operator.withShop()
        try await shop.hears(.sale(try shop.order("40000001", by: "ana@example.com", of: "product-9")))
        try await shop.database.pool.query(
            "ALTER TABLE order_buyers ADD CONSTRAINT broken CHECK (email IS NULL) NOT VALID"
        )
        try await shop.whileRunning { _ in
            let replayed = try await shop.gatehouse("events", "replay", "--status", "flagged", "--wait", "60s")
            #expect(replayed.exit == .code(1))
            #expect(replayed.output.contains("1 failed again; what is wrong: gatehouse dead list"))
            #expect(!replayed.output.contains("is fulfillment running"))
        }
        #expect(try await shop.gatehouse("dead", "list").output.contains("fulfillment.apply"))
    }

    @Test func `replayed they are applied again, to no other effect`() async throws {
        let shop = try await Operator.withShop()
        try await shop.hears(.sale(try shop.order("40000001", by: "ana@example.com", of: "product-7")))
        let listed = try await shop.gatehouse("events", "list", "--json").document()
        let id = try #require((listed["events"] as? [[String: Any]])?.first?["id"] as? String)

        let nobody = try await shop.gatehouse("events", "replay", "--status", "applied", "--wait", "0s", "--json")
        #expect(nobody.exit == .code(69))
        #expect(try nobody.document()["waiting"] as? Int == 1)
        try await shop.whileRunning { _ in
            let replayed = try await shop.gatehouse("events", "replay", id, "--json")
            #expect(replayed.exit == .code(0), "\(replayed.errors)\(replayed.output)")
            #expect(try replayed.document()["waiting"] as? Int == 0)
        }
        #expect(try await shop.gatehouse("events", "replay", "--status", "failed").exit == .code(3))
        let members = try await shop.gatehouse("members", "list", "--json").document()["members"] as? [Any]
        #expect(members?.count == 1)
        try await shop.expectOK("access", "ana@example.com", "basic")
    }
}
