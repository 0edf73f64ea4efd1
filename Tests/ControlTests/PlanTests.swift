import Foundation
import TestKit
import Testing
import ThriveCart

@testable import ControlCommands

@Suite struct `A plan` {
    private func plan(_ outcome: Operator.Outcome) throws -> [String: Any] {
        try #require(try outcome.document()["plan"] as? [String: Any])
    }

    @Test func `is opened by the items it is made with`() async throws {
        let shop = try await Operator.withShop()
        let made = try await shop.expectOK(
            "plan",
            "create",
            "gold",
            "--site",
            "demo",
            "--name",
            "Gold",
            "--item",
            "upsell-2",
            "--item",
            "Downsell-5",
            "--item",
            "bump-7",
            "--json"
        )
        #expect(try plan(made)["items"] as? [String] == ["bump-7", "downsell-5", "upsell-2"])
        let listed = try await shop.expectOK("plan", "list", "--json")
        let plans = try #require(try listed.document()["plans"] as? [[String: Any]])
        #expect(plans.compactMap { $0["plan"] as? String } == ["basic", "gold"])
        let table = try await shop.expectOK("plan", "list").output
        #expect(table.hasPrefix("PLAN   NAME   OPENED BY                     MEMBERS\n"))
    }

    @Test func `made again is an error, but not with --if-missing`() async throws {
        let shop = try await Operator.withShop()
        let again = ["plan", "create", "basic", "--name", "Other", "--item", "product-9"]
        let refused = try await shop.gatehouse(again)
        #expect(refused.exit == .code(1))
        #expect(refused.errors.contains("gatehouse plan link basic"))
        let left = try await shop.gatehouse(again + ["--if-missing", "--json"])
        #expect(left.exit == .code(0))
        #expect(try plan(left)["items"] as? [String] == ["product-7"])
    }

    @Test func `H7: the doctor tells of one that no item opens, before anybody pays for it`() async throws {
        let shop = try await Operator.withShop()
        try await shop.expectOK("plan", "create", "gold", "--name", "Gold")
        let found = try await shop.gatehouse("doctor").output
        #expect(found.contains("demo: no item opens the plan gold"))
        #expect(found.contains("fix: gatehouse plan link gold --site demo --item EXTERNAL-ID"))
        #expect(!found.contains("opens the plan basic"))
        try await shop.expectOK("plan", "link", "gold", "--site", "demo", "--item", "product-8")
        #expect(try await !shop.gatehouse("doctor").output.contains("no item opens"))
    }

    @Test func `opens for earlier buyers when an item is linked, and closes when it is unlinked`() async throws {
        let shop = try await Operator.withShop()
        try await shop.hears(.sale(try shop.order("40000001", by: "ana@example.com", of: "product-8")))
        let access = ["access", "ana@example.com", "basic"]
        #expect(try await shop.gatehouse(access).exit == .code(3))

        let linked = try await shop.expectOK("plan", "link", "basic", "--item", "product-8", "--json")
        #expect(try linked.document()["linked"] as? [String] == ["product-8"])
        #expect(try await shop.gatehouse(access).exit == .code(0))
        let again = try await shop.expectOK("plan", "link", "basic", "--item", "product-8")
        #expect(again.output.hasPrefix("Nothing to change."))

        try await shop.expectOK("plan", "unlink", "basic", "--item", "product-8")
        #expect(try await shop.gatehouse(access).exit == .code(3))
    }

    @Test func `that is made late opens for earlier buyers`() async throws {
        let shop = try await Operator.withShop()
        try await shop.hears(.sale(try shop.order("40000001", by: "ana@example.com", of: "upsell-3")))
        try await shop.expectOK("plan", "create", "club", "--name", "Club", "--item", "upsell-3")
        try await shop.expectOK("access", "ana@example.com", "club")
    }
}
