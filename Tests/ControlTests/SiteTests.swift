import Domain
import Foundation
import FulfillmentJobs
import Redis
import Sealing
import TestKit
import Testing
import ThriveCart

@testable import ControlCommands

@Suite struct `A site` {
    private func published(_ shop: Operator) async throws -> IngressSettings {
        let sealed = try #require(try await shop.redis.call(["GET", .text(IngressSettings.key)]).bytes)
        return try IngressSettings(opening: sealed, with: try shop.sealer)
    }

    @Test func `is made with a secret that the ingress learns and nobody is shown`() async throws {
        let shop = try await Operator()
        let made = try await shop.gatehouse(
            "site",
            "create",
            "demo",
            "--name",
            "Demo",
            "--thrivecart-account",
            "DemoShop",
            "--thrivecart-secret-file",
            try shop.file(" \(Operator.secret) \r\n"),
            "--json"
        )
        #expect(made.exit == .code(0))
        let document = try made.document()
        #expect(document["created"] as? Bool == true)
        let site = try #require(document["site"] as? [String: Any])
        #expect(site["thrivecart_account"] as? String == "demoshop")
        #expect(site["webhook_url"] as? String == "http://127.0.0.1:8080/webhooks/thrivecart/demo")
        #expect(site["secrets"] as? Int == 1)

        let settings = try await published(shop)
        #expect(settings.sites.map(\.thriveCartSecrets) == [[Operator.secret]])

        for words in [["site", "list"], ["site", "show"], ["site", "show", "demo", "--json"]] {
            let outcome = try await shop.gatehouse(words)
            #expect(outcome.exit == .code(0))
            #expect(outcome.output.contains("demoshop"))
            #expect(!(outcome.output + outcome.errors).contains(Operator.secret))
        }
        #expect(!(made.output + made.errors).contains(Operator.secret))
    }

    @Test func `made again is an error, but not with --if-missing`() async throws {
        let shop = try await Operator.withShop()
        let again = ["site", "create", "demo", "--name", "Other", "--thrivecart-account", "other"]
        let refused = try await shop.gatehouse(again)
        #expect(refused.exit == .code(1))
        #expect(refused.errors.contains("--if-missing"))

        try await shop.redis.call(["FLUSHDB"])
        let left = try await shop.gatehouse(again + ["--if-missing", "--json"])
        #expect(left.exit == .code(0))
        #expect(try left.document()["created"] as? Bool == false)
        #expect(left.output.contains("\"demoshop\""))
        #expect(try await published(shop).sites.count == 1)
    }

    @Test func `takes its secret from standard input, and asks for it nowhere else`() async throws {
        let shop = try await Operator()
        let words = ["site", "create", "demo", "--name", "Demo", "--thrivecart-account", "demoshop"]
        let missing = try await shop.gatehouse(words)
        #expect(missing.exit == .code(64))
        #expect(missing.errors.contains("--thrivecart-secret-file"))
        let empty = try await shop.gatehouse(words + ["--thrivecart-secret-file", "-"], input: "\n")
        #expect(empty.exit == .code(1))
        #expect(try await shop.gatehouse("site", "list").output == "No sites yet.\n")

        let made = try await shop.gatehouse(words + ["--thrivecart-secret-file", "-"], input: Operator.secret + "\r\n")
        #expect(made.exit == .code(0))
        #expect(try await published(shop).sites[0].thriveCartSecrets == [Operator.secret])
    }

    @Test func `with a new secret knows the old one for a while`() async throws {
        let shop = try await Operator.withShop()
        let rotate = ["site", "rotate-secret", "demo", "--thrivecart-secret-file", "-"]
        let first = try await shop.gatehouse(rotate + ["--json"], input: "NEWWORD")
        #expect(first.exit == .code(0))
        #expect(try first.document()["added"] as? Bool == true)
        #expect(try first.document()["retired"] as? Int == 1)
        #expect(try await published(shop).sites[0].thriveCartSecrets == ["NEWWORD", Operator.secret])
        #expect(!(first.output + first.errors).contains("NEWWORD"))

        let again = try await shop.gatehouse(rotate + ["--json", "--keep-old", "0s"], input: "NEWWORD")
        #expect(try again.document()["added"] as? Bool == false)
        #expect(try await published(shop).sites[0].thriveCartSecrets == ["NEWWORD"])
    }

