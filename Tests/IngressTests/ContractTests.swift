import Domain
import Foundation
import FulfillmentJobs
import IngressRoutes
import Jobs
import TestKit
import Testing
import ThriveCart
import Web

@Suite struct `ThriveCart's webhooks` {
    static let paths = [
        "/webhooks/thrivecart/demo", "/webhooks/thrivecart/demo/", "/api/webhooks/thrivecart",
        "/api/webhooks/thrivecart/",
    ]

    @Test(arguments: paths) func `looking whether we are there has no effect`(path: String) async throws {
        try await withIngress { ingress async throws in
            #expect(try await ingress.ask("HEAD", path).status == 200)
            #expect(try await ingress.ask("GET", path).status == 200)
            for body in ["", "{}", " {}\r\n", "\n"] {
                #expect(try await ingress.post(body, to: path).status == 200)
            }
            #expect(try await ingress.jobs().isEmpty)
            #expect(ingress.metrics.text().contains(#"outcome="ping",provider="thrivecart"} 4"#))
        }
    }

    @Test(arguments: paths) func `a purchase waits for fulfillment, without its secret, before it is acknowledged`(
        path: String
    ) async throws {
        try await withIngress { ingress async throws in
            let body = try Fixture.event("order.success.subscription-monthly.form")
            #expect(try await ingress.post(body, to: path).status == 200)

            let job = try #require(try await ingress.jobs().first)
            #expect(job.site == IngressUnderTest.demo.id)
            #expect(job.provider == .thriveCart)
            #expect(job.source == .webhook)
            #expect(try job.deliveryKey == ThriveCartBody.parse(body).deliveryKey)
            let text = String(decoding: job.body, as: UTF8.self)
            #expect(text.contains("event=order.success"))
            #expect(!text.contains("TESTSECRET00"))
            #expect(!text.contains("thrivecart_secret"))
            #expect(!ingress.log.text.contains("TESTSECRET00"))
        }
    }

    @Test func `the same delivery again is the same job and a success`() async throws {
        try await withIngress { ingress async throws in
            let body = try Fixture.event("order.success.subscription-monthly.form")
            for path in Self.paths + Self.paths {
                #expect(try await ingress.post(body, to: path).status == 200)
            }
            #expect(try await ingress.jobs().count == 1)
            #expect(ingress.metrics.text().contains(#"outcome="duplicate",provider="thrivecart"} 7"#))
        }
    }

    @Test func `a hundred copies at once are one job`() async throws {
        try await withIngress { ingress async throws in
            let body = try Fixture.event("order.success.subscription-monthly.form")
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<100 { group.addTask { try await ingress.post(body).status } }
                for try await status in group { #expect(status == 200) }
            }
            #expect(try await ingress.jobs().count == 1)
        }
    }

    @Test(arguments: [
        "event=order.invented&thrivecart_account=examplestudio&thrivecart_secret=TESTSECRET00&order_id=1",
        "event=affiliate.commission_earned&thrivecart_secret=TESTSECRET00",
        #"{"event":"order.success","thrivecart_secret":"TESTSECRET00","order_id":7}"#,
    ]) func `an event that we do not know, or can not use, is accepted`(body: String) async throws {
        try await withIngress { ingress async throws in
            #expect(try await ingress.post(body).status == 200)
            #expect(try await ingress.jobs().count == 1)
        }
    }

    @Test(arguments: [
        "event=order.success&order_id=1",
        "event=order.success&thrivecart_secret=",
        "event=order.success&thrivecart_secret=WRONG",
        "event=order.success&thrivecart_secret=TESTSECRET0",
        "event=order.success&thrivecart_secret=TESTSECRET00x",
        "event=order.success&thrivecart_secret%5B%5D=TESTSECRET00",
        "event=order.success&thrivecart_secret=TESTSECRET00&thrivecart_account=somebodyelse",
        "event=order.success&thrivecart_secret=TESTSECRET00&thrivecart_account%5B%5D=examplestudio",
        #"{"event":"order.success","thrivecart_secret":["TESTSECRET00"]}"#,
        #"{"event":"order.success","thrivecart_secret":null}"#,
        "x=y&thrivecart_secret=",
        "thrivecart_secret=WRONG",
        #"[{"event":"order.success","thrivecart_secret":"TESTSECRET00"}]"#,
        #"{"data":{"thrivecart_secret":"TESTSECRET00"}}"#,
    ]) func `what is not proven gets one answer, whatever is wrong with it`(body: String) async throws {
        try await withIngress { ingress async throws in
            var answers: Set<String> = []
            for path in Self.paths + ["/webhooks/thrivecart/nobody", "/webhooks/thrivecart/%3Cscript%3E"] {
                let answer = try await ingress.post(body, to: path)
                #expect(answer.status == 401)
                answers.insert(answer.body + (answer.headers["retry-after"] ?? ""))
            }
            #expect(answers == [#"{"error":{"code":"unauthorized","message":"The request could not be verified."}}"#])
            #expect(try await ingress.jobs().isEmpty)
        }
    }

