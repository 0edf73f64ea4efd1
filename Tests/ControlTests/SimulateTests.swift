import Foundation
import Jobs
import TestKit
import Testing

@testable import ControlCommands

@Suite struct `Simulating ThriveCart` {
    private let buyer = "ana@example.com"

    /// Simulates and answers how the plan stands then.
    private struct Teller {
        var shop: Operator
        var ingress: String

        func status(_ words: String...) async throws -> String {
            let outcome = try await shop.gatehouse(["simulate"] + words + ["--url", ingress, "--json"])
            #expect(outcome.exit == .code(0), "\(words): \(outcome.errors)\(outcome.output)")
            let plans = try outcome.document()["plans"] as? [[String: Any]]
            return plans?.first?["status"] as? String ?? "no plan"
        }
    }

    private func events(_ outcome: Operator.Outcome) throws -> [String] {
        (try outcome.document()["events"] as? [[String: Any]] ?? []).compactMap { $0["status"] as? String }
    }

    @Test func `a purchase is followed to the member, hop by hop`() async throws {
        let shop = try await Operator.withShop()
        try await shop.whileRunning { ingress in
            let bought = try await shop.gatehouse(
                "simulate",
                "purchase",
                "--site",
                "demo",
                "--email",
                buyer,
                "--item",
                "product-7",
                "--item",
                "bump-7",
                "--url",
                ingress
            )
            #expect(bought.exit == .code(0), "\(bought.errors)\(bought.output)")
            let hops = bought.output.split(separator: "\n").map { $0.prefix { $0 != " " } }
            #expect(hops.contains("thrivecart") && hops.contains("ingress") && hops.contains("fulfillment"))
            #expect(bought.output.contains("member       basic: access, active"))
            #expect(!(bought.output + bought.errors).contains(Operator.secret))
            try await shop.expectOK("access", buyer, "basic")
        }
    }

    @Test func `a subscription renews, is declined, and is paid after all`() async throws {
        let shop = try await Operator.withShop()
        try await shop.whileRunning { ingress in
            let tell = Teller(shop: shop, ingress: ingress)
            let sold = try await tell.status("purchase", "--email", buyer, "--item", "product-7", "--every", "year")
            let renewed = try await tell.status("renewal", "--email", buyer)
            let declined = try await tell.status("decline", "--email", buyer)
            let paid = try await tell.status("renewal", "--email", buyer)
            #expect([sold, renewed, declined, paid] == ["active", "active", "past_due", "active"])
            let completed = try await tell.status("renewal", "--email", buyer, "--remaining", "0")
            #expect(completed == "completed")
        }
    }

    @Test func `a pause ends, a cancellation keeps what is paid, and refunds take it`() async throws {
        let shop = try await Operator.withShop()
        try await shop.whileRunning { ingress in
            let tell = Teller(shop: shop, ingress: ingress)
            let statuses = [
                try await tell.status(
                    "purchase",
                    "--email",
                    buyer,
                    "--item",
                    "product-7",
                    "--every",
                    "month",
                    "--at",
                    "5m"
                ),
                try await tell.status("pause", "--email", buyer, "--at", "4m"),
                try await tell.status("resume", "--email", buyer, "--at", "3m"),
                try await tell.status("cancel", "--email", buyer, "--at", "2m"),
                try await tell.status("refund", "--email", buyer, "--amount", "10.00", "--at", "1m"),
                try await tell.status("refund", "--email", buyer, "--amount", "39.00"),
            ]
            #expect(statuses == ["active", "paused", "active", "ending", "ending", "refunded"])
        }
    }

    @Test func `an abandoned cart becomes a lead`() async throws {
        let shop = try await Operator.withShop()
        try await shop.whileRunning { ingress in
            try await shop.expectOK("simulate", "abandon", "--email", buyer, "--item", "product-7", "--url", ingress)
        }
        #expect(try await shop.gatehouse("leads", "list").output.contains(buyer))
    }