    @Test func `lets test orders give access when it is told to`() async throws {
        let shop = try await Operator.withShop()
        try await shop.hears(.sale(try shop.order("40000001", by: "ana@example.com", of: "product-7", mode: .test)))
        #expect(try await shop.gatehouse("access", "ana@example.com", "basic").exit == .code(3))
        let updated = try await shop.expectOK("site", "update", "--test-mode-grants", "--grace-days", "3", "--json")
        let site = try #require(try updated.document()["site"] as? [String: Any])
        #expect(site["test_mode_grants"] as? Bool == true)
        #expect(site["grace_days"] as? Int == 3)
        #expect(site["name"] as? String == "Demo")
        try await shop.expectOK("access", "ana@example.com", "basic")

        let moved = try await shop.gatehouse("site", "update", "--thrivecart-account", "other")
        #expect(moved.exit == .code(1))
        try await shop.expectOK("site", "update", "--status", "suspended")
        #expect(try await published(shop).sites.isEmpty)
    }

    @Test func `that is not there is told with those that are`() async throws {
        let shop = try await Operator.withShop()
        let outcome = try await shop.gatehouse("members", "list", "--site", "dmeo")
        #expect(outcome.exit == .code(1))
        #expect(outcome.errors.contains("there is no site dmeo"))
        #expect(outcome.errors.contains("one of: demo"))
    }

    @Test func `must be named where there are two`() async throws {
        let shop = try await Operator.withShop()
        try await shop.expectOK("site", "create", "second", "--name", "Second")
        let outcome = try await shop.gatehouse("plan", "list")
        #expect(outcome.exit == .code(64))
        #expect(outcome.errors.contains("--site with one of: demo, second"))
    }
}

@Suite struct `Rotating keys` {
    @Test func `seals everything with the first key, and can be repeated`() async throws {
        var shop = try await Operator.withShop()
        try await shop.expectOK(
            "site",
            "create",
            "two",
            "--name",
            "Two",
            "--thrivecart-account",
            "two",
            "--thrivecart-secret-file",
            try shop.file("SECONDWORD")
        )
        let new = SealingKeys.newEntry(id: "k2")
        shop.environment["APP_KEYS"] = new + "," + shop.keys

        let rotated = try await shop.gatehouse("keys", "rotate", "--json")
        #expect(rotated.exit == .code(0), "\(rotated.errors)")
        #expect(try rotated.document()["resealed"] as? Int == 2)
        let again = try await shop.gatehouse("keys", "rotate", "--json")
        #expect(try again.document()["resealed"] as? Int == 0)
        #expect(try again.document()["current"] as? Int == 2)

        // The old key may go.
        shop.environment["APP_KEYS"] = new
        try await shop.expectOK("site", "rotate-secret", "two", "--thrivecart-secret-file", try shop.file("SECONDWORD"))
        let sealed = try #require(try await shop.redis.call(["GET", .text(IngressSettings.key)]).bytes)
        #expect(try IngressSettings(opening: sealed, with: try shop.sealer).sites.count == 2)
    }

    @Test func `without the key that something is sealed with says so and loses nothing`() async throws {
        var shop = try await Operator.withShop()
        let old = shop.keys
        let new = SealingKeys.newEntry(id: "k2")
        shop.environment["APP_KEYS"] = new
        let outcome = try await shop.gatehouse("keys", "rotate")
        #expect(outcome.exit == .code(1))
        #expect(outcome.errors.contains("put the missing key back"))
        shop.environment["APP_KEYS"] = new + "," + old
        try await shop.expectOK("keys", "rotate")
    }
}
