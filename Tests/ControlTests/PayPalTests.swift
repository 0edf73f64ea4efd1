import Domain
import Foundation
import PayPal
import Store
import TestKit
import Testing

@testable import ControlCommands

@Suite struct `PayPal at the command line` {
    /// An operator whose PayPal is scripted.
    func run(_ test: @escaping @Sendable (ScriptedPayPal, Operator) async throws -> Void) async throws {
        try await ScriptedPayPal.run { payPal, client in
            var person = try await Operator()
            person.environment["PAYPAL_CLIENT_ID"] = client.settings.clientID
            person.environment["PAYPAL_CLIENT_SECRET"] = client.settings.clientSecret
            person.environment["PAYPAL_PARTNER_MERCHANT_ID"] = client.settings.partnerMerchantID
            person.environment["PAYPAL_BASE_URL"] = client.settings.base
            person.environment["APP_URL"] = "https://pay.example.com"
            try await test(payPal, person)
        }
    }

    let webhooks = "/v1/notifications/webhooks"
    let url = "https://pay.example.com/webhooks/paypal"

    @Test func `a webhook is registered once, and used again`() async throws {
        try await run { payPal, person in
            payPal.answers("GET " + webhooks, .json(#"{"webhooks":[]}"#))
            payPal.answers("POST " + webhooks, .json(201, #"{"id":"0LS33","url":"\#(url)","event_types":[]}"#))
            let made = try await person.expectOK("paypal", "webhooks", "register")
            #expect(made.output.contains("PAYPAL_WEBHOOK_ID=0LS33\nPut that line into the settings and restart"))
            let names = payPal.asked.last?.json["event_types"].array.compactMap { $0["name"].string } ?? []
            // All that the document forwards, and what it has no word of.
            for name in [
                "PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.DENIED", "PAYMENT.CAPTURE.PENDING",
                "PAYMENT.CAPTURE.REFUNDED", "CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED",
                "PAYMENT.SALE.COMPLETED", "MERCHANT.ONBOARDING.COMPLETED", "PAYMENT.CAPTURE.DECLINED",
                "VAULT.PAYMENT-TOKEN.CREATED",
            ] {
                #expect(names.contains(name), "\(name)")
            }
            #expect(!names.contains { $0.hasPrefix("BILLING.SUBSCRIPTION.") })
            #expect(payPal.asked.last?.json["url"].string == url)

            let known = names.map { #"{"name":"\#($0)"}"# }.joined(separator: ",")
            payPal.answers(
                "GET " + webhooks,
                .json(#"{"webhooks":[{"id":"0LS33","url":"\#(url)","event_types":[\#(known)]}]}"#),
                .json(#"{"webhooks":[{"id":"0LS33","url":"\#(url)","event_types":[{"name":"X.Y"}]}]}"#)
            )
            let kept = try await person.expectOK("paypal", "webhooks", "register", "--json").document()
            #expect(kept["result"] as? String == "kept")
            payPal.answers("PATCH " + webhooks + "/0LS33", .json(#"{"id":"0LS33","url":"\#(url)","event_types":[]}"#))
            let extended = try await person.expectOK("paypal", "webhooks", "register", "--json").document()
            #expect(extended["result"] as? String == "extended")
            #expect(payPal.asked.last?.json[0]["value"][0]["name"].string == "X.Y")
            #expect(payPal.asked.filter { $0.method == "POST" }.count == 1)
            var settled = person
            settled.environment["PAYPAL_WEBHOOK_ID"] = "0LS33"
            #expect(try await !settled.expectOK("paypal", "webhooks", "register").output.contains("restart"))
        }
    }

    @Test func `too many webhooks, a bad address and wrong credentials say what to do`() async throws {
        try await run { payPal, person in
            payPal.answers("GET " + webhooks, .json(#"{"webhooks":[]}"#))
            payPal.answers(
                "POST " + webhooks,
                .refusal(400, "WEBHOOK_NUMBER_LIMIT_EXCEEDED"),
                .json(400, #"{"name":"VALIDATION_ERROR","details":[{"field":"url","issue":"VALIDATION_ERROR"}]}"#)
            )
            let full = try await person.gatehouse("paypal", "webhooks", "register")
            #expect(full.exit == .code(1))
            #expect(full.errors.contains("paypal webhooks list"))
            #expect(try await person.gatehouse("paypal", "webhooks", "register").exit == .code(64))
            payPal.answers("POST /v1/oauth2/token", .json(401, #"{"error":"invalid_client"}"#))
            let refused = try await person.gatehouse("paypal", "webhooks", "list")
            #expect(refused.exit == .code(78))
            #expect(!refused.errors.contains("secret-word"))
        }
    }

    @Test func `webhooks are listed and deleted`() async throws {
        try await run { payPal, person in
            payPal.answers(
                "GET " + webhooks,
                .json(#"{"webhooks":[{"id":"0LS33","url":"\#(url)","event_types":[{"name":"X"}]}]}"#)
            )
            #expect(try await person.expectOK("paypal", "webhooks", "list").output.contains(url))
            payPal.answers("DELETE " + webhooks + "/0LS33", .json(204, ""), .refusal(404, "INVALID_RESOURCE_ID"))
            let other = try await person.expectOK("paypal", "webhooks", "delete", "0LS33")
            #expect(!other.output.contains("register"))
            #expect(try await person.gatehouse("paypal", "webhooks", "delete", "0LS33").exit == .code(3))
            payPal.answers("DELETE " + webhooks + "/0LS33", .json(204, ""))
            var settled = person
            settled.environment["PAYPAL_WEBHOOK_ID"] = "0LS33"
            let ours = try await settled.expectOK("paypal", "webhooks", "delete", "0LS33")
            #expect(ours.output.contains("gatehouse paypal webhooks register"))
        }
    }

    @Test func `transactions of any span are asked for in windows of 31 days`() async throws {
        let reporting = "GET /v1/reporting/transactions"
        let entry =
            #"{"transaction_info":{"transaction_id":"3C67","transaction_event_code":"T0006","transaction_status":"S","transaction_amount":{"currency_code":"USD","value":"100.00"},"invoice_id":"=cmd","transaction_initiation_date":"2026-01-05T10:11:12+0000"}}"#
        @Sendable func page(_ entries: String, _ page: Int = 1, of pages: Int = 1) -> ScriptedPayPal.Answer {
            .json(#"{"transaction_details":[\#(entries)],"page":\#(page),"total_items":1,"total_pages":\#(pages)}"#)
        }
        try await run { payPal, person in
            payPal.answers(
                reporting,
                page(entry, 1, of: 2),
                page(entry, 2, of: 2),
                .refusal(400, "RESULTSET_TOO_LARGE"),
                page(""),
                page(""),
                page(entry)
            )
            let found = try await person.expectOK(
                "paypal",
                "transactions",
                "--start",
                "2026-01-01",
                "--end",
                "2026-03-10",
                "--csv"
            )
            let lines = found.output.split(separator: "\n")
            #expect(lines.count == 4)
            #expect(lines[1].contains("3C67,,T0006,S,100.00,USD"))
            #expect(lines[1].contains(",'=cmd,"), "no formula for a spreadsheet")
            let asked = payPal.asked.map(\.query)
            #expect(asked.count == 6)
            #expect(asked[0].contains("start_date=2026-01-01T00%3A00%3A00Z"))
            #expect(asked[0].contains("end_date=2026-01-31T23%3A59%3A59Z"))
            #expect(asked[1].contains("page=2"))
            #expect(asked[5].contains("end_date=2026-03-10T23%3A59%3A59Z"))
            payPal.answers(reporting, page(entry))
            let document = try await person.expectOK(
                "paypal",
                "transactions",
                "--start",
                "2026-01-01",
                "--end",
                "2026-01-02",
                "--json"
            ).document()
            #expect((document["transactions"] as? [Any])?.count == 1)
        }
    }

    @Test func `what PayPal told is shown as it came, and nothing is made up`() async throws {
        let body = #"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"amount":{"value":"1.0"}}}"#
        try await run { _, person in
            try await person.store.transaction { transaction in
                let record = PayPalEventRecord(
                    id: "WH-1",
                    type: "PAYMENT.CAPTURE.COMPLETED",
                    body: Array(body.utf8),
                    headers: [nil, nil, nil, nil, nil],
                    source: .webhook,
                    occurredAt: nil,
                    receivedAt: .now
                )
                _ = try transaction.keep(record)
                try transaction.settle("WH-1", .applied, merchant: nil, subscription: nil, at: .now)
            }
            let raw = try await person.expectOK(
                "paypal",
                "webhooks",
                "events",
                "--type",
                "PAYMENT.CAPTURE.COMPLETED",
                "--raw"
            )
            #expect(raw.output == body + "\n")
            #expect(try await person.gatehouse("paypal", "webhooks", "events", "--type", "NO.SUCH").exit == .code(3))

            let merchant = try await connect(person, webhooksURL: nil)
            let silent = try await person.gatehouse(
                "paypal",
                "webhooks",
                "simulate",
                "--event",
                "PAYMENT.CAPTURE.COMPLETED",
                "--merchant",
                merchant.payPalID
            )
            #expect(silent.exit == .code(1))
            #expect(silent.errors.contains("webhooks_url"))
            _ = try await connect(person, webhooksURL: "https://shop.example/hook")
            let unknown = try await person.gatehouse(
                "paypal",
                "webhooks",
                "simulate",
                "--event",
                "PAYMENT.CAPTURE.DENIED",
                "--merchant",
                merchant.payPalID
            )
            #expect(unknown.exit == .code(1))
            #expect(unknown.errors.contains("no real PAYMENT.CAPTURE.DENIED event"))
        }
    }

    @Test func `webhooks that are switched off are said, instead of waited for`() async throws {
        try await run { _, person in
            let merchant = try await connect(person, webhooksURL: "https://shop.example/hook")
            let shown = try await person.expectOK("merchants", "show", merchant.payPalID)
            #expect(!shown.output.contains("switched off"))
            let (endpoint, subscription) = try await person.store.transaction { transaction in
                _ = try transaction.stageForward(try Forward.test("TEST-1", at: .now), to: merchant.id, at: .now)
                let endpoint = try transaction.endpoints(of: .merchant(merchant.id))[0].id
                try transaction.disable(endpoint, as: .delinquent, at: .now)
                let subscription = VaultSubscription(
                    id: .new(at: .now),
                    merchant: merchant.id,
                    payPalID: "SUB1",
                    flow: .vaultFirst,
                    source: .paypal,
                    thriveOrderID: 1,
                    amount: Money("9.99", "USD")!,
                    frequency: .month,
                    interval: "1 month",
                    createdAt: .now
                )
                try transaction.insert(subscription)
                return (endpoint, subscription.payPalID)
            }
            let off = try await person.expectOK("merchants", "show", merchant.payPalID)
            #expect(off.output.contains("delinquent since"))
            #expect(off.output.contains("gatehouse endpoint enable \(endpoint)"))
            let simulated = try await person.gatehouse(
                "paypal",
                "webhooks",
                "simulate",
                "--event",
                "THRIVE.ACCESS.REVOKE",
                "--merchant",
                merchant.payPalID,
                "--subscription-id",
                subscription
            )
            #expect(simulated.exit == .code(1))
            #expect(simulated.errors.contains("gatehouse endpoint enable \(endpoint)"))
        }
    }

    @discardableResult
    func connect(_ person: Operator, webhooksURL: String?) async throws -> Merchant {
        let claim = MerchantClaim(
            environment: .sandbox,
            payPalID: "HF5SN9RKCTNJ2",
            secretHash: [UInt8](repeating: 1, count: 32),
            siteURL: "https://shop.example",
            webhooksURL: webhooksURL,
            profile: Merchant.Profile(country: "US", capabilities: ["APPLE_PAY": "ACTIVE"])
        )
        let connection = try await person.store.transaction {
            try $0.connectMerchant(claim, newSecret: { _ in [1] }, at: .now)
        }
        guard case .connected(let merchant) = connection else { throw NotConnected() }
        return merchant
    }

    struct NotConnected: Error {}

    @Test func `merchants are listed, shown and let go`() async throws {
        try await run { _, person in
            let merchant = try await connect(person, webhooksURL: "https://shop.example/hook")
            #expect(try await person.expectOK("merchants", "list").output.contains("HF5SN9RKCTNJ2"))
            let shown = try await person.expectOK("merchants", "show", "HF5SN9RKCTNJ2", "--json").document()
            #expect((shown["merchant"] as? [String: Any])?["webhooks_url"] as? String == "https://shop.example/hook")
            #expect((shown["capabilities"] as? [String: String])?["APPLE_PAY"] == "ACTIVE")
            #expect(try await person.gatehouse("merchants", "disconnect", "HF5SN9RKCTNJ2").exit == .code(64))
            try await person.expectOK("merchants", "disconnect", merchant.id.description, "--yes")
            let id = merchant.id
            #expect(try await person.store.read { try $0.merchant(id) }?.state == .disconnected)
            #expect(try await person.gatehouse("merchants", "disconnect", id.description, "--yes").exit == .code(3))
            #expect(try await person.gatehouse("merchants", "show", "NOBODY").exit == .code(3))
        }
    }
}

@Suite struct `Changing a simulated event` {
    let body: JSON = ["resource": ["amount": ["value": "29.00"], "links": [["rel": "up"]]]]

    @Test(arguments: [
        ("resource.amount.value=15.00", #"{"resource":{"amount":{"value":"15.00"},"links":[{"rel":"up"}]}}"#),
        ("resource.links.0.rel=self", #"{"resource":{"amount":{"value":"29.00"},"links":[{"rel":"self"}]}}"#),
        ("a.b=7", #"{"resource":{"amount":{"value":"29.00"},"links":[{"rel":"up"}]},"a":{"b":7}}"#),
        ("a=true", #"{"resource":{"amount":{"value":"29.00"},"links":[{"rel":"up"}]},"a":true}"#),
        ("a=007", #"{"resource":{"amount":{"value":"29.00"},"links":[{"rel":"up"}]},"a":"007"}"#),
        ("a=b=c", #"{"resource":{"amount":{"value":"29.00"},"links":[{"rel":"up"}]},"a":"b=c"}"#),
    ])
    func `puts values in their places`(change: String, text: String) throws {
        #expect(try Override.plain(change).applied(to: body).text == text)
    }

    @Test func `takes whole documents`() throws {
        let change = try Override.json(#"resource={"x":[1,{"y":null}]}"#)
        #expect(change.applied(to: body).text == #"{"resource":{"x":[1,{"y":null}]}}"#)
    }

    @Test(arguments: ["", "=x", "a", "a..b=1", ".a=1"]) func `refuses what names no place`(change: String) {
        #expect(throws: (any Error).self) { try Override.plain(change) }
    }
}
