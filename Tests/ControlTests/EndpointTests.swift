import Domain
import Foundation
import Jobs
import Postgres
import Store
import TestKit
import Testing

@testable import ControlCommands

@Suite struct `Endpoints at the command line` {
    @Test func `one is made, shown without its secret, rotated, switched off and on`() async throws {
        let shop = try await Operator.withShop()
        let made = try await shop.expectOK(
            "endpoint",
            "create",
            "https://shop.example/hook",
            "--event",
            "order.paid",
            "--event",
            "member.created",
            "--plan",
            "basic",
            "--contact",
            "ops@example.com",
            "--json"
        ).document()
        let secret = try #require(made["secret"] as? String)
        #expect(secret.hasPrefix("whsec_"))
        let id = try #require((made["endpoint"] as? [String: Any])?["id"] as? String)

        let listed = try await shop.expectOK("endpoint", "list")
        #expect(listed.output.contains("https://shop.example/hook"))
        #expect(listed.output.contains("member.created order.paid"))
        #expect(!listed.output.contains("whsec_"))
        let rotated = try await shop.expectOK("endpoint", "rotate", id, "--json").document()
        #expect(rotated["secret"] as? String != secret)
        let endpoint = try #require(Endpoint.ID(id))
        #expect(try await shop.store.read { try $0.secrets(of: [endpoint], at: .now) }.count == 2)
        #expect(try await shop.expectOK("endpoint", "disable", id).output.contains("disabled now"))
        #expect(try await shop.expectOK("endpoint", "show", id).output.contains("disabled since"))
        #expect(try await shop.expectOK("endpoint", "enable", id).output.contains("enabled now"))

        let keys = try await shop.expectOK("keys", "rotate", "--json").document()
        #expect(keys["current"] as? Int == 3)
    }

    @Test(arguments: [
        "http://shop.example/", "https://127.0.0.1/", "https://localhost/", "https://user@shop.example/",
        "https://shop.example:22/", "ftp://shop.example/", "https://169.254.169.254/latest",
    ]) func `an address that we would not call is refused when it is typed`(url: String) async throws {
        let shop = try await Operator.withShop()
        let outcome = try await shop.gatehouse("endpoint", "create", url)
        #expect(outcome.exit == .code(64))
        #expect(outcome.errors.contains("fix: "))
        #expect(try await shop.store.read { try $0.endpoints(of: .site(try $0.sites()[0].id)) }.isEmpty)
    }

    @Test func `one that only failed is told by the doctor, until somebody sees to it`() async throws {
        let shop = try await Operator.withShop()
        let made = try await shop.expectOK("endpoint", "create", "https://shop.example/hook", "--json").document()
        let ours = try #require(((made["endpoint"] as? [String: Any])?["id"] as? String).flatMap { Endpoint.ID($0) })
        let claim = MerchantClaim(
            environment: .sandbox,
            payPalID: "HF5SN9RKCTNJ2",
            secretHash: [UInt8](repeating: 1, count: 32),
            siteURL: "https://plugin.example",
            webhooksURL: "https://plugin.example/hook",
            profile: Merchant.Profile(country: "US", capabilities: [:])
        )
        let theirs = try await shop.store.transaction { transaction -> Endpoint.ID in
            let connection = try transaction.connectMerchant(claim, newSecret: { _ in [1] }, at: .now)
            guard case .connected(let merchant) = connection else { throw NotConnected() }
            _ = try transaction.stageForward(try Forward.test("TEST-1", at: .now), to: merchant.id, at: .now)
            return try transaction.endpoints(of: .merchant(merchant.id))[0].id
        }
        #expect(try await told(by: shop) == [])

        try await shop.store.transaction { transaction in
            try transaction.disable(ours, as: .gone, at: .now)
            try transaction.disable(theirs, as: .delinquent, at: .now)
        }
        let warnings = try await told(by: shop)
        #expect(warnings.count == 2)
        #expect(warnings.contains { $0.hasPrefix("an endpoint answered 410 and is switched off since") })
        #expect(
            warnings.contains { $0.hasPrefix("a merchant's webhooks_url only failed for days and is switched off") }
        )