    @Test func `repeats, twins and any order come to one purchase`() async throws {
        let shop = try await Operator.withShop()
        try await shop.whileRunning { ingress in
            let outcome = try await shop.gatehouse(
                "simulate",
                "purchase",
                "--email",
                buyer,
                "--item",
                "product-7",
                "--item",
                "upsell-3",
                "--twins",
                "--repeat",
                "3",
                "--shuffle",
                "--encoding",
                "json",
                "--url",
                ingress,
                "--json"
            )
            #expect(outcome.exit == .code(0), "\(outcome.errors)\(outcome.output)")
            #expect((try outcome.document()["deliveries"] as? [Any])?.count == 12)
            #expect(try events(outcome).count == 4)
        }
        let member = try await shop.gatehouse("members", "show", buyer, "--json").document()
        let plans = try #require(member["plans"] as? [[String: Any]])
        #expect((plans.first?["sources"] as? [Any])?.count == 1)
    }

    @Test func `test mode gives nothing where the site does not allow it`() async throws {
        let shop = try await Operator.withShop()
        try await shop.whileRunning { ingress in
            let outcome = try await shop.gatehouse(
                "simulate",
                "purchase",
                "--email",
                buyer,
                "--item",
                "product-7",
                "--test",
                "--url",
                ingress,
                "--json"
            )
            #expect(outcome.exit == .code(0))
            #expect(try events(outcome) == ["flagged"])
        }
        #expect(try await shop.gatehouse("access", buyer, "basic").exit == .code(3))
    }

    @Test func `nobody at the address, a wrong secret and a missing worker are told apart`() async throws {
        let shop = try await Operator.withShop()
        let purchase = ["simulate", "purchase", "--email", buyer, "--item", "product-7", "--wait", "1s", "--url"]
        let began = ContinuousClock.now
        let away = try await shop.gatehouse(purchase + ["http://127.0.0.1:1"])
        #expect(ContinuousClock.now - began < .seconds(10), "an ingress that isn't there is told at once")
        #expect(away.exit == .code(69))
        #expect(away.errors.contains("the ingress does not answer at http://127.0.0.1:1/webhooks/thrivecart/demo"))

        try await shop.whileRunning(fulfilling: false) { ingress in
            let waiting = try await shop.gatehouse(purchase + [ingress])
            #expect(waiting.exit == .code(69))
            #expect(waiting.output.contains("not applied yet"))
            let queues = try await shop.gatehouse("queues", "--json").document()["queues"] as? [[String: Any]]
            #expect(queues?.first?["ready"] as? Int == 1)
            let elsewhere = try await shop.gatehouse(purchase + [ingress + "/nowhere"])
            #expect(elsewhere.exit == .code(1))
            #expect(elsewhere.output.contains("404"))
        }
    }

    @Test func `what renews is told of the order that renews, not of a newer one`() async throws {
        let shop = try await Operator.withShop()
        try await shop.whileRunning { ingress in
            let tell = ["--email", buyer, "--url", ingress]
            let purchase = ["simulate", "purchase", "--item", "product-7"] + tell
            _ = try await shop.gatehouse(purchase + ["--order", "40000001", "--every", "month", "--at", "1h"])
            let second = try await shop.gatehouse(purchase + ["--order", "40000002"])
            #expect(second.exit == .code(0))
            let canceled = try await shop.gatehouse(["simulate", "cancel", "--json"] + tell)
            #expect(try canceled.document()["order"] as? String == "40000001")
            let refunded = try await shop.gatehouse(["simulate", "refund", "--json"] + tell)
            #expect(try refunded.document()["order"] as? String == "40000002")
        }
    }

    @Test func `an order that nobody knows is told`() async throws {
        let shop = try await Operator.withShop()
        let outcome = try await shop.gatehouse("simulate", "refund", "--order", "40000001")
        #expect(outcome.exit == .code(1))
        #expect(outcome.errors.contains("knows no such order"))
    }
}