    @Test(arguments: ["x=y", "ping=1&time=1790000000", "[]", #"{"ping":true}"#])
    func `a post that names no event and proves nothing is a look whether we are there`(
        body: String
    ) async throws {
        try await withIngress { ingress async throws in
            for path in Self.paths { #expect(try await ingress.post(body, to: path).status == 200) }
            #expect(try await ingress.jobs().isEmpty)
            #expect(ingress.metrics.text().contains(#"outcome="ping",provider="thrivecart"} 4"#))
        }
    }

    @Test(arguments: ["order.success.account-mismatch.form", "order.success.account-mismatch.json"])
    func `the right secret of another account is refused`(name: String) async throws {
        try await withIngress { ingress async throws in
            #expect(try await ingress.post(try Fixture.event(name)).status == 401)
            #expect(
                ingress.metrics.text().contains(
                    #"ingress_refused_total{provider="thrivecart",reason="account_wrong"} 1"#
                )
            )
        }
    }

    @Test func `every event that ThriveCart sends is accepted, and none twice`() async throws {
        let names = try Fixture.events().filter { !$0.hasPrefix("bad.") && !$0.contains("mismatch") }
        #expect(names.count > 100)
        try await withIngress { ingress async throws in
            for name in names {
                let body = try Fixture.event(name)
                // Event Subscriptions are another road, with no secret in the body.
                guard String(decoding: body, as: UTF8.self).contains("TESTSECRET00") else { continue }
                for _ in 0..<2 { #expect(try await ingress.post(body).status == 200, "\(name)") }
            }
            let text = ingress.metrics.text()
            func count(_ outcome: String) -> Int? {
                let line = text.split(separator: "\n").first {
                    $0.hasPrefix(#"ingress_webhooks_total{outcome="\#(outcome)""#)
                }
                return line?.split(separator: " ").last.flatMap { Int($0) }
            }
            let held = try await ingress.queue.stats(of: ApplyInboundEvent.queue).held
            #expect(count("accepted") == held)
            #expect(held > 40)
        }
    }

    @Test func `a proven event at another site's address is refused like any other`() async throws {
        let other = IngressSettings.SiteEntry(
            id: Site.ID.new(at: .now),
            slug: try #require(Slug("other")),
            thriveCartAccount: "otherstudio",
            thriveCartSecrets: ["OTHERSECRET"]
        )
        try await withIngress([IngressUnderTest.demo, other]) { ingress async throws in
            let body = try Fixture.event("order.success.subscription-monthly.form")
            #expect(try await ingress.post(body, to: "/webhooks/thrivecart/other").status == 401)
            #expect(try await ingress.post(body, to: "/webhooks/thrivecart/nobody").status == 401)
            #expect(try await ingress.jobs().isEmpty)

            #expect(try await ingress.post(body, to: "/api/webhooks/thrivecart").status == 200)
            #expect(try await ingress.jobs().map(\.site) == [IngressUnderTest.demo.id])
        }
    }

    @Test func `at the shared address the account tells apart sites with one secret`() async throws {
        func site(_ name: String, account: String?) throws -> IngressSettings.SiteEntry {
            .init(
                id: Site.ID.new(at: .now),
                slug: try #require(Slug(name)),
                thriveCartAccount: account,
                thriveCartSecrets: ["SHARED"]
            )
        }
        let (a, b) = (try site("a", account: "studio-a"), try site("b", account: "Studio-B"))
        try await withIngress([a, b]) { ingress async throws in
            let body = "event=order.success&thrivecart_secret=SHARED&order_id=1"
            #expect(
                try await ingress.post(body + "&thrivecart_account=studio-b", to: "/api/webhooks/thrivecart").status
                    == 200
            )
            #expect(try await ingress.jobs().map(\.site) == [b.id])
            // Without an account nobody can say whose it is.
            #expect(try await ingress.post(body, to: "/api/webhooks/thrivecart").status == 401)
            // At a site's own address the secret is enough.
            #expect(try await ingress.post(body, to: "/webhooks/thrivecart/a").status == 200)
            #expect(try await ingress.jobs().count == 2)
        }
    }

    @Test func `two accounts of one site may give their events the same numbers`() async throws {
        var site = IngressUnderTest.demo
        site.thriveCartAccount = nil
        let open = site
        try await withIngress([open]) { ingress async throws in
            for account in ["studio-a", "studio-b", "studio-b"] {
                let body = "event=order.refund&event_id=1&thrivecart_secret=TESTSECRET00&thrivecart_account=\(account)"
                #expect(try await ingress.post(body).status == 200)
            }
            #expect(try await ingress.jobs().count == 2)
        }
    }

    @Test func `while a secret is changed, both are good, and then the old one is not`() async throws {
        var site = IngressUnderTest.demo
        site.thriveCartSecrets = ["NEWSECRET", "TESTSECRET00"]
        let settings = site
        try await withIngress([settings]) { ingress async throws in
            #expect(try await ingress.post("event=a&thrivecart_secret=TESTSECRET00").status == 200)
            #expect(try await ingress.post("event=b&thrivecart_secret=NEWSECRET").status == 200)

            var changed = settings
            changed.thriveCartSecrets = ["NEWSECRET"]
            try await ingress.publish([changed])
            try await eventually { try await ingress.post("event=c&thrivecart_secret=TESTSECRET00").status == 401 }
            #expect(try await ingress.post("event=d&thrivecart_secret=NEWSECRET").status == 200)
        }
    }

    @Test func `a site without secrets accepts nothing`() async throws {
        var site = IngressUnderTest.demo
        site.thriveCartSecrets = ["", "  "]
        try await withIngress([site]) { ingress async throws in
            for body in ["event=a", "event=a&thrivecart_secret=", "event=a&thrivecart_secret=%20%20"] {
                #expect(try await ingress.post(body).status == 401)
            }
        }
    }

    @Test func `the log says what became of it and nothing of the buyer`() async throws {
        try await withIngress { ingress async throws in
            let body = try Fixture.event("order.success.subscription-monthly.form")
            _ = try await ingress.post(body, to: "/webhooks/thrivecart/demo?token=secret-token")
            let line = try #require(ingress.log.lines.first { $0.message == "webhook received" })
            #expect(line.metadata["outcome"] == "accepted")
            #expect(line.metadata["site"] == "demo")
            #expect(line.metadata["event"] == "order.success")
            #expect(line.metadata["client"] == "127.0.0.1")
            #expect(line.metadata["job"]?.hasPrefix("thrivecart-") == true)
            #expect(line.metadata["request_id"] != nil)
            for word in ["example.com", "%40", "@", "secret-token", "TESTSECRET00", "Example"] {
                #expect(!ingress.log.text.contains(word), "\(word)")
            }
        }
    }

    @Test func `an event's name can not write to the log`() async throws {
        try await withIngress { ingress async throws in
            let name = "order%22%7B%3C%3E" + String(repeating: "x", count: 70)
            #expect(try await ingress.post("event=\(name)&thrivecart_secret=TESTSECRET00").status == 200)
            let line = try #require(ingress.log.lines.first { $0.message == "webhook received" })
            let event = try #require(line.metadata["event"])
            #expect(event.hasPrefix("order????"))
            #expect(event.count == 64)
        }
    }

    @Test func `a body that proves nothing has no name in the log`() async throws {
        try await withIngress { ingress async throws in
            _ = try await ingress.post(
                "event=mallory%40example.com&thrivecart_secret=x",
                to: "/webhooks/thrivecart/mallory"
            )
            let line = try #require(ingress.log.lines.first { $0.message == "webhook received" })
            #expect(line.metadata["outcome"] == "unauthorized")
            #expect(line.metadata["reason"] == "secret_wrong" || line.metadata["reason"] == "site_unknown")
            #expect(!ingress.log.text.contains("mallory"))
            #expect(ingress.metrics.text().contains(#"outcome="unauthorized",provider="thrivecart"} 1"#))
        }
    }
}