        try await shop.expectOK("endpoint", "enable", "\(ours)")
        #expect(try await shop.expectOK("endpoint", "disable", "\(theirs)").output.contains("disabled now"))
        #expect(try await shop.expectOK("endpoint", "disable", "\(theirs)").output.contains("disabled already"))
        #expect(try await told(by: shop) == [])
    }

    private struct NotConnected: Error {}

    private func told(by shop: Operator) async throws -> [String] {
        let document = try await shop.gatehouse("doctor", "--json").document()
        let findings = try #require(document["findings"] as? [[String: Any]])
        return findings.filter { $0["state"] as? String == "warning" }.compactMap { $0["what"] as? String }
            .filter { $0.contains("switched off") }
    }

    @Test func `what it missed is counted, planned once, and found again`() async throws {
        let shop = try await Operator.withShop()
        let made = try await shop.expectOK("endpoint", "create", "https://shop.example/hook", "--json").document()
        let id = try #require((made["endpoint"] as? [String: Any])?["id"] as? String)
        try await shop.expectOK("endpoint", "disable", id)
        let site = try await shop.store.read { try $0.sites()[0].id }
        try await shop.store.transaction { transaction in
            try transaction.stage(.memberCreated, MessageFacts(), of: site, at: .now)
            _ = try transaction.relay(limit: 10, at: .now)
        }
        #expect(try await shop.expectOK("endpoint", "enable", id).output.contains("It missed 1 message:"))
        try await shop.expectOK("endpoint", "disable", id)
        try await shop.store.transaction { transaction in
            for _ in 0..<2 { try transaction.stage(.memberCreated, MessageFacts(), of: site, at: .now) }
            _ = try transaction.relay(limit: 10, at: .now)
        }
        #expect(try await shop.expectOK("endpoint", "enable", id).output.contains("It missed 3 messages:"))
        let preview = try await shop.expectOK(
            "deliveries",
            "recover",
            id,
            "--since",
            "1h",
            "--preview",
            "--json"
        ).document()
        #expect(preview["missed"] as? Int == 3)
        #expect(preview["planned"] as? Int == 0)
        for planned in [3, 0] {
            let recovered = try await shop.expectOK("deliveries", "recover", id, "--since", "1h", "--json").document()
            #expect(recovered["planned"] as? Int == planned)
        }
        let found = try await shop.expectOK(
            "deliveries",
            "list",
            "--state",
            "pending",
            "--event",
            "member.created",
            "--limit",
            "2",
            "--json"
        ).document()
        let deliveries = try #require(found["deliveries"] as? [[String: Any]])
        #expect(deliveries.count == 2)
        let next = try #require(found["next"] as? String)
        let rest = try await shop.expectOK("deliveries", "list", "--after", next, "--json").document()
        #expect((rest["deliveries"] as? [Any])?.count == 1)

        let delivery = try #require(deliveries[0]["id"] as? String)
        #expect(try await shop.expectOK("deliveries", "show", delivery).output.contains(#""event":"member.created""#))
        try await shop.expectOK("deliveries", "resend", delivery)
        let jobs = JobQueue(redis: shop.redis, logger: CapturedLog().logger)
        // One for the resend, and for what was planned one a second at most.
        #expect((2...4).contains(try await jobs.stats(of: "notifications").held))
        #expect(try await shop.expectOK("deliveries", "tail", "--until-idle", "10ms").output == "")
    }

    @Test func `letters are written once members are to have them, and shown`() async throws {
        let shop = try await Operator.withShop()
        try await shop.expectOK("mails", "members", "--sign-in-url", "https://members.example/in")
        #expect(try await shop.gatehouse("mails", "members").exit == .code(64))
        let site = try await shop.store.read { try $0.sites()[0].id }
        let now = Date.now
        let mail = Mail(
            id: .new(at: now),
            site: site,
            template: "welcome",
            dedupeKey: "k",
            recipient: try #require(EmailAddress("ana@example.com")),
            subject: "Welcome",
            text: "Hello Ana",
            html: "<p>Hello Ana</p>",
            createdAt: now
        )
        try await shop.store.transaction { transaction in
            #expect(try transaction.stage(mail))
            #expect(try !transaction.stage(mail))
            try transaction.settle(mail.id, as: .kept, at: now)
        }
        #expect(try await shop.expectOK("mails", "list", "--state", "kept").output.contains("ana@example.com"))
        #expect(try await shop.expectOK("mails", "show", mail.id.description).output.contains("Hello Ana"))
        try await shop.expectOK("mails", "members", "--off")
    }
}
